"""What GDP's gates choose, before any training of what is left and after it: docs/measured/gates_choice.csv.

python -m tests.benchmarks.gates_choice [--networks resnet20 ...] [--arms gdp l1 ...] [--seeds 0 1 2]

A row is one network, as one arm left it at one stage, with whether each test image was answered right, so
that differences can be paired. `choice`: the channels that gates chose, cut from the weights that they
began with, norms recalibrated; beside them as many of each group by L1, and drawn by the seed. A row is kept
when it is measured; a second start goes on. The public ResNet-56 needs PRUNING_DATA.
"""

import argparse
import time
from types import SimpleNamespace
from unittest import mock

import numpy as np
import torch

from pruning.allocation import made
from pruning.allocation.limits import cost_of, limits_of
from pruning.cost import Plan
from pruning.criteria.scoring import score
from pruning.experiment import Recipe, gate_training, run
from pruning.experiment.loading import Loaded, load
from pruning.gates import training
from pruning.reconstruction import recalibrate
from pruning.statistics.calibration_images import CalibrationImages
from pruning.surgery import cut
from pruning.train import evaluate
from tests.benchmarks.measured import ROOT, public
from tests.benchmarks.measured_rows import MeasuredRows, as_bits

KEY = ("network", "cut", "seed", "arm", "stage")
COLUMNS = (*KEY, "macs_cut", "blocks", "holdout_loss", "images", "correct", "seconds", "torch", "right")
ROWS = MeasuredRows(ROOT / "docs" / "measured" / "gates_choice.csv", KEY, COLUMNS)
SCENES = {"data": "scenes", "epochs": 4}
NETWORKS: dict[str, dict] = {
    "resnet20": SCENES | {"cut": 0.5},
    "resnet20, 70 %": SCENES | {"cut": 0.7},
    "resnet20, blocks": SCENES | {"cut": 0.8},
    "vgg16_slim": SCENES | {"model": "vgg16_slim", "cut": 0.6},
    "mobilenet_v2_slim": SCENES | {"model": "mobilenet_v2_slim", "cut": 0.5},
    "resnet56": {"cut": 0.5, "epochs": 5, "lr": 0.02},
}
READINGS = {  # arm: what of GDP it asks for
    "gdp": {},
    "gdp, signed": {"pull": "signed"},
    "gdp, from l1": {"start": "l1"},
}
CHOICE, SAME_L1, SAME_RANDOM, AT_RANDOM = (
    "choice",
    "l1, same widths",
    "random, same widths",
    "closed at random",
)
RIVALS = ("l1", "di", "cpot", "catro")  # tuned for as many epochs
CHOICES = {f"{CHOICE}: {reading}": reading for reading in READINGS}
ARMS = (*CHOICES, *READINGS, AT_RANDOM, *RIVALS)
STAGES = ("baseline", "cut", "repaired", "tuned")
SEEDS = (0, 1, 2)


def recipe_of(network: str, criterion: str, seed: int, **how) -> Recipe:
    settings = NETWORKS[network] | {"criterion": criterion, "seed": seed, "threads": 1} | how
    if network == "resnet20, blocks" and criterion == "gdp":
        settings["options"] = settings.get("options", {}) | {"blocks": True}
    return public("resnet56", **settings) if network == "resnet56" else Recipe(**settings)


# ------------------------------------------------------------------------------------------------- its rows


def told(found: np.ndarray, **more) -> dict:
    """A row's end: right answers as bits."""
    version = torch.__version__.partition("+")[0]
    counted = {"images": len(found), "correct": int(found.sum()), "torch": version}
    return more | counted | {"right": as_bits(found)}


# ------------------------------------------------------------------------------------- the choice by itself


class Decided(Exception):
    """Raised in a training once every gate has been told; holds its GateOptimizer."""


class UntilDecided(training.Training):
    def one_batch(self):
        super().one_batch()
        if self.gate_optimizer.shutting is not None:
            raise Decided(self.gate_optimizer)


def chosen(loaded: Loaded) -> dict[int, np.ndarray]:
    """{group: channels that gates keep}, as soon as that is decided."""
    with mock.patch.object(training, "Training", UntilDecided):
        try:
            gate_training.train(loaded, epochs=loaded.recipe.gate_epochs)
        except Decided as end:
            gates = end.args[0]
            return {g: np.flatnonzero(~gates.shutting[own]) for g, own in gates.placement.starts.items()}
    raise ValueError("no gate was told anything; are there no steps?")


def same_widths(loaded: Loaded, kept: dict[int, np.ndarray], arm: str) -> dict[int, np.ndarray]:
    """As many channels of each group, by L1 or drawn."""
    names, random = loaded.graph.structure.names, np.random.default_rng(loaded.recipe.seed)
    worth = (
        score(loaded.graph, "l1")
        if arm == SAME_L1
        else {names[g]: random.random(loaded.graph.structure.groups[g].size) for g in kept}
    )
    return {g: np.sort(np.argsort(-worth[names[g]], kind="stable")[: len(own)]) for g, own in kept.items()}


