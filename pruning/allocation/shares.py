"""How many channels each group loses: a uniform share, or the lowest of one ranking; then settled on whole
channels."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from pruning.allocation.limits import MOST_SHARES, Cost, Limits, must_reach
from pruning.channels.structure import Structure
from pruning.criteria.scores import Scores


def _lost(limits: Limits, amounts: Mapping[int, float]) -> np.ndarray:
    lost = limits.given.astype(float)
    for g, amount in amounts.items():
        lost[g] = amount
    return lost


def uniform(cost: Cost, limits: Limits, cut: float, *, exact: bool) -> dict[int, float]:
    """{group: channels to lose, with fractions}: one share for all, by bisection."""

    chosen = np.array(limits.open, int)
    sizes, most = limits.sizes[chosen], limits.most[chosen]
    low, high = (0.0, 1.0) if not exact else (cut, cut)  # a share of channels is that share of every group
    lost = limits.given.astype(float)
    while high - low > 1e-9:
        middle = (low + high) / 2
        lost[chosen] = np.minimum(middle * sizes, most)
        enough = cost.of(lost) <= cost.target(cut)
        low, high = (low, middle) if enough else (middle, high)
    return dict(zip(limits.open, np.minimum(high * sizes, most), strict=True))


def ranked_globally(
    structure: Structure, scores: Scores, cost: Cost, limits: Limits, cut: float
) -> dict[int, float]:
    """{group: channels to lose}: the lowest of one ranking over all groups, caps kept."""
    ranked, _ = ranking(structure, scores, limits)

    def amounts(first: int) -> dict[int, float]:
        counts = np.bincount(ranked[:first], minlength=len(limits.sizes))
        return {g: float(counts[g]) for g in limits.open}

    low, high = 0, len(ranked)
    while low < high:
        middle = (low + high) // 2
        enough = cost.of(_lost(limits, amounts(middle))) <= cost.target(cut)
        low, high = (low, middle) if enough else (middle + 1, high)
    choices = [max(0, low - 1), low]
    return amounts(min(choices, key=lambda k: abs(cost.of(_lost(limits, amounts(k))) - cost.target(cut))))


def ranking(structure: Structure, scores: Scores, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
    """[N], [N]: the group of every channel that may go, and score / mean |score|, the lowest first."""
    values, owners = [], []
    for g in limits.open:
        raw = finite(scores[structure.names[g]])
        order = cut_order(raw)
        values.append(
            (raw / (np.abs(raw).mean() or 1.0))[order][: limits.most[g]]
        )  # beyond its cap none can go
        owners.append(np.full(len(values[-1]), g))
    if not values:
        return np.zeros(0, int), np.zeros(0)
    every = np.concatenate(values)
    order = np.argsort(every, kind="stable")
    return np.concatenate(owners)[order], every[order]


def settle(amounts: dict[int, float], cost: Cost, limits: Limits, cut: float, *, exact: bool) -> np.ndarray:
    """[G] whole numbers of channels lost: floors, then steps by largest remainder until nearest to the
    target."""
    counts, steps = limits.given.copy(), []
    for g, amount in amounts.items():
        levels = limits.levels[g]
        below = int(np.searchsorted(levels, amount + 1e-9, side="right")) - 1
        counts[g] = levels[below]
        if below + 1 < len(levels):
            step = levels[below + 1] - levels[below]
            steps.append(((amount - levels[below]) / step, g, levels[below + 1]))
    must_reach(cost, limits, cut)
    if exact:
        return counts
    best, miss = counts.copy(), abs(cost.of(counts) - cost.target(cut))
    for remainder, g, level in sorted(steps, key=lambda step: (-step[0], step[1])):
        if remainder <= 0 and limits.round_to == 1:
            break
        counts[g] = level
        now = abs(cost.of(counts) - cost.target(cut))
        if now < miss:
            best, miss = counts.copy(), now
    return best


def in_steps(plans: Iterable[np.ndarray], cost: Cost, limits: Limits, cut: float) -> np.ndarray:
    """[G] whole numbers of channels lost, under a cost that need not fall with every channel.

    plans: [G] each, in the order they are tried. The first that is cheap enough is approached group by group
    from the one before it, and whatever comes nearest to the target on that way is taken, of equals the
    first. Channels whose loss saves nothing then stay."""
    must_reach(cost, limits, cut)
    target, tried = cost.target(cut), [(limits.given, cost.of(limits.given))]
    for counts in plans:
        before, now = tried[-1][0], cost.of(counts)
        tried.append((counts, now))
        if now <= target:
            way = [np.where(np.arange(len(counts)) <= g, counts, before) for g in limits.open]
            tried += [(some, cost.of(some)) for some in way]
            break
    nearest, _ = min(tried, key=lambda one: abs(one[1] - target))
    return _thrifty(nearest.copy(), cost, limits)


def worthwhile(limits: Limits, cost: Cost) -> Limits:
    """The limits with only those widths of a group that cost less than every larger one, all other groups
    whole: one that costs as much as a larger one is none to stop at."""
    levels = {}
    for g in limits.open:
        costs, counts = [], limits.given.copy()
        for level in limits.levels[g]:
            counts[g] = level
            costs.append(cost.of(counts))
        less = np.array(costs[1:]) < np.minimum.accumulate(costs)[:-1]
        levels[g] = limits.levels[g][np.append(True, less)]
    return replace(limits, levels=levels)


def _thrifty(counts: np.ndarray, cost: Cost, limits: Limits) -> np.ndarray:
    """Gives every group back what it may keep without costing more."""
    for g in limits.open:
        now, fewer = cost.of(counts), counts.copy()
        for level in limits.levels[g][limits.levels[g] < counts[g]]:
            fewer[g] = level
            if cost.of(fewer) <= now:
                counts[g] = level
                break
    return counts


def ranked_in_steps(structure: Structure, scores: Scores, limits: Limits) -> Iterator[np.ndarray]:
    """[G] channels lost, on allowed levels, as more and more of one ranking over all groups goes."""
    ranked, _ = ranking(structure, scores, limits)
    for first in np.unique(np.linspace(0, len(ranked), MOST_SHARES).astype(int)):
        lost = np.bincount(ranked[:first], minlength=len(limits.sizes))
        counts = limits.given.copy()
        for g in limits.open:
            counts[g] = limits.levels[g][np.searchsorted(limits.levels[g], lost[g], side="right") - 1]
        yield counts


def finite(scores: np.ndarray) -> np.ndarray:
    """Scores with the dead channels (-inf) just below the smallest finite one."""
    alive = scores[np.isfinite(scores)]
    return np.where(np.isfinite(scores), scores, (alive.min() if len(alive) else 0.0) - 1.0)


def cut_order(scores: np.ndarray) -> np.ndarray:
    """Channels in the order they go: lowest score first, of equal ones the higher index first."""
    return np.lexsort((-np.arange(len(scores)), scores))
