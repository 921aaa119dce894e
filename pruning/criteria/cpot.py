"""CPOT: channel pruning via optimal transport (2020). Channels near the Wasserstein barycenter of their layer
are redundant.

What a channel's distribution is, is our reading: `filters` (a mass on the filter's taps, ground cost 0/1) or
`weights` (the absolute weights on the real line). The closest to the barycenter go first.
"""

from typing import Annotated, Literal

import numpy as np

from pruning.criteria.registry import criterion
from pruning.statistics import LayerStatistics


@criterion(
    "cpot",
    meaning="Keeps the channels far from their layer's barycenter; what lies near it is redundant.",
    unit="transport distance to the barycenter",
)
def cpot(
    layer: LayerStatistics,
    *,
    distribution: Annotated[
        Literal["filters", "weights"],
        "What stands for a channel: a mass on its filter's taps, or its |weights| on a line.",
    ] = "filters",
    temperature: Annotated[
        float,
        "How flat a filter's mass is, in standard deviations of the layer's weights; high comes close to L1.",
    ] = 4.0,
    barycenter: Annotated[
        Literal["exact", "median", "mean"], "The barycenter of the filters: exact, or a simpler centre."
    ] = "exact",
) -> np.ndarray:
    """Distance of each channel's distribution to the layer's barycenter: [P], higher = keep.

    `filters`: W1 under ground cost 0/1, a share of mass in 0 .. 1. `weights`: W2, in the weights' own scale.
    Source: CPOT 2020 [A]; the distributions and closest-first are readings [R]; the closed forms derived here
    [D]."""
    if distribution == "weights":
        return line_distances(np.abs(layer.rows))
    mass = filter_mass(layer.rows, temperature)
    return 0.5 * np.abs(mass - center(mass, barycenter)).sum(axis=1)


def filter_mass(rows: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(w / (temperature * std)) over each filter's taps: [P, taps], rows sum to 1. std is the whole
    layer's."""
    if temperature <= 0:
        raise ValueError(f"temperature is {temperature}; give a number above 0, such as 4")
    scaled = rows / (temperature * (rows.std() or 1.0))
    mass = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return mass / mass.sum(axis=1, keepdims=True)


def center(mass: np.ndarray, kind: str = "exact") -> np.ndarray:
    """The centre of [P, taps] distributions under ground cost 0/1: [taps], sums to 1.

    `exact` minimises the summed W1. Every coordinate takes the *same* quantile level, the one at which the
    masses sum to 1: sort each coordinate, find the two neighbouring order statistics whose sums bracket 1,
    interpolate."""
    if kind == "mean":
        return mass.mean(axis=0)
    if kind == "median":
        middle = np.median(mass, axis=0)
        return middle / middle.sum()
    ordered = np.sort(mass, axis=0)  # [P, taps]; row sums ascend from at most 1 to at least 1
    sums = ordered.sum(axis=1)
    above = min(int(np.searchsorted(sums, 1.0)), len(sums) - 1)
    below = max(above - 1, 0)
    gap = sums[above] - sums[below]
    share = (1.0 - sums[below]) / gap if gap > 0 else 0.0
    found = ordered[below] + share * (ordered[above] - ordered[below])
    return found / found.sum()  # the sum is 1 but for rounding


def line_distances(values: np.ndarray) -> np.ndarray:
    """W2 distance of each row's uniform distribution on the real line to their W2 barycenter: [P].

    In one dimension both are closed forms: quantile functions are sorted rows, the barycenter is their
    mean."""
    quantiles = np.sort(values, axis=1)
    return np.sqrt(((quantiles - quantiles.mean(axis=0)) ** 2).mean(axis=1))
