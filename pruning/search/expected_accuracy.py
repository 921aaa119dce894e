"""What accuracy, or other share that is the task's metric, to expect of a cut, said before it is made: from a
few other cuts that are tried.

Each tried cut is a plan like the one asked about, made and repaired from fewer images, and asked about the
hold-out. Accuracy falls with the share of variance that the plans lose, so the cut lies on the line between
its neighbours. [D]
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.cost import Plan
from pruning.data.calibration import NO_LABEL
from pruning.progress import Watch, silent
from pruning.tasks import Statistics, Task
from pruning.terms import MERGING

TRIED = (0.85, 1.1)  # of the cut that is asked about
IMAGES = 500  # of the hold-out
CALIBRATION = 256  # images that the tried cuts are repaired from
ROWS = 8_000  # places of a layer that a tried reconstruction looks at
WIDTH = 2.0  # standard errors on either side
CURVED = 0.35  # share of the loss by which a line between two tried cuts may be wrong
MATCHED = (0.0, 0.55, 1.0)  # of what reconstruction loses, that is left after matching: least, likely, most
# lost on new images for each lost on learned ones by a cut repaired from few images; a public ResNet-56 at
# 50 and 70 % of its MACs showed 0.5 both times
MEMORISED = (0.3, 0.7, 2.0)


@dataclass(frozen=True)
class Asked:
    """repair: what will follow the cut.   learned: the network was trained on its hold-out."""

    repair: str = "none"
    learned: bool = False


@dataclass(frozen=True)
class Tried:
    """A cut that was tried. error: share of the variance that its plan loses.   lost: accuracy, or whatever
    share the task's metric is, less than the whole network's.   noise: half of the 95 % interval of that, for
    other images; None where the metric is a share of right answers, whose noise follows from their number."""

    error: float
    lost: float
    noise: float | None = None


def expected(
    error: float, tried: Sequence[Tried], *, baseline: float, images: int, matched: bool, learned: bool
) -> dict[str, float]:
    """{accuracy, low, high, baseline}, fractions: the accuracy to expect, a band that should hold it, and the
    full network's on the same images. None of it is above the full network's: a pruned network can be right
    about a few images more, but by chance, and that is not to be expected.

    error: of the plan asked about.   baseline, images: the whole network's accuracy on so many images.
    matched: what follows is block matching, which was not tried.   learned: it was trained on those images.
    """
    points = sorted([Tried(0.0, 0.0), *tried], key=lambda each: each.error)
    x = np.array([each.error for each in points])
    y = np.maximum.accumulate([each.lost for each in points])  # a larger cut that does better is luck
    lost = float(np.interp(error, x, y))
    if error > x[-1] > 0:
        lost = y[-1] * error / x[-1]
    right = int(np.searchsorted(x, error))
    least, most = y[max(0, right - 1)], max(lost, y[min(right, len(y) - 1)])
    noises = [each.noise for each in points[1:]]
    if None in noises or not noises:
        noise = WIDTH * np.sqrt(2 * (abs(lost) + 1 / images) / images)  # of images that turn, either way
    else:
        noise = float(np.interp(error, x[1:], noises))
    least, most = min(least, lost * (1 - CURVED)) - noise, max(most, lost * (1 + CURVED)) + noise
    for factors, counts in ((MATCHED, matched), (MEMORISED, learned)):
        if counts:
            lost, most = lost * factors[1], most * factors[2]
            least = least * factors[0] - (noise if factors[0] == 0 else 0)
    told = {"accuracy": baseline - lost, "low": baseline - most, "high": baseline - least}
    return {name: float(np.clip(value, 0, baseline)) for name, value in told.items()} | {"baseline": baseline}


def tried_cuts(
    graph,
    data,
    plan_at: Callable[[float], tuple[Plan, float]],
    cut: float,
    asked: Asked,
    *,
    seed: int = 0,
    error: float,
    watch: Watch = silent,
) -> dict[str, float] | None:
    """Tries a few cuts near this one and says what to expect of it, as `expected`; None where the task's
    metric is nothing to forecast.

    plan_at: share of the measure -> (Plan, error); ValueError where that is out of reach.   error: of the
    plan asked about."""
    from pruning.search.by_loss import holdout_batches
    from pruning.surgery import cut as cut_by

    drawn = holdout_batches(graph.model, data, IMAGES, seed)
    if not drawn.task.forecast or not _answers(graph.model, drawn):
        return None
    (whole, labels), tried = _said(graph.model, drawn), []
    if np.all(labels == NO_LABEL):
        return None
    baseline = drawn.task.value(whole, labels)
    for done, share in enumerate(TRIED):
        watch("expect", done, len(TRIED))
        try:
            plan, lost = plan_at(share * cut)
        except ValueError:  # the limits allow no more
            continue
        small = cut_by(graph.model, plan)
        _mend(small, plan, graph.model, data, asked.repair, seed)
        tried.append(_tried(drawn.task, lost, whole, _said(small, drawn)[0], labels))
    watch("expect", len(TRIED), len(TRIED))
    known: dict[str, Any] = {"baseline": baseline, "images": len(drawn), "learned": asked.learned}
    return expected(error, tried, matched=asked.repair == "match", **known)


def _mend(small, plan: Plan, model, data, how: str, seed: int):
    """Repairs a tried cut from fewer images and places; matching is not tried."""
    from pruning.reconstruction.merging import merge
    from pruning.reconstruction.recalibration import recalibrate
    from pruning.reconstruction.refit import reconstruct
    from pruning.statistics.calibration_images import CalibrationImages

    images = CalibrationImages(small, data, CALIBRATION, seed)
    if how == "recalibrate":
        recalibrate(small, images)
    elif how in MERGING:
        merge(small, plan, model, images, heirs=how == "transport")
    elif how != "none":
        reconstruct(small, plan, model, images, rows=ROWS)


def _tried(task: Task, error: float, whole: Statistics, small: Statistics, labels: np.ndarray) -> Tried:
    if task.counts_right:
        return Tried(error, task.value(whole, labels) - task.value(small, labels))
    gap = task.difference([whole], [small], labels)
    return Tried(error, gap.mean, (gap.high - gap.low) / 2)


def _answers(model, drawn) -> bool:
    """Whether a network answers what the images ask for; one that answers a dict, say, has no accuracy."""
    import torch

    from pruning.models.module_modes import evaluating
    from pruning.search.by_loss import must_be_for

    few = drawn.inputs[0][:2]
    try:
        with evaluating(model), torch.no_grad():
            must_be_for(drawn.task, model(few), few)
    except ValueError:
        return False
    return True


def _said(model, drawn) -> tuple[Statistics, np.ndarray]:
    """What a network says of the images, and what is right of them."""
    import torch

    from pruning.models.module_modes import evaluating

    with evaluating(model), torch.no_grad():
        pairs = zip(drawn.inputs, drawn.targets, strict=True)
        parts = [drawn.task.statistics(model(inputs), targets) for inputs, targets in pairs]
    labels = np.concatenate([targets.cpu().numpy() for targets in drawn.targets])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, labels
