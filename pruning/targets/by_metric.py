"""The largest cut that loses no more than is allowed, by trying few.

What is lost rises with the cut, so each next one lies where a rising curve through those that were tried
meets what is allowed. [D]
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from pruning.experiment.recipe import Recipe
from pruning.progress import Watch
from pruning.targets.candidates import MOST, Candidates, Steps, Z
from pruning.targets.target import Candidate, Found, Target
from pruning.terms import plural

TRIED = 7  # cuts at most
NEAR = 0.02  # of the cut: closer than that, the next one is not tried
MARGIN = 0.5  # standard errors that stay between what is lost and what is allowed
SOFT = 0.004  # of the metric: losses below are alike on the scale that is interpolated on
FIRST = 0.5  # the cut that is tried first


@dataclass(frozen=True)
class Allowed:
    """lost: of the metric, on the hold-out.   messages: what this rests on."""

    lost: float
    messages: tuple[str, ...]


def smallest_by_metric(recipe: Recipe, target: Target, watch: Watch) -> Found:
    tried = Candidates(recipe, watch)
    task = tried.loaded.data.task
    if not task.forecast:
        raise ValueError(f"there is no target for {task.metric.name} of {task.name}; give a cut")
    if not len(tried.holdout):
        raise ValueError(f"{tried.loaded.data.name} has no hold-out to judge by; give more images, or a cut")
    whole = tried.asked(tried.loaded.model, tried.holdout)
    allowed = allowance(tried, target, whole.value)
    most, found = tried.most(), list[Candidate]()
    tried.watch = steps = Steps(watch, TRIED)
    while len(found) < TRIED and (cut := next_cut(found, allowed.lost, most)) is not None:
        steps.begin(len(found), cut)
        found.append(judged(tried, cut, whole))
    watch("target", 100 * TRIED, 100 * TRIED)
    return chosen(tried, target, allowed, found, most)


def allowance(tried: Candidates, target: Target, whole: float) -> Allowed:
    """How much of the metric may be lost. Raises ValueError where the full network itself is below."""
    metric, images = tried.loaded.data.task.metric, f"{plural(len(tried.holdout), 'hold-out image')}"
    learned = tried.recipe.trained_elsewhere
    told = ["candidates are judged without fine-tuning"] if tried.recipe.epochs else []
    if learned:
        told.append(
            "the weights may have been trained on the hold-out images: what is lost on new images was 0.3 to "
            "2 times what is lost on learned ones"
        )
    if target.kind == "points_below":
        return Allowed(target.value / 100, tuple(told))
    if learned:
        whole = tried.asked(tried.loaded.model, tried.loaded.data.test).value
        images = "test images, which nothing else is chosen by"
        told.append(f"the full network's {metric.name} is that of the test images, {metric.in_words(whole)}")
    if whole < target.value:
        raise ValueError(
            f"the full network's {metric.name} is {metric.in_words(whole)} on {images}; give "
            f"{math.floor(1000 * whole) / 1000:g} or less"
        )
    return Allowed(whole - target.value, tuple(told))


def judged(tried: Candidates, cut: float, whole) -> Candidate:
    plan = tried.plan(cut)
    said = tried.asked(tried.repaired(plan), tried.holdout)
    gap = whole.task.difference([whole.statistics], [said.statistics], whole.labels)
    lost = {"lost": float(gap.mean), "low": float(gap.low), "high": float(gap.high)}
    macs = plan.macs / plan.macs_before
    return Candidate(cut, macs, said.value, **lost, achieved=plan.achieved)


def standard_error(one: Candidate) -> float:
    return (one.high - one.low) / (2 * Z)


def rising(found: list[Candidate]) -> dict[float, float]:
    """{cut: what is lost}, smoothed so that it rises with the cut: what falls is the luck of images."""
    from scipy.optimize import isotonic_regression

    ordered = sorted(found, key=lambda one: one.cut)
    x, y = [0.0, *(one.cut for one in ordered)], [0.0, *(one.lost for one in ordered)]
    weights = [1e6, *[1.0] * len(ordered)]  # nothing cut, nothing lost
    fitted = isotonic_regression(y, weights=weights).x
    return dict(zip(x, np.maximum(fitted, 0.0).tolist(), strict=True))


def strict(found: list[Candidate], allowed: float) -> float:
    """What may be lost on the hold-out, less a margin for its noise."""
    nearest = min(found, key=lambda one: abs(one.lost - allowed))
    return max(0.0, allowed - MARGIN * standard_error(nearest))


def next_cut(found: list[Candidate], allowed: float, most: float) -> float | None:
    """Where to try next; None where what is known brackets the answer closely enough."""
    if not found:
        return min(FIRST, most)
    curve, limit = rising(found), strict(found, allowed)
    good = max(cut for cut, lost in curve.items() if lost <= limit)
    bad = min((cut for cut, lost in curve.items() if cut > good), default=None)
    if bad is None:
        if good >= most - 1e-9:
            return None
        up = 1 - (1 - good) * 0.6
        return most if up > most - NEAR else round(up, 3)
    if bad - good <= NEAR:
        return None
    low, high, aim = (math.log(SOFT + lost) for lost in (curve[good], curve[bad], limit))
    share = (aim - low) / (high - low) if high > low else 0.5
    share = min(0.9, max(0.15, share))
    step = round(good + share * (bad - good), 3)
    inner = (good + NEAR / 2, bad - NEAR / 2)
    return round(min(max(step, inner[0]), inner[1]), 3)


def chosen(tried: Candidates, target: Target, allowed: Allowed, found: list[Candidate], most: float) -> Found:
    curve, limit = rising(found), strict(found, allowed.lost)
    good = [one for one in found if curve[one.cut] <= limit]
    if not good:
        metric, least = tried.loaded.data.task.metric, min(found, key=lambda one: one.cut)
        raise ValueError(
            f"no cut of {least.cut:.0%} or more has {target.in_words(metric)}: there it is "
            f"{metric.in_words(least.value)} on {len(tried.holdout):,} hold-out images, "
            f"{100 * least.lost:.1f} points below the full network; allow more, or give another repair"
        )
    best = max(good, key=lambda one: one.cut)
    spread = max(standard_error(best), 1 / len(tried.holdout))
    sure = NormalDist(curve[best.cut], spread).cdf(allowed.lost)
    messages = [*tried.messages, *allowed.messages]
    if best.cut >= most - 1e-9:
        messages.append(f"the limits allow no larger cut than {most:.0%}, and that meets the target")
    if len(tried.loaded.data.holdout) > MOST:
        messages.append(f"{MOST:,} of {len(tried.loaded.data.holdout):,} hold-out images were looked at")
    recipe = tried.recipe.but(cut=best.cut)
    metric = tried.loaded.data.task.metric
    return Found(recipe, target, metric, tuple(found), sure, len(tried.holdout), tuple(messages))
