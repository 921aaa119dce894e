"""Targets beside brute force: is the network that is found accurate enough, and is it the smallest?

python -m tests.benchmarks.targets measure [--networks ...]     measures; goes on where it was ended
python -m tests.benchmarks.targets write                        writes docs/targets.md

For every network 40 cuts are made, repaired and asked for the test images, once each; the smallest of them
that is accurate enough is what a target could have found at best. Rows of docs/measured/targets.csv.
"""

import argparse
from functools import cache

import numpy as np
import torch

from pruning.experiment import Recipe
from pruning.progress import silent
from pruning.targets import Target, smallest
from pruning.targets.candidates import Candidates
from pruning.train import evaluate
from tests.benchmarks.criteria import filled
from tests.benchmarks.measured import ROOT
from tests.benchmarks.measured_rows import MeasuredRows
from tests.benchmarks.speed import machine

KEY = ("network", "kind", "asked")
COLUMNS = (*KEY, "cut", "macs", "holdout", "test", "test_images", "tried", "sure", "torch")
ROWS = MeasuredRows(ROOT / "docs" / "measured" / "targets.csv", KEY, COLUMNS)
NETWORKS = ("resnet20-digits", "resnet20-scenes", "vgg16_slim-scenes", "mobilenet_v2_slim-scenes")
CUTS = np.linspace(0.02, 0.95, 40).round(4)
POINTS = (0.5, 1.0, 2.0, 4.0)  # below the full network
KEPT = 0.02  # and so much less of the metric than the full network has on the hold-out
WHOLE, BRUTE = "whole", "brute force"


def recipe_of(network: str) -> Recipe:
    model, data = network.split("-")
    how = {
        "criterion": "l1",
        "allocation": "uniform",
        "repair": "recalibrate",
        "threads": torch.get_num_threads(),
    }
    return Recipe(model=model, data=data, **how)


@cache
def tried(network: str) -> Candidates:
    return Candidates(recipe_of(network), silent)


def judged(network: str, cut: float) -> dict:
    """One cut network, asked for the hold-out and for the test images."""
    known = tried(network)
    where = {"normalization": known.loaded.model.origin.normalization}
    small, macs = known.loaded.model, 1.0
    if cut:
        plan = known.plan(cut)
        small, macs = known.repaired(plan), plan.macs / plan.macs_before
    found = {
        part: evaluate(small, getattr(known.loaded.data, part), **where).value for part in ("holdout", "test")
    }
    return {"cut": cut, "macs": round(macs, 5), **found, "test_images": len(known.loaded.data.test)}


def keep(network: str, kind: str, asked: float, found: dict):
    row = {"network": network, "kind": kind, "asked": asked, "torch": torch.__version__, **found}
    ROWS.keep(row)
    print(row, flush=True)


def measure(network: str):
    for cut in (0.0, *CUTS):
        kind = BRUTE if cut else WHOLE
        if (network, kind, str(float(cut))) not in ROWS.known():
            try:
                keep(network, kind, float(cut), judged(network, float(cut)))
            except ValueError:  # the limits allow no more
                break
    whole = next(
        float(r["holdout"]) for r in ROWS.known().values() if (r["network"], r["kind"]) == (network, WHOLE)
    )
    targets = [("points_below", points) for points in POINTS]
    for kind, value in (*targets, ("keep_metric", round(whole - KEPT, 3))):
        if (network, kind, str(value)) not in ROWS.known():
            found = smallest(recipe_of(network), Target(kind, value))
            told = {"tried": len(found.candidates), "sure": round(found.sure, 3)}
            keep(network, kind, value, judged(network, found.recipe.cut) | told)


# ------------------------------------------------------------------------------------------- the document


def table() -> list[str]:
    """A row a target: asked, found, and the smallest of 40 cuts that the test images find accurate enough."""
    head = ["network", "target", "test accuracy wanted", "found: MACs left", "its test accuracy", "met"]
    head += ["smallest of 40: MACs left", "cuts tried"]
    lines, met, small, asked = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"], 0, 0, 0
    every = list(ROWS.known().values())
    for network in NETWORKS:
        of = [row for row in every if row["network"] == network]
        whole = next((row for row in of if row["kind"] == WHOLE), None)
        brute = [row for row in of if row["kind"] == BRUTE]
        for row in (row for row in of if row["kind"] in ("points_below", "keep_metric")):
            points = row["kind"] == "points_below"
            wanted = float(whole["test"]) - float(row["asked"]) / 100 if points else float(row["asked"])
            test, images = float(row["test"]), int(row["test_images"])
            error = (wanted * (1 - wanted) / images) ** 0.5
            best = min((float(b["macs"]) for b in brute if float(b["test"]) >= wanted), default=1.0)
            good = test >= wanted - error
            near = float(row["macs"]) <= best * 1.05
            met, small, asked = met + good, small + near, asked + 1
            words = f"{row['asked']} points below" if points else f"keeps {100 * float(row['asked']):.1f} %"
            cells = [network, words, f"{100 * wanted:.1f}", f"{float(row['macs']):.1%}", f"{100 * test:.1f}"]
            cells += ["yes" if test >= wanted else "within a standard error" if good else "no"]
            lines.append(f"| {' | '.join([*cells, f'{best:.1%}', row['tried']])} |")
    told = f"Met, less the test part's standard error: {met} of {asked}. At most 5 % more MACs than the "
    return [*lines, "", f"{told}smallest of 40 cuts: {small} of {asked}."]


def main(given: argparse.Namespace):
    if given.part == "write":
        return filled({"table": table(), "machine": [machine()]}, "targets.md")
    torch.set_num_threads(given.threads)
    for network in given.networks:
        measure(network)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("measure", "write"))
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--threads", type=int, default=1)
    main(parser.parse_args())
