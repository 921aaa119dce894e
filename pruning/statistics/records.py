"""What statistics exist, as specifications that compare and hash, and what a criterion is handed. Without
torch.

Every statistic is streamed: its memory does not grow with the number of images, but for `PooledFeatures` (N x
P floats).
A layer has P positions on a side: the channels it writes, or those it reads.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

CACHED = 2**16  # numbers in float64 that a core keeps close by


@dataclass(frozen=True)
class Spread:
    """Variance of every channel where it is read, over images and places: [P], float64."""

    side: Literal["readers"] = "readers"


@dataclass(frozen=True)
class PooledFeatures:
    """Spatial means, [N, P] float32: written (before norm and activation) or read (after them)."""

    side: Literal["writers", "readers"]


@dataclass(frozen=True)
class ClassScatter:
    """Between- and within-class scatter of every channel where it is read, summed over positions: [P, 2],
    float64.

    pooled: of the spatial means; else of the maps, average-pooled to the largest grid with K * P * places * 4
    bytes at most 64 MiB.
    """

    pooled: bool = False
    side: Literal["readers"] = "readers"


@dataclass(frozen=True)
class DualDiscriminant:
    """2 ||V_c||^2 summed over batches, V = Xb'(Xb Xb' + rho I)^-1 Yb, un-pooled features: [P], float64.

    rho: absolute ridge.   At most the first `batches` batches are used.
    """

    rho: float
    side: Literal["writers", "readers"] = "writers"
    batches: int = 10


@dataclass(frozen=True)
class GradientTimesActivation:
    """Mean over images of |sum of gradient x activation| over all places where a group's channel is read: [C]
    a group.

    This is to first order what zeroing the channel, where it is read, changes in one image's loss.
    """

    side: Literal["groups"] = "groups"


Statistic = Spread | PooledFeatures | ClassScatter | DualDiscriminant | GradientTimesActivation


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """One layer as a criterion sees it.

    weight: [P, ...], the layer's weight with the dimension of its positions first, in its own precision; for
    a norm its [P] scale; empty for a group.   labels: [N] class numbers of the calibration images, in the
    order in which they were seen.
    classes: how many there are.   found: {statistic: array}, what was asked for.   seed: for criteria that
    draw.
    """

    name: str
    weight: np.ndarray
    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    classes: int = 0
    found: Mapping[Any, np.ndarray] = field(default_factory=dict)
    seed: int = 0

    def __getitem__(self, statistic: Statistic) -> np.ndarray:
        return self.found[statistic]

    @property
    def rows(self) -> np.ndarray:
        """The weight as one row a position: [P, everything else], float64."""
        return self.weight.reshape(len(self.weight), -1).astype(float)

    def row_sums(self, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """What a function of every single weight adds up to, row by row: [P], float64.

        A few rows at a time, which the processor's cache holds: three times as fast as all at once."""
        rows = self.weight.reshape(len(self.weight), -1)
        total, step = np.empty(len(rows)), max(1, CACHED // max(1, rows.shape[1]))
        for first in range(0, len(rows), step):
            block = rows[first : first + step].astype(float)
            total[first : first + step] = function(block).sum(axis=1)
        return total
