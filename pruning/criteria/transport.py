"""Optimal transport between the distributions that stand for a layer's channels: barycenters and distances.

Three grounds. Taps of a filter at cost 0/1 and values on the real line have closed forms; filters on the
k x k grid and maps on the H x W grid are solved entropically.
"""

from typing import NamedTuple

import numpy as np

SPATIAL_REG = 0.05  # of the filters' spatial barycenter, whose ground costs lie in 0 .. 1
SPATIAL_TAPS = 600  # beyond, the taps x taps kernel takes minutes a layer
MAP_REG = 0.02  # of maps on the unit square, whose ground costs lie in 0 .. 2
ROUNDS = 2000  # of Sinkhorn's iteration, at most

# -------------------------------------------------------------------------------------------- taps, cost 0/1


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


def tap_distances(mass: np.ndarray, target: np.ndarray) -> np.ndarray:
    """W1 under ground cost 0/1, the share of mass that has to move, in 0 .. 1: [P, taps], [taps] -> [P]."""
    return 0.5 * np.abs(mass - target).sum(axis=1)


# ------------------------------------------------------------------------------------------- taps on a grid


def kernel_cost(kernel: tuple[int, ...]) -> np.ndarray:
    """Distance of a kernel's places over its largest, in 0 .. 1: [places, places]."""
    places = np.stack(np.unravel_index(np.arange(np.prod(kernel, dtype=int)), kernel or (1,)), axis=1)
    distance = np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=2))
    return distance / (distance.max() or 1.0)


def spatial_cost(inputs: int, kernel: tuple[int, ...]) -> np.ndarray:
    """Ground cost of taps: within an input channel their distance on the kernel, to another channel 1.

    Divided by the kernel's diagonal, a reading: so the way to another place of the same channel is never
    longer than that to another channel, and the cost is a metric. [taps, taps], in 0 .. 1."""
    near = kernel_cost(kernel)
    own = np.kron(np.eye(inputs), np.ones_like(near))
    return np.where(own > 0, np.kron(np.eye(inputs), near), 1.0)


def spatial_center(mass: np.ndarray, inputs: int, kernel: tuple[int, ...]) -> np.ndarray:
    """Entropic barycenter of [P, taps] distributions under `spatial_cost`, by POT at reg 0.05: [taps].

    Raises ValueError beyond 600 taps, where it would take minutes a layer."""
    if mass.shape[1] > SPATIAL_TAPS:
        raise ValueError(
            f"ground spatial is solved up to {SPATIAL_TAPS} taps a filter, and this layer's have "
            f"{mass.shape[1]}, which would take minutes a layer; take ground taps"
        )
    from ot.bregman import barycenter

    cost = spatial_cost(inputs, kernel)
    found = barycenter(mass.T.copy(), cost, SPATIAL_REG, numItermax=ROUNDS, warn=False)
    return found / found.sum()


def spatial_distances(mass: np.ndarray, target: np.ndarray, kernel: tuple[int, ...]) -> np.ndarray:
    """Exact W1 of each channel to `target` under `spatial_cost`: [P, taps], [taps] -> [P], in 0 .. 1.

    Mass that leaves its input channel goes anywhere at cost 1: half for leaving, half for arriving. So each
    input channel is a small problem of its own, with one more place that gives and takes at cost 1/2."""
    from ot import emd2

    places = int(np.prod(kernel, dtype=int))
    cost = np.full((places + 1, places + 1), 0.5)
    cost[:-1, :-1], cost[-1, -1] = kernel_cost(kernel), 0.0
    there = target.reshape(-1, places)
    distances = np.zeros(len(mass))
    for channel, here in enumerate(mass.reshape(len(mass), -1, places)):
        for own, other in zip(here, there, strict=True):
            outside = own.sum(), other.sum()
            start, end = np.append(own, outside[1]), np.append(other, outside[0])
            distances[channel] += emd2(start, end * (start.sum() / end.sum()), cost)
    return distances


# ------------------------------------------------------------------------------------------------- on a line


def quantiles(values: np.ndarray) -> np.ndarray:
    """The quantile function of each row's uniform distribution: its values sorted, [P, n]. The W2 barycenter
    of all rows is the mean of these."""
    return np.sort(values, axis=1)


def line_distances(values: np.ndarray) -> np.ndarray:
    """W2 distance of each row's uniform distribution on the real line to their W2 barycenter: [P].

    In one dimension both are closed forms: quantile functions are sorted rows, the barycenter is their
    mean."""
    ordered = quantiles(values)
    return np.sqrt(((ordered - ordered.mean(axis=0)) ** 2).mean(axis=1))


