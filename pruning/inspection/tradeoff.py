"""The task's metric against the share that is cut: which cuts are tried, coarse first, and what lies between
them.

A point is an `AccuracyNow` at one cut; each is asked for by itself, so that it is kept by itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pruning.experiment.recipe import Recipe
from pruning.inspection.preview import AccuracyNow, best_repair
from pruning.search.expected_accuracy import Tried, expected

COARSE = (0.5, 0.3, 0.7, 0.1, 0.9)
MIDDLES = (0.4, 0.6, 0.2, 0.8)
POINTS_LOST = 1.0  # percentage points that a cut may cost and still count as free
STATES = ("raw", "repaired")


@dataclass(frozen=True)
class Between:
    """Values of the metric read from the curve at a cut that was not tried; None where it does not reach.

    low, high: of the tried cuts on either side, repaired if both are, else raw."""

    cut: float
    raw: float | None
    repaired: float | None
    low: float
    high: float


def quick(recipe: Recipe) -> str:
    """The repair of the curve: seconds a cut, so not block matching, which only the recipe's own cut gets."""
    return "reconstruct" if recipe.repair in ("none", "match") else recipe.repair


def order(recipe: Recipe) -> Iterator[tuple[float, str, bool]]:
    """(cut, repair, raw_only) of every count, the most wanted first; what comes twice counts once. What one
    looks at, the recipe's own cut, comes before the others but for their raw counts: those take a moment, and
    say at once what the curve looks like."""
    how = quick(recipe)
    yield recipe.cut, how, True
    yield recipe.cut, how, False
    yield from ((cut, how, True) for cut in COARSE)
    yield recipe.cut, best_repair(recipe), False
    yield from ((cut, how, False) for cut in (*COARSE, *MIDDLES))


def curve(found: Mapping[float, AccuracyNow]) -> pd.DataFrame:
    """A row a cut, ascending: cut, images, baseline, raw, repaired (values of the metric; repaired is missing
    until it is measured), low, high (what the other cuts let expect of this one; missing where plans were not
    made by errors), repair, seconds (that the repair took).

    The first row is the whole network, which is known as soon as any cut is."""
    rows = []
    for cut, now in sorted(found.items()):
        band = (now.error is not None and expected_at(found, cut, now.error)) or {}
        values = (now.images, now.baseline, now.raw, now.repaired)
        rows.append((cut, *values, band.get("low"), band.get("high"), now.how, now.repair_seconds))
    if rows and rows[0][0] > 0:
        images, baseline = rows[0][1:3]
        rows.insert(0, (0.0, images, baseline, baseline, baseline, None, None, "", 0.0))
    names = ["cut", "images", "baseline", "raw", "repaired", "low", "high", "repair", "seconds"]
    types = dict.fromkeys(["baseline", "raw", "repaired", "low", "high"], float)
    return pd.DataFrame(rows, columns=names).astype(types)


def expected_at(
    found: Mapping[float, AccuracyNow], cut: float, error: float | None, *, matched: bool = False
) -> dict[str, float] | None:
    """{accuracy, low, high} that the other cuts let expect of the network cut and repaired here, at most
    the full network's, fractions; None where fewer than two of them were repaired, or the metric is nothing
    to forecast.

    error: share of the variance that the plan loses; None of a plan not made by errors, which is expected
    between its neighbours.   matched: blocks are matched here, which was not tried at the others."""
    others = {c: now for c, now in found.items() if c != cut and now.repaired is not None}
    if len(others) < 2:
        return None
    now = next(iter(others.values()))
    if not now.of_task.forecast:
        return None
    if error is None:
        read = None if matched else between(curve(others), cut)
        if read is None or read.repaired is None:
            return None
        told = {"accuracy": read.repaired, "low": read.low, "high": read.high}
        return {name: min(value, now.baseline) for name, value in told.items()}
    tried = [
        Tried(c.error, c.baseline - c.repaired, c.noise)  # type: ignore[arg-type] # may be None there
        for c in others.values()
        if c.error is not None and c.repaired is not None
    ]
    known: dict[str, Any] = {
        "baseline": now.baseline,
        "images": now.images,
        "learned": now.learned,
    }
    return expected(error, tried, matched=matched, **known)


def between(points: pd.DataFrame, cut: float) -> Between | None:
    """What the curve says at a cut, a straight line between its neighbours; None where it says nothing yet.

    points: as `curve`."""
    lines = {state: _line(points, state) for state in STATES}
    told = {state: _read(line, cut) for state, line in lines.items()}
    state = "repaired" if told["repaired"] is not None else "raw"
    if told[state] is None:
        return None
    x, y = lines[state]
    right = int(np.searchsorted(x, cut))
    beside = y[max(0, right - 1) : right + 1]
    return Between(cut, told["raw"], told["repaired"], float(beside.min()), float(beside.max()))


def largest_within(points: pd.DataFrame, lost: float = POINTS_LOST) -> float | None:
    """The largest cut, rounded down to a hundredth, up to which the repaired curve stays within `lost`
    percentage points of the whole network; None where fewer than two cuts were repaired.

    points: as `curve`."""
    x, y = _line(points, "repaired")
    if len(x) < 3:  # the whole network is one of them
        return None
    least = y[0] - lost / 100 - 1e-9
    below = np.flatnonzero(y < least)
    if not len(below):
        return float(x[-1])
    first = int(below[0])
    share = (y[first - 1] - least) / (y[first - 1] - y[first])
    return float(np.floor(100 * (x[first - 1] + share * (x[first] - x[first - 1])) + 1e-6) / 100)


def _line(points: pd.DataFrame, state: str) -> tuple[np.ndarray, np.ndarray]:
    """Cuts and values of the metric where this state is known."""
    known = points[points[state].notna()]
    return known["cut"].to_numpy(float), known[state].to_numpy(float)


def _read(line: tuple[np.ndarray, np.ndarray], cut: float) -> float | None:
    x, y = line
    inside = len(x) > 1 and x[0] <= cut <= x[-1]
    return float(np.interp(cut, x, y)) if inside else None
