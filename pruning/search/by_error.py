"""Widths by error: the group gives whose channels cost least, after a refit, per share of the measure saved.

The error curves are those of pruning.reconstruction: what is lost of every group's readers, refitted, with
each number of channels gone. They are not convex, so every candidate is judged several removals ahead.
Nothing is run. Source: derived here [D].
"""

import heapq
from collections.abc import Mapping

import numpy as np

from pruning.cost import Step
from pruning.search.budget import Budget
from pruning.search.progress import Progress

AHEAD = 8  # removals, or this part of a group where that is more


def by_error(
    budget: Budget, errors: Mapping[int, np.ndarray], names: tuple[str, ...], *, progress: Progress
) -> tuple[np.ndarray, tuple[Step, ...]]:
    """How many channels each group loses, [G], and the steps on the way there.

    errors: {group number: [C + 1]}, lost when so many are gone.   names: of the groups. A candidate's rate is
    believed until it comes to the top and is then computed anew: rates only rise while others give channels,
    since each channel then saves less."""
    counts, path = budget.limits.given.copy(), []
    price = lost_at(errors, counts)
    queue = [(-np.inf, g, -1, 0) for g in budget.limits.open]  # rate, group, steps when computed, level
    progress.begin(budget.left(counts))
    while budget.left(counts) and queue:
        _, g, computed, level = heapq.heappop(queue)
        if computed < len(path):
            rate, level = _best(budget, errors[g], counts, g)
            if level is not None:
                heapq.heappush(queue, (rate, g, len(path), level))
            continue
        level = budget.nearest_of(counts, g, level)
        if level == counts[g]:
            break  # one channel more would miss the target by more
        rise = errors[g][level] - errors[g][counts[g]]
        channels, price = level - int(counts[g]), price + rise
        counts[g] = level
        kept, left = int(budget.limits.sizes[g]) - level, budget.cost.of(counts)
        path.append(Step(names[g], channels, kept, float(rise), float(price), left))
        progress.stepped(budget.left(counts), float(price))
        heapq.heappush(queue, (-np.inf, g, -1, 0))
    return counts, tuple(path)


def _best(budget: Budget, error: np.ndarray, counts: np.ndarray, g: int) -> tuple[float, int | None]:
    """The least error per share of the measure that this group's next removals have, and their level; None
    where it may lose no more, or saves nothing."""
    levels = budget.limits.levels[g]
    levels = levels[levels > counts[g]]
    if budget.cost.steady:  # else it falls only every so many channels
        levels = levels[: max(AHEAD, len(budget.limits.levels[g]) // AHEAD)]
    saved = np.array([budget.saved(counts, g, int(level)) for level in levels])
    rise = error[levels] - error[counts[g]]
    usable = np.flatnonzero(saved > 0)
    if not len(usable):
        return np.inf, None
    rates = rise[usable] / saved[usable]
    first = int(np.argmin(rates))
    return float(rates[first]), int(levels[usable[first]])


def lost_at(errors: Mapping[int, np.ndarray], counts: np.ndarray) -> float:
    """The share of the variance lost when the groups have lost `counts`: [G] channels."""
    return float(sum(error[counts[g]] for g, error in errors.items()))
