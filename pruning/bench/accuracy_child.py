"""The process that measures what is left of a network. A line of output is a JSON object: total (rows to
come), network (test_images, baseline hits, macs), row, or error (a sentence for the user).

python -m pruning.bench.accuracy_child ours|peer REQUEST      request: as `accuracy.requested` makes it,
and whether the whole network is still to be looked at
"""

import contextlib
import copy
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch

import pruning
from pruning.bench.accuracy import PEER_REPAIRS, REPAIRS, SCOPES
from pruning.bench.peer_pruner import Peer
from pruning.error_messages import first_line
from pruning.experiment.loading import Loaded, load, use_threads
from pruning.experiment.planning import planned, scores_of
from pruning.experiment.recipe import Recipe
from pruning.reconstruction import recalibrate
from pruning.search import errors_of
from pruning.statistics.calibration_images import CalibrationImages
from pruning.train import evaluate

Say = Callable[[dict], None]


class Judge:
    """What every row has in common: our count of the MACs and the answers on the test part."""

    def __init__(self, loaded: Loaded):
        self.loaded = loaded

    def macs_cut(self, network) -> float:
        """Share of the MACs that is gone; raises what the network raises where it does not run."""
        with torch.no_grad():
            network(*self.loaded.graph.example)
        small = pruning.ChannelGraph(network, self.loaded.graph.example, verify=False)
        return 1 - small.macs / self.loaded.graph.macs

    def hits(self, network) -> str:
        """A character a test image, 1: right."""
        test, normalization = self.loaded.data.test, self.loaded.model.origin.normalization
        found = evaluate(network, test, normalization=normalization)
        return "".join("01"[bool(right)] for right in found.right)

    def figures(self, network) -> dict:
        return {"macs_cut": self.macs_cut(network), "hits": self.hits(network), "refused": None}

    def network(self) -> dict:
        test, whole = self.loaded.data.test, self.loaded.graph.macs
        return {"test_images": len(test), "baseline": self.hits(self.loaded.model), "macs": whole}


def by_seed(request: dict) -> Iterator[tuple[int, Loaded]]:
    for seed in request["seeds"]:
        yield seed, load(Recipe.from_dict(request["recipe"]).but(seed=seed))


# -------------------------------------------------------------------------------------------------- ours


def ours(request: dict, say: Say):
    """Every criterion, widths and repair of ours."""
    asked, cuts = request["ours"], request["cuts"]
    per_seed = len(asked["criteria"]) * len(asked["widths"]) * len(cuts) * len(REPAIRS)
    say({"total": len(request["seeds"]) * per_seed})
    for number, (seed, loaded) in enumerate(by_seed(request)):
        judge = Judge(loaded)
        if number == 0 and request["whole"]:
            say({"network": judge.network()})
        for name in asked["criteria"]:
            begun = time.perf_counter()
            scored = replace(loaded, recipe=loaded.recipe.but(criterion=name))
            scores = scores_of(scored)
            errors = errors_of_inner(scored, scores) if "error" in asked["widths"] else None
            took = time.perf_counter() - begun
            for widths in asked["widths"]:
                for cut in cuts:
                    recipe = scored.recipe.but(allocation=widths, cut=cut)
                    common = {"by": "ours", "criterion": name, "widths": widths, "scope": "inner"}
                    common |= {"cut": cut, "seed": seed}
                    one = replace(loaded, recipe=recipe)
                    for row in repaired(one, (scores, errors), judge, took, request["match_steps"]):
                        say({"row": common | row})


def errors_of_inner(loaded: Loaded, scores):
    """The error curves of these scores, which all cuts share."""
    groups = [g for g, group in enumerate(loaded.graph.structure.groups) if group.inner]
    how: dict[str, Any] = {"seed": loaded.recipe.seed, "calibration": loaded.recipe.calibration}
    return errors_of(loaded.graph, scores, loaded.data, groups, **how)


