"""What a training with gates leaves behind, as plain records: for pages and files, without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np
import pandas as pd

DECIDED = 0.3  # share of the steps after which every gate is told to open or to shut
COLUMNS = ("step", "epoch", "eps", "target", "left", "loss", "price", "between", "margin")


@dataclass(frozen=True, eq=False)
class GateTrace:
    """How gates moved.

    groups, sizes: the gated groups and their channels, in the order of the gates.   steps: planned in all.
    steps_per_epoch: of the training part.   rows: a row a recorded step: step, epoch (from 1), eps, target
    and left (shares of the measure), loss (cross-entropy of the step, nats), price (of the resource, in units
    of the gates' own gradient), between (share of gates), margin.   scaled: [T, N] float32, t / sqrt(eps) of
    every gate at these steps; 0 is closed for good.
    """

    groups: tuple[str, ...]
    sizes: tuple[int, ...]
    steps: int
    steps_per_epoch: int
    rows: pd.DataFrame
    scaled: np.ndarray

    @cached_property
    def starts(self) -> np.ndarray:
        """[G + 1]: where each group's gates begin, and their number."""
        return np.concatenate([[0], np.cumsum(self.sizes)]).astype(int)

    @cached_property
    def decided(self) -> int | None:
        """The step at which every gate was told to shut or to open, so that the loss has no say in it any
        more; None before it, and where gates never move."""
        step = ceil(DECIDED * self.steps)
        if not len(self.rows) or self.rows["step"].iloc[-1] < step or not np.ptp(self.scaled[-1]):
            return None
        return step

    @cached_property
    def values(self) -> np.ndarray:
        """[T, N]: the gates, g = t^2 / (t^2 + eps), 0 to 1."""
        return opened(self.scaled)

    def of(self, group: str) -> slice:
        """Where this group's gates stand."""
        number = self.groups.index(group)
        return slice(self.starts[number], self.starts[number + 1])


def opened(scaled: np.ndarray) -> np.ndarray:
    """The gate g = s^2 / (s^2 + 1) at s = t / sqrt(eps)."""
    squared = np.square(scaled)
    return squared / (squared + 1)


def slope(scaled: np.ndarray) -> np.ndarray:
    """dg / ds, which is sqrt(eps) dg / dt: largest, 0.65, at s = 1 / sqrt(3); next to none far from it."""
    return 2 * scaled / np.square(np.square(scaled) + 1)


def between(values: np.ndarray, groups: Sequence[slice]) -> float:
    """Share of gates with 0.05 < g / g_max < 0.5 of their group. groups: where each group's gates stand."""
    count = 0
    for own in groups:
        share = values[own] / (values[own].max() or 1.0)
        count += int(((share > 0.05) & (share < 0.5)).sum())
    return count / len(values)


def margin(values: np.ndarray) -> float:
    """The narrowest gate from a half up over the widest below that is not shut; infinite where none is."""
    shutting, still_open = values[(values > 0) & (values < 0.5)], values[values >= 0.5]
    return float(still_open.min() / shutting.max()) if len(shutting) and len(still_open) else float("inf")