def plan_of(loaded: Loaded, kept: dict[int, np.ndarray]) -> Plan:
    """Of the network as it was loaded: these channels of every group stay."""
    structure, recipe = loaded.graph.structure, loaded.recipe
    limits = limits_of(structure, recipe.groups, (), {}, recipe.max_cut_per_group, recipe.min_channels, 1)
    return made(structure, kept, "macs", recipe.cut, cost_of(structure, "macs", limits), limits)


def judged(loaded: Loaded, kept: dict[int, np.ndarray]) -> dict:
    """The original weights of these channels, recalibrated: right answers, and the loss on the hold-out."""
    recipe, plan = loaded.recipe, plan_of(loaded, kept)
    small, normalization = cut(loaded.model, plan), loaded.model.origin.normalization
    recalibrate(small, CalibrationImages(small, loaded.data, recipe.calibration, recipe.seed))
    loss = evaluate(small, loaded.data.holdout, normalization=normalization).loss
    found = evaluate(small, loaded.data.test, normalization=normalization).right
    return told(found, macs_cut=round(1 - plan.macs / plan.macs_before, 5), holdout_loss=round(loss, 5))


def choices(network: str, seed: int, reading: str) -> list[dict]:
    """What a reading of GDP chooses, and by L1 and by chance at its widths."""
    start, found = time.perf_counter(), []
    loaded = load(recipe_of(network, "gdp", seed, options=READINGS[reading]))
    kept = chosen(loaded)
    seconds = round(time.perf_counter() - start, 1)
    for same in ("", SAME_L1, SAME_RANDOM):
        row = judged(loaded, same_widths(loaded, kept, same) if same else kept)
        arm = f"{reading}: {same}" if same else reading
        found.append(row | {"arm": arm, "stage": CHOICE, "seconds": "" if same else seconds})
    return found


# ------------------------------------------------------------------------------------------ with all epochs


def stages(recipe: Recipe) -> list[dict]:
    """A row a stage of a run."""
    start = time.perf_counter()
    result = run(recipe)
    labels, closed = result.predictions["labels"], (result.report["gates"] or {}).get("closed_blocks", ())
    more = {
        "macs_cut": round(1 - result.plan.macs / result.plan.macs_before, 5),
        "blocks": len(closed),
        "seconds": round(time.perf_counter() - start, 1),
    }
    names = [stage for stage in STAGES if f"{stage}_classes" in result.predictions]
    return [told(result.predictions[f"{s}_classes"] == labels, stage=s, **more) for s in names]


def closed_at_random(network: str, seed: int) -> list[dict]:
    """As many channels of each group as GDP keeps there, drawn, and shut in the same way under the same
    norms. The training that finds these widths is not done again."""
    recipe = recipe_of(network, "gdp", seed, options={"control": "random"})
    kept, real = chosen(load(recipe.but(options={}))), training._trained

    def trained(graph, placement, *given):
        if len(given) > 3:  # which gates are to shut is told
            return real(graph, placement, *given)
        shut = np.concatenate(
            [np.isin(np.arange(n), kept[g]) for g, n in zip(kept, placement.sizes, strict=True)]
        )
        gates = SimpleNamespace(placement=placement, scaled=shut.astype(float))
        return SimpleNamespace(gate_optimizer=SimpleNamespace(gates=gates))

    with mock.patch.object(training, "_trained", trained):
        return stages(recipe)


def measured(network: str, arm: str, seed: int) -> list[dict]:
    if arm in CHOICES:
        return choices(network, seed, CHOICES[arm])
    if arm == AT_RANDOM:
        found = closed_at_random(network, seed)
    elif arm in READINGS:
        found = stages(recipe_of(network, "gdp", seed, options=READINGS[arm]))
    else:
        found = stages(recipe_of(network, arm, seed, repair="recalibrate"))
    return [row | {"arm": arm} for row in found]


def missing(network: str, arm: str, seed: int) -> bool:
    share = str(NETWORKS[network]["cut"])
    name, stage = (CHOICES[arm], CHOICE) if arm in CHOICES else (arm, "tuned")
    return (network, share, str(seed), name, stage) not in ROWS.known()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=tuple(NETWORKS))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for network, arm, seed in ((n, a, s) for a in given.arms for n in given.networks for s in given.seeds):
        if missing(network, arm, seed):
            found = measured(network, arm, seed)
            same = {"network": network, "cut": NETWORKS[network]["cut"], "seed": seed}
            ROWS.keep(*(row | same for row in found))
            print(network, seed, *(f"{r['arm']}/{r['stage']} {r['correct']}" for r in found), flush=True)


if __name__ == "__main__":
    main()
