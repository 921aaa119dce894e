"""The streaming side of every statistic: one object a (statistic, layer), fed batch by batch.

What comes is maps, [N, P, *size]: size is that of a channel's map, () where a channel is one number.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from pruning.devices import for_double
from pruning.statistics.specifications import (
    ClassScatter,
    DualDiscriminant,
    DualShare,
    Grid,
    MeanMaps,
    PooledFeatures,
    Spread,
)

BATCH = 128  # images at a time: what DI's dual form is defined on; the others do not depend on it
ROUNDING = 1e-6  # of a sum of squares: what float32 sums cannot tell from nothing


class Accumulator:
    """by_class: it is fed what `ClassLabels.features` makes of the maps, beside the class of each."""

    by_class = False

    def fed_by(self, images: int) -> None:
        """Told before the first batch how many images come at once, where that is not BATCH."""


class SpreadOf(Accumulator):
    """Variance by sums about the first batch's mean, so that no large numbers cancel."""

    def __init__(self, statistic: Spread, classes: int):
        self.count, self.origin = 0, None

    def add(self, maps: torch.Tensor, labels: torch.Tensor):
        """maps: [N, P, *size]."""
        flat = maps.transpose(0, 1).flatten(1)  # [P, N * places]
        if self.origin is None:
            self.origin = flat.mean(1, keepdim=True)
            self.sum = for_double(maps.new_zeros(len(flat))).double()
            self.squares = torch.zeros_like(self.sum)
        centred = flat - self.origin
        self.sum += for_double(centred.sum(1))
        self.squares += for_double(centred.square().sum(1))
        self.count += flat.shape[1]

    def finish(self) -> np.ndarray:
        mean = self.sum / self.count
        return (self.squares / self.count - mean**2).clamp_min(0).cpu().numpy()


class PooledFeaturesOf(Accumulator):
    by_class = True

    def __init__(self, statistic: PooledFeatures, classes: int):
        self.means = []

    def add(self, maps: torch.Tensor, labels: torch.Tensor):
        self.means.append(maps.flatten(2).mean(2) if maps.dim() > 2 else maps)

    def finish(self) -> np.ndarray:
        return torch.cat(self.means).cpu().numpy()


class MeanMapsOf(Accumulator):
    """Sums of |maps| and a count: as large for one image as for a million."""

    def __init__(self, statistic: MeanMaps, classes: int):
        self.count = 0
        self.sum: Any = 0  # a tensor from the first batch on

    def add(self, maps: torch.Tensor, labels: torch.Tensor):
        size = (1, 1, *maps.shape[2:])[-2:]
        total = maps.abs().sum(0).reshape(maps.shape[1], -1, *size).sum(1)
        self.sum = self.sum + for_double(total).double()
        self.count += len(maps)

    def finish(self) -> np.ndarray:
        return (self.sum / self.count).cpu().numpy()


class GridOf(Accumulator):
    def __init__(self, statistic: Grid, classes: int):
        self.size = ()

    def add(self, maps: torch.Tensor, labels: torch.Tensor):
        self.size = tuple(maps.shape[2:])

    def finish(self) -> np.ndarray:
        return np.array(self.size, int)


