"""What statistics exist, as specifications that compare and hash, and what a criterion is handed. Without
torch.

Every statistic is streamed: its memory does not grow with the number of images, but for `PooledFeatures` (N x
P floats).
A layer has P positions on a side: the channels it writes, or those it reads.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

CACHED = 2**16  # numbers in float64 that a core keeps close by
GRID_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Spread:
    """Variance of every channel where it is read, over images and places: [P], float64."""

    side: Literal["readers"] = "readers"


@dataclass(frozen=True)
class PooledFeatures:
    """Spatial means, [N, P] float32: written (before norm and activation) or read (after them)."""

    side: Literal["writers", "readers"]


@dataclass(frozen=True)
class MeanMaps:
    """Mean over images of |activation| at every place where a channel is read: [P, H, W], float64.

    One number a channel is a grid of 1 x 1, a line of L one of 1 x L; further dimensions are summed over."""

    side: Literal["readers"] = "readers"


@dataclass(frozen=True)
class Grid:
    """The size of a layer's maps, such as [32, 32]; [] where there is one number a channel. int64."""

    side: Literal["writers", "readers"]


@dataclass(frozen=True)
class ClassScatter:
    """Between- and within-class scatter of every channel where it is read, summed over positions: [P, 2],
    float64.

    pooled: of the spatial means; else of the maps, average-pooled to the largest grid with K * P * places * 4
    bytes at most 64 MiB.   What float32 cannot tell from a constant counts as constant: [0, 0].
    """

    pooled: bool = False
    side: Literal["readers"] = "readers"

    def grid(self, size: tuple[int, ...], classes: int, channels: int) -> tuple[int, ...]:
        """The grid on which maps of this size are compared; () for one number a channel."""
        if self.pooled or not size:
            return ()
        most = max(1, GRID_BYTES // (4 * classes * channels))
        if math.prod(size) <= most:
            return tuple(size)
        if len(size) != 2:
            return (most,)
        side = max(1, math.isqrt(most))
        return min(side, size[0]), min(side, size[1])


@dataclass(frozen=True)
class DualDiscriminant:
    """2 ||V_c||^2 summed over batches, V = Xb'(Xb Xb' + rho I)^-1 Yb, un-pooled features: [P], float64.

    rho: absolute ridge.   At most the first `batches` batches are used.
    """

    rho: float
    side: Literal["writers", "readers"] = "writers"
    batches: int = 10


@dataclass(frozen=True)
class DualShare:
    """DI / (K - 1) of the dual form that `DualDiscriminant` differentiates, in 0 .. 1, mean over batches:
    [1], float64. Near 1 the features fit any labels, true or not."""

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


@dataclass(frozen=True)
class Attribution:
    """Mean over images of |sum over places of the attribution of the true class's score| to every channel
    where it is written: [P], float64, in units of the score.

    images: how many of the calibration images are looked at, the first so many.   steps: of the integral.
    """

    method: Literal["gradient x activation", "conductance", "integrated gradients"]
    images: int
    steps: int = 1
    side: Literal["writers"] = "writers"

    def __post_init__(self):
        for name in ("images", "steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give a whole number, 1 or more")


@dataclass(frozen=True)
class RemovalErrors:
    """What removing channels costs once all that reads them is refitted by least squares: [C, 2] a group,
    float64, shares of the variance of what the readers' outputs are added to.

    First column: of each channel alone.   Second: what is lost in all when it goes, after all channels with
    smaller numbers there; the one that costs least then goes next.
    """

    side: Literal["groups"] = "groups"


@dataclass(frozen=True)
class TransportCosts:
    """What is lost where a group is read when one channel takes over from another: [C, C + 1] a group,
    float64, shares of the energy (variance times squared weights) that the group gives its readers, mean over
    these.

    Row c, column k: channel c is replaced by the multiple of channel k that leaves least, with a constant.
    Last column: by the constant alone.
    """

    side: Literal["groups"] = "groups"


Statistic = (
    Spread
    | PooledFeatures
    | MeanMaps
    | Grid
    | ClassScatter
    | DualDiscriminant
    | DualShare
    | GradientTimesActivation
    | Attribution
    | RemovalErrors
    | TransportCosts
)


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """One layer as a criterion sees it.

    weight: [P, ...], the layer's weight with the dimension of its positions first, in its own precision; for
    a norm its [P] scale; empty for a group.   labels: [N] class numbers of the calibration images, in the
    order in which they were seen.
    classes: how many there are.   found: {statistic: array}, what was asked for.   seed: for criteria that
    draw.   pixels: [P], the channel of which each position is one pixel, where a linear layer reads flattened
    maps; else empty.
    """

    name: str
    weight: np.ndarray
    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    classes: int = 0
    found: Mapping[Any, np.ndarray] = field(default_factory=dict)
    seed: int = 0
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(0, int))

    def __getitem__(self, statistic: Statistic) -> np.ndarray:
        return self.found[statistic]

    def channels_of(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[P, ...] values with a row a channel, and which row each position belongs to, [P].

        [P, ...] as they are; [C, pixels, ...] where each position is one pixel of a flattened map (all
        channels of as many, else each pixel stays a row of its own)."""
        _, index, times = np.unique(self.pixels, return_inverse=True, return_counts=True)
        if not len(self.pixels) or times.min() != times.max() or times[0] == 1:
            return values, np.arange(len(values))
        together = np.argsort(index, kind="stable").reshape(len(times), -1)  # [C, pixels]
        return values[together], index

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
