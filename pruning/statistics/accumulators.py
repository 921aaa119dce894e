"""The streaming side of every statistic: one object a (statistic, layer), fed batch by batch."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from pruning.statistics.records import ClassScatter, DualDiscriminant, PooledFeatures, Spread

BATCH = 128  # images at a time: what DI's dual form is defined on; the others do not depend on it
GRID_BYTES = 64 * 2**20


class SpreadOf:
    """Variance by sums about the first batch's mean, so that no large numbers cancel."""

    def __init__(self, statistic: Spread, classes: int):
        self.count, self.origin = 0, None

    def add(self, maps: torch.Tensor, labels: torch.Tensor):
        """maps: [N, P, places]."""
        flat = maps.transpose(0, 1).flatten(1)  # [P, N * places]
        if self.origin is None:
            self.origin = flat.mean(1, keepdim=True)
            self.sum = torch.zeros(len(flat), dtype=torch.float64, device=maps.device)
            self.squares = torch.zeros_like(self.sum)
        centred = flat - self.origin
        self.sum += centred.sum(1)
        self.squares += centred.square().sum(1)
        self.count += flat.shape[1]

    def finish(self) -> np.ndarray:
        mean = self.sum / self.count
        return (self.squares / self.count - mean**2).clamp_min(0).cpu().numpy()


class PooledFeaturesOf:
    def __init__(self, statistic: PooledFeatures, classes: int):
        self.means = []

    def add(self, maps: torch.Tensor, labels: torch.Tensor):
        self.means.append(maps.mean(2))

    def finish(self) -> np.ndarray:
        return torch.cat(self.means).cpu().numpy()


class ClassScatterOf:
    """Sums per class and place and sums of squares: between and within follow from them."""

    def __init__(self, statistic: ClassScatter, classes: int):
        self.pooled, self.classes = statistic.pooled, classes
        self.sums = None

    def add(self, maps: torch.Tensor, labels: torch.Tensor):
        maps = maps.mean(2, keepdim=True) if self.pooled else self._on_grid(maps)
        n, channels, places = maps.shape
        if self.sums is None:
            self.sums = torch.zeros(self.classes, channels * places, dtype=torch.float64, device=maps.device)
            self.squares = torch.zeros(channels, dtype=torch.float64, device=maps.device)
            self.counts = torch.zeros(self.classes, dtype=torch.float64, device=maps.device)
        hot = F.one_hot(labels, self.classes).to(maps.dtype)  # [N, K]
        self.sums += hot.T @ maps.reshape(n, -1)
        self.squares += maps.square().sum((0, 2))
        self.counts += hot.sum(0)
        self.places = places

    def _on_grid(self, maps: torch.Tensor) -> torch.Tensor:
        most = max(1, GRID_BYTES // (4 * self.classes * maps.shape[1]))
        if maps.shape[2] <= most:
            return maps
        side, grid = math.isqrt(maps.shape[2]), max(1, math.isqrt(most))
        if side * side == maps.shape[2]:
            return F.adaptive_avg_pool2d(maps.unflatten(2, (side, side)), grid).flatten(2)
        return F.adaptive_avg_pool1d(maps, most)

    def finish(self) -> np.ndarray:
        counts = self.counts.clamp_min(1)[:, None]
        per_class = (self.sums**2 / counts).sum(0).unflatten(0, (-1, self.places)).sum(1)
        overall = (self.sums.sum(0) ** 2 / self.counts.sum()).unflatten(0, (-1, self.places)).sum(1)
        between = (per_class - overall).clamp_min(0)
        within = (self.squares - per_class).clamp_min(0)
        return torch.stack([between, within], 1).cpu().numpy()


class DualDiscriminantOf:
    """One N_b x N_b solve a batch; the features of a batch are let go before the next."""

    def __init__(self, statistic: DualDiscriminant, classes: int):
        self.rho, self.left, self.classes, self.total = statistic.rho, statistic.batches, classes, None

    def add(self, maps: torch.Tensor, labels: torch.Tensor):
        if not self.left:
            return
        self.left -= 1
        n, channels = maps.shape[:2]
        centred = (maps - maps.mean(0)).reshape(n, -1)  # [N, P * places]
        gram = (centred @ centred.T).double()
        gram.diagonal().add_(self.rho)
        hot = F.one_hot(labels, self.classes).double()
        hot = hot[:, hot.any(0)]
        hot /= hot.sum(0).sqrt()
        solved = torch.linalg.solve(gram, hot - hot.mean(0)).to(maps.dtype)  # [N, K]
        dual = (centred.T @ solved).square().reshape(channels, -1).sum(1).double()
        self.total = 2 * dual if self.total is None else self.total + 2 * dual

    def finish(self) -> np.ndarray:
        return self.total.cpu().numpy()


ACCUMULATORS = {
    Spread: SpreadOf,
    PooledFeatures: PooledFeaturesOf,
    ClassScatter: ClassScatterOf,
    DualDiscriminant: DualDiscriminantOf,
}
