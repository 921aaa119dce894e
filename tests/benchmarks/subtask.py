"""For three of ten classes: does it pay to choose channels by their labels? A part of docs/methods.md.

python -m tests.benchmarks.subtask [--threads N]      needs PRUNING_DATA (the public ResNet-56); goes on where
it was stopped

Ten triples of CIFAR-10's classes, drawn by `numpy.random.default_rng(0)` to `(9)`. 70 % of the channels in
blocks go, no training, norms recalibrated on the subtask's images, whoever chose.
"""

import argparse
import os
from collections.abc import Sequence

import numpy as np
import torch

from pruning.experiment import Recipe
from pruning.experiment.loading import Loaded, load
from pruning.experiment.planning import planned, scores_of
from pruning.reconstruction import recalibrate
from pruning.statistics.calibration_images import CalibrationImages
from pruning.surgery import cut
from pruning.tasks import Difference, paired_difference
from pruning.tasks.resampling import RESAMPLES
from tests.benchmarks.measured import SEEDS, in_points, percent, public, remembered, right, row, spread

TRIPLES = range(10)
CUT, HALF = 0.7, 0.5  # of the channels; of the MACs, where widths are compared
OWN, TEN, ENERGY_TEN = "catro", "catro, chosen on ten classes", "energy, chosen on ten classes"
ARMS = {
    OWN: ("catro", {}),
    "catro, shuffled labels": ("catro", {"labels": "shuffled"}),
    TEN: ("catro", {}),
    "l1": ("l1", {}),
    "energy": ("energy", {}),
    ENERGY_TEN: ("energy", {}),
}
WIDTHS = ("uniform", "trace-ratio")


def classes_of(triple: int) -> tuple[int, ...]:
    drawn = np.random.default_rng(triple).choice(10, 3, replace=False)
    return tuple(sorted(int(number) for number in drawn))


def key(triple: int | str, arm: str) -> str:
    return f"subtask-{triple}-{arm.replace(', ', '-').replace(' ', '_')}"


def measure(threads: int):
    for triple in TRIPLES:
        recipe = public(
            "resnet56",
            **{"criterion": "catro", "measure": "channels", "cut": CUT},
            **{"subtask": classes_of(triple), "threads": threads},
        )
        whole = remembered(key(triple, "whole"), lambda recipe=recipe: of_whole(recipe))
        for arm in ARMS:
            remembered(key(triple, arm), lambda recipe=recipe, arm=arm: of_arm(recipe, arm))
        for allocation in WIDTHS:
            half = recipe.but(measure="macs", cut=HALF, criterion="catro", allocation=allocation)
            remembered(key(triple, allocation), lambda recipe=half: of_widths(recipe))
        print(f"classes {classes_of(triple)}: {percent(whole['hits'])} % whole", flush=True)
    for seed in SEEDS:
        for allocation in WIDTHS:
            every = public(
                "resnet56",
                **{"cut": HALF, "criterion": "catro", "allocation": allocation},
                **{"seed": seed, "threads": threads},
            )
            remembered(key("all", f"{allocation}-{seed}"), lambda recipe=every: of_widths(recipe))


def of_whole(recipe: Recipe) -> dict:
    loaded = load(recipe)
    return {"hits": right(loaded.model, loaded.data.test, loaded.model.origin.normalization)}


def of_arm(recipe: Recipe, arm: str) -> dict:
    """The cut that an arm chooses, with norms recalibrated on the subtask's images."""
    criterion, options = ARMS[arm]
    recipe = recipe.but(criterion=criterion, options=options)
    loaded = load(recipe)
    chosen = load(recipe.but(subtask=())) if arm in (TEN, ENERGY_TEN) else loaded
    return mended(loaded, planned(recipe, loaded.graph, scores_of(chosen)))


def of_widths(recipe: Recipe) -> dict:
    loaded = load(recipe)
    return mended(loaded, planned(recipe, loaded.graph, scores_of(loaded), loaded.data))


