"""Merging what goes into what stays: every criterion under the same repairs, docs/measured/merging.csv.

python -m tests.benchmarks.merging [--networks resnet20-scenes ...] [--seeds 0 1 2] [--cuts 0.3 0.5]
python -m tests.benchmarks.merging write      docs/merging.md

A row is one cut network under one repair, with whether each test image was answered right, so that
differences can be paired; what is measured is left out, so a second start goes on. The cut takes a share of
every inner group's channels. The public network needs PRUNING_DATA; without it its rows are left out.
"""

import argparse
import os
import time
from itertools import product

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from pruning.criteria import resolve_options
from pruning.criteria.scoring import score_all
from pruning.experiment.loading import load
from pruning.experiment.planning import planned
from pruning.reconstruction import repair
from pruning.reconstruction.merging import moments_of
from pruning.statistics.calibration_images import CalibrationImages
from pruning.surgery import cut
from pruning.tasks import Difference
from pruning.tasks.resampling import RESAMPLES
from tests.benchmarks.criteria import filled
from tests.benchmarks.measured import ROOT, SEEDS, in_points, right, spread
from tests.benchmarks.measured_rows import MeasuredRows, as_bits, hits
from tests.benchmarks.repaired import recipe_of
from tests.benchmarks.speed import machine

KEY = ("network", "cut", "criterion", "repair", "seed")
COLUMNS = (*KEY, "as_l1", "macs_cut", "seconds", "apart", "images", "correct", "torch", "right")
ROWS = MeasuredRows(ROOT / "docs" / "measured" / "merging.csv", KEY, COLUMNS)
NETWORKS = {
    "resnet20-scenes": "ResNet-20, `scenes`",
    "vgg16_slim-scenes": "VGG-16 slim, `scenes`",
    "resnet56-cifar10": "public ResNet-56, CIFAR-10",
}
CUTS = (0.3, 0.5)
CRITERIA = {
    "cpot": ("cpot", {}),
    "cpot projection": ("cpot", {"distribution": "projection"}),
    "l1": ("l1", {}),
    "fpgm": ("fpgm", {}),
    "random": ("random", {}),
}
REPAIRS = {  # what is done, one after the other
    "raw": (),
    "recalibrated": ("recalibrate",),
    "moved to heirs": ("transport",),
    "moved, recalibrated": ("transport", "recalibrate"),
    "merged": ("merge",),
    "merged, recalibrated": ("merge", "recalibrate"),
    "reconstructed": ("reconstruct",),
    "merged, reconstructed": ("merge", "reconstruct"),
}
REFITTED, BOTH = "reconstructed", "merged, reconstructed"
AT_ONCE = "vgg16_slim-scenes"  # whose refit takes minutes: with seed 0 alone
BEFORE = (
    "l1",
    "random",
)  # criteria whose networks are refitted after merging as well, at half of the channels


def wanted(place: str, share: float, name: str, how: str, seed: int) -> bool:
    """Whether this row is of those that are measured."""
    if how == BOTH:
        return name in BEFORE and share == CUTS[-1] and (seed == 0 or place != AT_ONCE)
    return how != REFITTED or place != AT_ONCE or seed == 0


def measure(place: str, share: float, seed: int, refits: bool):
    """Every criterion and repair of one network at one cut; scores and covariances are found once. refits: of
    the repairs those that take long, else the others."""
    keys = {(name, how): (place, f"{share:g}", name, how, str(seed)) for name in CRITERIA for how in REPAIRS}
    keys, done = (
        {(n, h): key for (n, h), key in keys.items() if (h in (REFITTED, BOTH)) == refits},
        ROWS.known(),
    )
    left = [(n, h) for (n, h), key in keys.items() if wanted(place, share, n, h, seed) and key not in done]
    if not left:
        return
    recipe = recipe_of(place, criterion="l1", measure="channels", cut=share, seed=seed, threads=1)
    loaded = load(recipe)
    chosen = {name: (c, resolve_options(c, options)) for name, (c, options) in CRITERIA.items()}
    scores = score_all(loaded.graph, chosen.values(), loaded.data, seed=seed, groups="inner")
    plans = {name: planned(recipe, loaded.graph, scores[chosen[name]]) for name in CRITERIA}
    images = CalibrationImages(loaded.model, loaded.data, recipe.calibration, seed)
    moments = moments_of(loaded.model, loaded.graph.structure, images)
    for name, how in left:
        row = answered(loaded, plans[name], REPAIRS[how], moments=moments)
        alike = {"as_l1": round(shared(plans[name], plans["l1"]), 4)}
        ROWS.keep(alike | row | dict(zip(KEY, keys[name, how], strict=True)))
        print(*keys[name, how], flush=True)


def answered(loaded, plan, steps, **known) -> dict:
    """A row's end: the network cut, repaired by these steps one after the other, and which test images it
    answers right.   seconds: of the repair.   known: as `repair` takes what it may know already."""
    recipe, small, start = loaded.recipe, cut(loaded.model, plan), time.perf_counter()
    told = []
    for step in steps:
        given = {"calibration": recipe.calibration, "seed": recipe.seed, **known}
        told = repair(small, plan, loaded.model, loaded.data, step, **given)
    seconds = time.perf_counter() - start
    answers = right(small, loaded.data.test, loaded.model.origin.normalization)
    apart = [message for message in told if message.startswith("divergence")]
    return {
        "macs_cut": round(1 - plan.macs / plan.macs_before, 4),
        "seconds": round(seconds, 1),
        "apart": apart[0].split(" reconstructed")[0].split()[-1] if apart else "",
        "images": len(answers),
        "correct": sum(answers),
        "torch": torch.__version__,
        "right": as_bits(answers),
    }


