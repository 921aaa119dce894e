"""CATRO: class-aware trace ratio optimization (2023), its layer core.

Of a group's channels keep the set I of d that maximises sum_I b / (sum_I w + gamma sum_all w), b and w the
between- and within-class scatter of each channel as its readers see it. gamma and the reader weights are our
reading; gamma 0 is the plain trace ratio.
"""

from typing import Annotated

import numpy as np
import pandas as pd

from pruning.criteria.label_checks import must_tell_classes, no_class_information
from pruning.criteria.registry import criterion
from pruning.statistics import ClassScatter, LayerStatistics


def order_at_width(table: pd.DataFrame, width: int, *, gamma: float = 3.0) -> np.ndarray:
    """[C] b - lambda* w, lambda* solved for `width` kept channels; -inf for dead ones. Higher = keep."""
    b, w = table["b"].to_numpy(float), table["w"].to_numpy(float)
    dead = (b == 0) & (w == 0)
    ratio = trace_ratio(b, w, max(1, width), gamma=gamma)
    return np.where(dead, -np.inf, b - ratio * w)


@criterion(
    "catro",
    meaning=(
        "Keeps the channels that together have the largest ratio of between-class to within-class scatter."
    ),
    unit="between-class scatter - lambda x within-class scatter",
    side="readers",
    needs=lambda options: (ClassScatter(pooled=options["pooled"]),),
    columns=("b", "w"),
    combine="scatter",
    again=order_at_width,
    uses_labels=True,
)
def catro(
    layer: LayerStatistics,
    *,
    gamma: Annotated[
        float, "Weight of all channels' within-class scatter in the denominator; 0: the plain ratio."
    ] = 3.0,
    pooled: Annotated[bool, "Scatter of spatial means instead of whole maps."] = False,
    reader_weights: Annotated[bool, "Weight each channel by the squared weights that read it."] = True,
    debias: Annotated[
        bool, "Subtract the between-class scatter that sampling noise alone gives a channel."
    ] = False,
    rounds: Annotated[
        int,
        "Allocation by trace ratio: in how many rounds statistics are collected, each on the network as "
        "cut so far; "
        "round r of R goes to r/R of the cut (our reading).",
    ] = 2,
) -> np.ndarray:
    """[P, 2]: between- and within-class scatter b and w of each channel that a layer reads, in squared units
    of the features (times squared weights). The group's order is made of them by `order_at_width`. Source:
    CATRO 2023 [A], reading [R]."""
    must_tell_classes(layer, "the scatter between and within classes")
    scatter = layer[ClassScatter(pooled=pooled)]
    if debias:
        noise = no_class_information(layer.labels) * scatter[:, 1]
        scatter = np.stack([np.maximum(scatter[:, 0] - noise, 0.0), scatter[:, 1]], axis=1)
    return scatter * (layer.rows**2).sum(axis=1)[:, None] if reader_weights else scatter


def trace_ratio(b: np.ndarray, w: np.ndarray, width: int, *, gamma: float = 0.0) -> float:
    """The largest sum_I b / (sum_I w + gamma sum_all w) over sets I of `width` channels. b, w: [C], at least
    0."""
    return rounds_of(b, w, width, gamma=gamma)[-1]


def rounds_of(b: np.ndarray, w: np.ndarray, width: int, *, gamma: float = 0.0) -> list[float]:
    """lambda after each round, the last one the largest ratio.

    Iterates from 0 over *all* channels each round: I = the `width` largest b - lambda w, lambda = their
    ratio. lambda never falls, and reaches the optimum in a few rounds (stops when it moves less than 1e-9
    relative)."""
    ratio, found = 0.0, []
    for _ in range(100):
        chosen = np.argsort(-(b - ratio * w), kind="stable")[:width]
        below = w[chosen].sum() + gamma * w.sum()
        new = b[chosen].sum() / below if below > 0 else 0.0
        found.append(float(new))
        if abs(new - ratio) <= 1e-9 * max(abs(new), 1e-300):
            break
        ratio = new
    return found


def diminishing_returns(
    b: np.ndarray, w: np.ndarray, *, gamma: float = 3.0, number: int = 400, seed: int = 0
) -> np.ndarray:
    """What a channel adds to a set, and to a larger set that holds it, drawn at random: [number, 4], columns
    size, size of the larger one, gain, gain there.

    The ratio as a function of the set is submodular where no gain is larger in the larger set, "submodular"
    being the abstract's word. b, w: [C], at least two channels."""
    random, rows = np.random.default_rng(seed), []
    b, w = (np.asarray(part, float) for part in (b, w))

    def ratio(chosen: np.ndarray) -> float:
        below = w[chosen].sum() + gamma * w.sum()
        return float(b[chosen].sum() / below) if below > 0 else 0.0

    for _ in range(number):
        order = random.permutation(len(b))
        small, large = np.sort(random.choice(len(b), 2, replace=False))
        gains = [
            ratio(np.append(order[:size], order[large])) - ratio(order[:size]) for size in (small, large)
        ]
        rows.append((small, large, *gains))
    return np.array(rows, float)


def utilities(b: np.ndarray, w: np.ndarray, *, gamma: float = 3.0) -> np.ndarray:
    """What the d-th kept channel of a group is worth, d = 1 .. C: [C], at least 0, never rising, sums to 1.

    u_d = max(0, d-th largest b - lambda w) over the group's total, with lambda = sum b / ((1 + gamma) sum w),
    all channels kept. Concave when added up, so removing the least first is sound; all zero where nothing
    varies."""
    below = (1 + gamma) * w.sum()
    ratio = b.sum() / below if below > 0 else 0.0
    worth = np.sort(np.maximum(b - ratio * w, 0.0))[::-1]
    return worth / (worth.sum() or 1.0)