def repaired(loaded: Loaded, known: tuple, judge: Judge, scoring: float, steps: int) -> Iterator[dict]:
    """One cut of ours, with every repair. known: scores and their error curves.   scoring: the seconds that
    these took.   steps: of match."""
    begun, recipe, (scores, errors) = time.perf_counter(), loaded.recipe, known
    plan = planned(recipe, loaded.graph, scores, loaded.data, errors=errors)
    small = pruning.cut(loaded.model, plan)
    before = scoring + time.perf_counter() - begun
    for how in REPAIRS:
        mended, begun = copy.deepcopy(small), time.perf_counter()
        if how != "none":
            options = {"calibration": recipe.calibration, "seed": recipe.seed}
            pruning.repair(mended, plan, loaded.model, loaded.data, how, **options, match_steps=steps)
        seconds = before + time.perf_counter() - begun
        yield {"repair": how, **judge.figures(mended), "seconds": seconds}


# ------------------------------------------------------------------------------------------------ the peer


def peer(request: dict, say: Say):
    """Every criterion of Torch-Pruning's, in every way of its pruner, raw and with norms recalibrated."""
    asked, cuts = request["peer"], request["cuts"]
    made: dict[tuple, dict] = {}  # what does not depend on the images is cut once
    for number, (seed, loaded) in enumerate(by_seed(request)):
        judge = Judge(loaded)
        inner = all(group.inner for group in loaded.graph.structure.groups)
        scopes = SCOPES[:1] if inner else SCOPES  # where all are inside blocks, both are the same
        if number == 0:
            each = len(asked["criteria"]) * len(asked["widths"]) * len(cuts) * len(PEER_REPAIRS)
            say({"total": len(request["seeds"]) * each * len(scopes)})
            if request["whole"]:
                say({"network": judge.network()})
        for name in asked["criteria"]:
            pruner = Peer(loaded, name, judge.macs_cut)
            for scope in scopes:
                for way in asked["widths"]:
                    for cut in cuts:
                        common = {"by": "peer", "criterion": name, "widths": way, "scope": scope, "cut": cut}
                        key = (name, way, scope, cut, seed if pruner.looks else None)
                        if key not in made:
                            made[key] = attempted(pruner, way, scope, cut)
                        for row in recalibrated(made[key], loaded, judge):
                            say({"row": common | {"seed": seed} | row})


def attempted(pruner: Peer, way: str, scope: str, cut: float) -> dict:
    """{"network", "seconds"}, or {"refused": the first line of what it raised}."""
    begun = time.perf_counter()
    try:
        network = pruner.cut(cut, way, scope)
    except Exception as error:  # whatever it raises is its answer
        return {"refused": f"refused: {first_line(error)}"}
    return {"network": network, "seconds": time.perf_counter() - begun}


def recalibrated(made: dict, loaded: Loaded, judge: Judge) -> Iterator[dict]:
    for how in PEER_REPAIRS:
        if "refused" in made:
            yield {"repair": how, "macs_cut": None, "hits": None, "seconds": None, **made}
            continue
        network, begun = copy.deepcopy(made["network"]), time.perf_counter()
        if how == "recalibrate":
            images = CalibrationImages(network, loaded.data, loaded.recipe.calibration, loaded.recipe.seed)
            recalibrate(network, images)
        seconds = made["seconds"] + time.perf_counter() - begun
        yield {"repair": how, **judge.figures(network), "seconds": seconds}


def main(words: list[str]):
    side, request = words[0], json.loads(words[1])
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")

    def say(told: dict):
        print(json.dumps(told), file=out, flush=True)

    use_threads(Recipe.from_dict(request["recipe"]))
    with contextlib.redirect_stdout(sys.stderr):  # whatever a side prints, our lines are JSON
        try:
            {"ours": ours, "peer": peer}[side](request, say)
        except ValueError as error:
            say({"error": str(error)})


if __name__ == "__main__":
    main(sys.argv[1:])
