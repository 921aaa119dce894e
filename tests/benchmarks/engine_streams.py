"""Residual streams cut as well: the public ResNet-20 and ResNet-56, `inner` against `all`."""

import os
from itertools import product
from pathlib import Path

import numpy as np

import pruning
from pruning.experiment import Recipe
from pruning.tasks import paired_difference
from tests.benchmarks.engine_rows import ENGINE, kept, remembered, state_of, table

CHECKPOINTS = {"resnet20": "resnet20-12fca82f.th", "resnet56": "resnet56-4bfd9763.th"}
CUTS = (0.3, 0.5)  # of the MACs
GROUPS, ALLOCATIONS = ("inner", "all"), ("uniform", "global")
DEFAULT = ("inner", "uniform")
REACH = "What fine-tuning makes of either was not measured here."
CASES = tuple(product(CHECKPOINTS, CUTS, GROUPS, ALLOCATIONS))
SOURCES = (*ENGINE, "pruning/allocation", "pruning/criteria/l1.py", "pruning/criteria/scoring.py")


def title(model: str, share: float, groups: str, allocation: str) -> str:
    return f"{model}, {share:.0%}, {groups}, {allocation}"


def state(_: str = "") -> str:
    return state_of((*SOURCES, "pruning/reconstruction.py"))


def measure(names=(), *, anew: bool = False):
    """Every case (or those named), one after the other; nothing where there are no public checkpoints."""
    if "PRUNING_DATA" not in os.environ:
        print("streams: skipped, since PRUNING_DATA does not name the folder of the public checkpoints")
        return
    now = state()
    for case in CASES:
        if not names or title(*case) in names:
            remembered("streams", title(*case), now, lambda case=case: accuracy_of(*case), anew=anew)


def accuracy_of(model: str, share: float, groups: str, allocation: str) -> dict:
    """Whether each test image is right before the cut, after it, and recalibrated; and what was cut."""
    folder = Path(os.environ["PRUNING_DATA"])
    recipe = Recipe(
        model=model,
        data=str(folder / "cifar10_subset.npz"),
        checkpoint=str(folder / CHECKPOINTS[model]),
        normalize="imagenet",
        cut=share,
        groups=groups,
        allocation=allocation,
        calibration=1000,
        repair="recalibrate",
        threads=1,
    )
    result = pruning.run(recipe)
    labels, classes = result.predictions["labels"], result.predictions
    stages = ("baseline", "cut", "repaired")
    hits = {stage: (classes[f"{stage}_classes"] == labels).astype(int).tolist() for stage in stages}
    plan = result.plan
    return hits | {
        "macs_cut": 1 - plan.macs / plan.macs_before,
        "parameters_cut": 1 - plan.parameters / plan.parameters_before,
        "messages": list(plan.messages),
    }


# ---------------------------------------------------------------------------------------- what is told of it


def lines() -> list[str]:
    """The table and the recommendation; a sentence where nothing was measured."""
    rows = dict(zip(CASES, kept("streams", [title(*case) for case in CASES]), strict=True))
    if any("repaired" not in row for row in rows.values()):
        return ["Not measured: it needs `PRUNING_DATA`, the folder of the public checkpoints and images."]
    head = ("network", "MACs cut", "groups", "allocation", "parameters cut", "raw", "recalibrated")
    body = [
        (
            *(case[0], f"{row['macs_cut']:.1%}", f"`{case[2]}`", case[3], f"{row['parameters_cut']:.1%}"),
            *(f"{100 * np.mean(row[stage]):.1f}" for stage in ("cut", "repaired")),
            against(rows, case),
        )
        for case, row in rows.items()
    ]
    full = "; ".join(
        f"{model} {100 * np.mean(rows[model, CUTS[0], 'inner', 'uniform']['baseline']):.1f} %"
        for model in CHECKPOINTS
    )
    images = len(rows[CASES[0]]["baseline"])
    told = f"Accuracy in per cent on {images:,} test images; the full networks: {full}."
    return [told, "", *table((*head, "`all` against `inner`, recalibrated"), body), "", recommendation(rows)]


def against(rows: dict, case: tuple) -> str:
    """Of a row of `all`: its lead over `inner`, in points with the interval, all else equal."""
    model, share, groups, allocation = case
    if groups == "inner":
        return ""
    gap = paired_difference([rows[case]["repaired"]], [rows[model, share, "inner", allocation]["repaired"]])
    return f"{100 * gap.mean:+.1f} ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})"


def recommendation(rows: dict) -> str:
    """Groups and allocations against each other over both networks, and what follows."""
    told, signs = [], []
    for share, allocation in product(CUTS, ALLOCATIONS):
        gap = over_both(rows, (share, "all", allocation), (share, "inner", allocation))
        told.append(f"{100 * share:.0f} % of the MACs, {allocation}, both networks: ")
        told[-1] += gap.in_words("`all`", "`inner`")
    for model, share, allocation in product(CHECKPOINTS, CUTS, ALLOCATIONS):
        pair = [[rows[model, share, groups, allocation]["repaired"]] for groups in ("all", "inner")]
        gap = paired_difference(*pair)
        signs.append((gap.low > 0) - (gap.high < 0))
    told.append(
        f"Of the {len(signs)} rows of `all`, {signs.count(-1)} are behind `inner` beyond chance and "
        f"{signs.count(1)} ahead."
    )
    better = "inner" if sum(signs) < 0 else "all" if sum(signs) > 0 else "either"
    told.append(f"**Recommended where no training follows: `--groups {better}`.**")
    return " ".join([*told, *(best_in_words(rows, share) for share in CUTS), REACH])


def best_in_words(rows: dict, share: float) -> str:
    """The setting with the highest accuracy at this cut, and what it gains over the default."""
    settings = tuple(product(GROUPS, ALLOCATIONS))
    means = {s: np.mean([rows[model, share, *s]["repaired"] for model in CHECKPOINTS]) for s in settings}
    best = max(settings, key=means.get)
    told = f"Best on average at {100 * share:.0f} %: `{best[0]}`, {best[1]} ({100 * means[best]:.1f} %)"
    if best == DEFAULT:
        return told + ", the default."
    return f"{told}. {over_both(rows, (share, *best), (share, *DEFAULT)).in_words('It', 'the default')}"


def over_both(rows: dict, one: tuple, other: tuple):
    """The lead of one setting over another on the same images, both networks together."""
    a, b = ([rows[model, *setting]["repaired"] for model in CHECKPOINTS] for setting in (one, other))
    return paired_difference(a, b)