def mended(loaded: Loaded, plan) -> dict:
    """Right answers after the cut, raw and recalibrated."""
    small, recipe = cut(loaded.model, plan), loaded.recipe
    test, normalization = loaded.data.test, loaded.model.origin.normalization
    raw = right(small, test, normalization)
    recalibrate(small, CalibrationImages(small, loaded.data, recipe.calibration, recipe.seed))
    return {
        "raw": raw,
        "hits": right(small, test, normalization),
        "macs_cut": 1 - plan.macs / plan.macs_before,
    }


# ---------------------------------------------------------------------------------------------- the tables


def over_triples(a: Sequence[list[int]], b: Sequence[list[int]], *, seed: int = 0) -> Difference:
    """How much more often A is right than B, mean over triples, each with test images of its own.

    a, b: for every triple, whether each of its images is right.   Bootstrap over triples, and over images
    within each: both are drawn anew with replacement, so that the interval holds for new triples and images.
    """
    gaps = [np.asarray(x, float) - np.asarray(y, float) for x, y in zip(a, b, strict=True)]
    random, drawn = np.random.default_rng(seed), np.empty((len(gaps), RESAMPLES))
    for place, gap in enumerate(gaps):
        for start in range(0, RESAMPLES, 1000):
            picked = random.integers(len(gap), size=(1000, len(gap)))
            drawn[place, start : start + 1000] = gap[picked].mean(axis=1)
    triples = random.integers(len(gaps), size=(len(gaps), RESAMPLES))
    low, high = np.percentile(np.take_along_axis(drawn, triples, axis=0).mean(axis=0), [2.5, 97.5])
    return Difference(float(np.mean([gap.mean() for gap in gaps])), float(low), float(high))


def hits(arm: str) -> list[list[int]]:
    return [row(key(triple, arm))["hits"] for triple in TRIPLES]


def triples_table() -> list[str]:
    """A row a triple, the means, and what CATRO on the subtask is ahead of each control."""
    lines = [f"| classes | whole | {' | '.join(ARMS)} |", "|---" * (2 + len(ARMS)) + "|"]
    found = {arm: hits(arm) for arm in ("whole", *ARMS)}
    for triple in TRIPLES:
        cells = [percent(of[triple]) for of in found.values()]
        lines.append(f"| {', '.join(map(str, classes_of(triple)))} | {' | '.join(cells)} |")
    means = [f"{100 * np.mean([np.mean(each) for each in of]):.1f}" for of in found.values()]
    lines += [f"| mean | {' | '.join(means)} |", "", f"| {OWN} less | points | ahead on |", "|---|---|---|"]
    for arm in ARMS:
        if arm != OWN:
            ahead = sum(np.mean(x) > np.mean(y) for x, y in zip(found[OWN], found[arm], strict=True))
            gap = in_points(over_triples(found[OWN], found[arm]))
            lines.append(f"| {arm} | {gap} | {ahead} of {len(TRIPLES)} triples |")
    return lines


def widths_table() -> list[str]:
    """Trace ratio's widths beside uniform ones, for the triples and for all ten classes."""
    lines = ["| classes | uniform | trace-ratio | trace-ratio less uniform, points |", "|---|---|---|---|"]
    found = {allocation: hits(allocation) for allocation in WIDTHS}
    means = [f"{100 * np.mean([np.mean(each) for each in of]):.1f}" for of in found.values()]
    gap = over_triples(found["trace-ratio"], found["uniform"])
    lines.append(f"| ten triples | {' | '.join(means)} | {in_points(gap)} |")
    every = {how: [row(key("all", f"{how}-{seed}"))["hits"] for seed in SEEDS] for how in WIDTHS}
    gap = paired_difference(every["trace-ratio"], every["uniform"])
    return [*lines, f"| all ten, 3 seeds | {' | '.join(map(spread, every.values()))} | {in_points(gap)} |"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    measure(threads)
    print("\n".join([*triples_table(), "", *widths_table()]))