# ----------------------------------------------------------------------------------------- maps on a square


class Square(NamedTuple):
    """The entropic kernel of an H x W grid on the unit square, exp(-squared distance / reg), as its two
    factors: it is never built as [HW, HW]."""

    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, size: tuple[int, int], reg: float) -> "Square":
        lines = [np.linspace(0, 1, n) for n in size]
        return cls(*(np.exp(-((line[:, None] - line) ** 2) / reg) for line in lines))

    def __call__(self, maps: np.ndarray) -> np.ndarray:
        """[..., H, W] -> [..., H, W]."""
        return self.rows @ (maps @ self.columns)


def map_center(maps: np.ndarray, *, debiased: bool = True, reg: float = MAP_REG) -> np.ndarray:
    """The entropic barycenter of [P, H, W] distributions on the unit square, by POT: [H, W], sums to 1.

    debiased: minimises the summed Sinkhorn divergence (Janati et al. 2020); else the summed entropic
    transport cost, which blurs."""
    from ot.bregman import convolutional_barycenter2d, convolutional_barycenter2d_debiased

    if maps.shape[2] == 1 < maps.shape[1]:  # POT squeezes a last side of one place away
        return map_center(maps.transpose(0, 2, 1), debiased=debiased, reg=reg).T
    solve = convolutional_barycenter2d_debiased if debiased else convolutional_barycenter2d
    found = solve(maps, reg, stopThr=1e-5, numItermax=ROUNDS // 4, warn=False)
    return found / found.sum()


def map_distances(
    maps: np.ndarray, target: np.ndarray, *, debiased: bool = True, reg: float = MAP_REG
) -> np.ndarray:
    """How far each of [P, H, W] distributions is from [H, W], in squared sides of the grid: [P], at least 0.

    debiased: the Sinkhorn divergence OT(p, q) - OT(p, p) / 2 - OT(q, q) / 2, which is 0 for q itself. Else
    OT(p, q), the entropic cost, which is not."""
    target = target[None]
    costs = entropic_costs(maps, target, reg=reg)
    if debiased:
        costs = costs - (entropic_costs(maps, maps, reg=reg) + entropic_costs(target, target, reg=reg)) / 2
    return np.maximum(costs, 0.0)


def entropic_costs(maps: np.ndarray, others: np.ndarray, *, reg: float = MAP_REG) -> np.ndarray:
    """min <plan, cost> + reg KL(plan | uniform) for each p of [P, H, W] and its q of [P or 1, H, W]: [P], at
    least 0. Summed over the channels it is what the entropic barycenter that is not debiased minimises.

    By its dual value, which is exact to second order in what the marginals still lack."""
    start, end = scalings(maps, others, reg=reg)
    uniform = 2 * np.log(maps.shape[1] * maps.shape[2])
    return reg * (_sum_log(maps, start) + _sum_log(others, end) + uniform)


def scalings(maps: np.ndarray, others: np.ndarray, *, reg: float = MAP_REG, within: float = 1e-7):
    """Sinkhorn's u and v, [P, H, W] each: u K v' is the entropic plan of each p and q.

    Batched over the channels, where POT's solvers take one pair each. Ends when no row's marginals are off by
    more than `within` in sum, or after 2,000 rounds."""
    kernel = Square.of(maps.shape[1:], reg)
    others = np.broadcast_to(others, maps.shape)
    end = np.ones(maps.shape)
    if maps is others or np.array_equal(maps, others):  # one scaling for both sides, found in a few steps
        for _ in range(ROUNDS):
            reached = end * kernel(end)
            if np.abs(reached - maps).sum(axis=(1, 2)).max() < within:
                break
            end = np.sqrt(end * maps / kernel(end))
        return end, end
    blurred = kernel(end)
    for _ in range(ROUNDS):
        start = maps / blurred
        end = others / kernel(start)
        blurred = kernel(end)
        if np.abs(start * blurred - maps).sum(axis=(1, 2)).max() < within:
            break
    return start, end


def _sum_log(mass: np.ndarray, scaling: np.ndarray) -> np.ndarray:
    """Sum of mass x log(scaling) over a map's places, those without mass left out: [P, H, W] -> [P]."""
    return (mass * np.log(np.where(mass > 0, scaling, 1.0))).sum(axis=(1, 2))
