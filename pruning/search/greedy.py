"""Greedy structure search: each step takes from the group where that costs least per unit of the measure.

Every candidate saves the same share of the whole network's MACs (or parameters, or channels) by its group's
lowest-scored channels. Source: DI, Hou and Kung 2020 [A][C]. Candidates are measured lazily: a group's last
known rate is believed until it comes to the top, is then measured anew, and wins if it stays on top. That
is exact where no rate falls when others give channels (what is kept has a submodular worth). Rates measured
on a network are only nearly so: one that has fallen may have to wait a few steps for its turn. A block that
may close is one more candidate, with all that its groups have left.
"""

import heapq
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from pruning.cost import Step
from pruning.search.budget import Budget
from pruning.search.progress import Progress

SHARE = 0.005  # of the whole measure, that every candidate saves


class Price(Protocol):
    """What is lost with the channels that are gone."""

    now: float

    def without(self, levels: Mapping[int, int]) -> float:
        """The price if each of these groups lost so many of its lowest-scored channels as well."""

    def cut(self, levels: Mapping[int, int]) -> None:
        """They have lost them from now on."""


def greedy(
    budget: Budget,
    price: Price,
    names: tuple[str, ...],
    *,
    share: float = SHARE,
    lazily: bool = True,
    after: Callable[[int, np.ndarray], None] = lambda steps, counts: None,
    progress: Progress,
) -> tuple[np.ndarray, tuple[Step, ...]]:
    """How many channels each group loses, [G], and the steps on the way there.

    names: of the groups.   lazily: or every candidate is measured anew in every step.   after: called with
    the steps done and the counts after each.   progress: counts evaluations, and is where it is cancelled."""
    counts, path = budget.limits.given.copy(), []
    blocks = budget.limits.blocks.sets if budget.limits.blocks is not None else ()
    closing = dict(enumerate(blocks, start=len(names)))  # candidates are groups, and behind them blocks
    queue = [(-np.inf, k, -1) for k in (*budget.limits.open, *closing)]  # rate, candidate, steps before it
    progress.begin(budget.left(counts))
    while budget.left(counts) and queue:
        rate, k, measured = heapq.heappop(queue)
        levels = budget.closing(counts, closing[k]) if k in closing else budget.next(counts, k, share)
        if levels is None:
            continue  # it has given all that it may
        if measured < len(path):
            rise = price.without(levels) - price.now
            heapq.heappush(queue, (rise / budget.saved_by(counts, levels), k, len(path)))
            progress.evaluated()
            continue
        if k not in closing:
            levels = {k: budget.nearest(counts, k, levels[k])}
            if levels[k] == counts[k]:
                break  # one channel more would miss the target by more
        path += _taken(budget, price, names, counts, levels)
        progress.stepped(budget.left(counts), price.now)
        after(len(path), counts)
        heapq.heappush(queue, (rate, k, -1))
        if not lazily:
            queue = sorted((-np.inf, k, -1) for _, k, _ in queue)  # which is a heap
    return counts, tuple(path)


def _taken(budget: Budget, price: Price, names, counts: np.ndarray, levels: Mapping[int, int]) -> list[Step]:
    """These groups give up to their levels, the cost that of all of them; counts: [G], changed."""
    before, lost = price.now, counts.copy()
    price.cut(levels)
    counts[list(levels)] = list(levels.values())
    left, found = budget.cost.of(counts), []
    for g, level in levels.items():
        rise = price.now - before if not found else 0.0  # of a block, in its first step
        kept = int(budget.limits.sizes[g]) - level
        found.append(Step(names[g], level - int(lost[g]), kept, rise, price.now, left))
    return found