def shared(plan, other) -> float:
    """The share of the channels that go which also go by the other plan."""
    sizes = {group.name: group.size for group in plan.structure.groups}
    gone = [{n: set(range(sizes[n])) - set(map(int, p.kept[n])) for n in sizes} for p in (plan, other)]
    every = sum(len(channels) for channels in gone[0].values())
    return sum(len(gone[0][n] & gone[1][n]) for n in sizes) / max(1, every)


# ------------------------------------------------------------------------------------------- the document


def of(place: str, share: float, name: str, how: str) -> list[dict]:
    known, key = ROWS.known(), (place, f"{share:g}", name, how)
    return [known[(*key, str(seed))] for seed in SEEDS if (*key, str(seed)) in known]


def cell(found: list[dict], usual: int) -> str:
    """usual: number of seeds of the row; another one is told."""
    mark = "" if len(found) == usual else f" ({seeds_of(found)})"
    return spread([hits(row) for row in found]) + mark if found else ""


def seeds_of(found: list) -> str:
    return f"{len(found)} seed" + "s" * (len(found) != 1)


def table(place: str) -> list[str]:
    """A row a criterion and cut, a column a repair; and what of it L1 drops too."""
    shown = [how for how in REPAIRS if how != BOTH]
    head = f"cut | criterion | seeds | dropped by L1 too | {' | '.join(shown)}"
    lines = [f"| {head} |", "|---" * (4 + len(shown)) + "|"]
    for share in CUTS:
        for name in CRITERIA:
            raw = of(place, share, name, "raw")
            if not raw:
                continue
            alike = f"{100 * np.mean([float(row['as_l1']) for row in raw]):.0f} %"
            cells = [cell(of(place, share, name, how), len(raw)) for how in shown]
            lines.append(f"| {100 * share:.0f} % | {name} | {len(raw)} | {alike} | {' | '.join(cells)} |")
    return lines if len(lines) > 2 else ["Not measured yet."]


def apart_by(ours: list, theirs: list) -> Difference:
    """As `paired_difference`: images and seeds are drawn anew, images with the same gaps together."""
    gaps = np.array(ours, float) - np.array(theirs, float)  # [seeds, N]
    patterns, counts = np.unique(gaps.T, axis=0, return_counts=True)
    random, (seeds, number) = np.random.default_rng(0), gaps.shape
    means = random.multinomial(number, counts / number, RESAMPLES) @ patterns / number
    picked = np.take_along_axis(means, random.integers(seeds, size=means.shape), axis=1).mean(axis=1)
    low, high = np.percentile(picked, [2.5, 97.5])
    return Difference(float(gaps.mean()), float(low), float(high))


def leads(other: str = "l1") -> list[str]:
    """CPOT's projection less another criterion under the same repair, paired."""
    shown = ("recalibrated", "moved to heirs", "moved, recalibrated", "merged", "merged, recalibrated")
    shown += ("reconstructed",)
    lines = [f"| network | cut | seeds | {' | '.join(shown)} |", "|---" * (3 + len(shown)) + "|"]
    for place, title in NETWORKS.items():
        for share in CUTS:
            cells, usual = [], len(of(place, share, other, "raw"))
            for how in shown:
                ours = {row["seed"]: row for row in of(place, share, "cpot projection", how)}
                theirs = {row["seed"]: row for row in of(place, share, other, how)}
                both = sorted(ours.keys() & theirs.keys())
                pairs = [[hits(side[seed]) for seed in both] for side in (ours, theirs)]
                mark = "" if len(both) == usual else f" ({seeds_of(both)})"
                cells.append(in_points(apart_by(*pairs)) + mark if both else "")
            lines.append(f"| {title} | {100 * share:.0f} % | {usual} | {' | '.join(cells)} |")
    return lines


def before_a_refit() -> list[str]:
    """Reconstruction from the cut and from the merged network."""
    head = (
        "network | criterion | seeds | reconstructed | merged before | difference | divergence: cut | merged"
    )
    lines = [f"| {head} |", "|---" * 8 + "|"]
    for place, title in NETWORKS.items():
        for name in BEFORE:
            plain, both = (of(place, CUTS[-1], name, how) for how in (REFITTED, BOTH))
            seeds = {row["seed"] for row in plain} & {row["seed"] for row in both}
            pair = [[row for row in side if row["seed"] in seeds] for side in (plain, both)]
            if not seeds:
                continue
            gap = apart_by(*[[hits(row) for row in side] for side in reversed(pair)])
            apart = [f"{np.mean([float(row['apart']) for row in side]):.4f}" for side in pair]
            cells = [str(len(seeds)), *(cell(side, len(seeds)) for side in pair), in_points(gap), *apart]
            lines.append(f"| {title} | {name} | {' | '.join(cells)} |")
    return lines


def write():
    parts = {place.partition("-")[0]: table(place) for place in NETWORKS}
    parts |= {"leads": leads(), "default": leads("cpot"), "refit": before_a_refit(), "machine": [machine()]}
    filled(parts, "merging.md")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=["measure", "write"], default="measure")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--cuts", type=float, nargs="+", default=CUTS)
    given = parser.parse_args()
    if given.part == "write":
        return write()
    torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")
    for refits, seed, share, place in product((False, True), given.seeds, given.cuts, given.networks):
        if place.endswith("cifar10") and "PRUNING_DATA" not in os.environ:
            print(f"{place} is left out: PRUNING_DATA names no folder", flush=True)
            continue
        measure(place, share, seed, refits)


if __name__ == "__main__":
    main()