class ClassScatterOf(Accumulator):
    """Sums per class and place and sums of squares: between and within follow from them."""

    by_class = True

    def __init__(self, statistic: ClassScatter, classes: int):
        self.statistic, self.classes = statistic, classes
        self.sums: Any = None  # a tensor from the first batch on

    def add(self, maps: torch.Tensor, labels: torch.Tensor):
        maps = self._on_grid(maps)  # [N, P, places]
        n, channels, places = maps.shape
        if self.sums is None:
            self.sums = for_double(maps.new_zeros(self.classes, channels * places)).double()
            self.squares = self.sums.new_zeros(channels)
            self.counts = self.sums.new_zeros(self.classes)
        hot = F.one_hot(labels, self.classes).to(maps.dtype)  # [N, K]
        self.sums += for_double(hot.T @ maps.reshape(n, -1))
        self.squares += for_double(maps.square().sum((0, 2)))
        self.counts += for_double(hot.sum(0))
        self.places = places

    def _on_grid(self, maps: torch.Tensor) -> torch.Tensor:
        size = tuple(maps.shape[2:])
        grid = self.statistic.grid(size, self.classes, maps.shape[1])
        if not size:
            return maps.unsqueeze(2)
        if not grid:
            return maps.flatten(2).mean(2, keepdim=True)
        if grid == size:
            return maps.flatten(2)
        if len(grid) == 2:
            return F.adaptive_avg_pool2d(maps, grid).flatten(2)
        return F.adaptive_avg_pool1d(maps.flatten(2), grid[0])

    def finish(self) -> np.ndarray:
        counts = self.counts.clamp_min(1)[:, None]
        per_class = (self.sums**2 / counts).sum(0).unflatten(0, (-1, self.places)).sum(1)
        overall = (self.sums.sum(0) ** 2 / self.counts.sum()).unflatten(0, (-1, self.places)).sum(1)
        between = (per_class - overall).clamp_min(0)
        within = (self.squares - per_class).clamp_min(0)
        constant = between + within <= ROUNDING * self.squares
        return torch.stack([between, within], 1).masked_fill(constant[:, None], 0).cpu().numpy()


class DualDiscriminantOf(Accumulator):
    """One N_b x N_b solve a batch; the features of a batch are let go before the next."""

    by_class = True

    def __init__(self, statistic: DualDiscriminant, classes: int):
        self.rho, self.left, self.classes = statistic.rho, statistic.batches, classes
        self.total: Any = 0  # a tensor from the first batch on

    def fed_by(self, images: int) -> None:
        self.left = -(-self.left * BATCH // images)

    def add(self, maps: torch.Tensor, labels: torch.Tensor):
        if not self.left:
            return
        self.left -= 1
        centred, _, solved = dual(maps, labels, self.rho, self.classes)
        weights = centred.T @ solved.to(maps)  # [P * places, K]
        lengths = weights.square().reshape(maps.shape[1], -1).sum(1)
        self.total = self.total + 2 * for_double(lengths).double()

    def finish(self) -> np.ndarray:
        return self.total.cpu().numpy()


class DualShareOf(Accumulator):
    """The same solve; what it leaves of the labels is rho times the dual's residual form."""

    by_class = True

    def __init__(self, statistic: DualShare, classes: int):
        self.rho, self.left, self.classes, self.shares = statistic.rho, statistic.batches, classes, []

    def fed_by(self, images: int) -> None:
        self.left = -(-self.left * BATCH // images)

    def add(self, maps: torch.Tensor, labels: torch.Tensor):
        if not self.left:
            return
        self.left -= 1
        _, targets, solved = dual(maps, labels, self.rho, self.classes)
        whole = targets.square().sum()  # K - 1 of the classes in this batch
        if whole > 0:
            self.shares.append(1 - self.rho * float((targets * solved).sum() / whole))

    def finish(self) -> np.ndarray:
        return np.array([np.mean(self.shares) if self.shares else 0.0])


def dual(maps: torch.Tensor, labels: torch.Tensor, rho: float, classes: int):
    """One batch's centred features Xb [N, P * places], its scaled and centred labels Yb [N, K], absent
    classes dropped, and (Xb Xb' + rho I)^-1 Yb; the last two in float64."""
    centred = (maps - maps.mean(0)).reshape(len(maps), -1)
    gram = for_double(centred @ centred.T).double()
    gram.diagonal().add_(rho)
    hot = for_double(F.one_hot(labels, classes)).double()
    hot = hot[:, hot.any(0)]
    hot /= hot.sum(0).sqrt()
    targets = hot - hot.mean(0)
    return centred, targets, torch.linalg.solve(gram, targets)


ACCUMULATORS = {
    Spread: SpreadOf,
    PooledFeatures: PooledFeaturesOf,
    MeanMaps: MeanMapsOf,
    Grid: GridOf,
    ClassScatter: ClassScatterOf,
    DualDiscriminant: DualDiscriminantOf,
    DualShare: DualShareOf,
}
