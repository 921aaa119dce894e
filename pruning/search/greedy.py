"""Greedy structure search: each step takes from the group where that costs least per unit of the measure.

Every candidate saves the same share of the whole network's MACs (or parameters, or channels) by its group's
lowest-scored channels. Source: DI, Hou and Kung 2020 [A][C]. Candidates are measured lazily: a group's last
known rate is believed until it comes to the top, is then measured anew, and wins if it stays on top. That
is exact where no rate falls when others give channels (what is kept has a submodular worth). Rates measured
on a network are only nearly so: one that has fallen may have to wait a few steps for its turn.
"""

import heapq
from collections.abc import Callable
from typing import Protocol

import numpy as np

from pruning.cost import Step
from pruning.search.budget import Budget
from pruning.search.progress import Progress

SHARE = 0.005  # of the whole measure, that every candidate saves


class Price(Protocol):
    """What is lost with the channels that are gone."""

    now: float

    def without(self, g: int, level: int) -> float:
        """The price if group g lost its `level` lowest-scored channels as well."""

    def cut(self, g: int, level: int) -> None:
        """Group g has lost them from now on."""


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
    the steps done and the counts after each.   progress: counts the evaluations, and is where it is
    cancelled.
    """
    counts, path = budget.limits.given.copy(), []
    queue = [(-np.inf, g, -1) for g in budget.limits.open]  # (rate, group, steps done when it was measured)
    progress.begin(budget.left(counts))
    while budget.left(counts) and queue:
        rate, g, measured = heapq.heappop(queue)
        level = budget.step(counts, g, share)
        if level is None:
            continue  # it has given all that it may
        if measured < len(path):
            rise = price.without(g, level) - price.now
            heapq.heappush(queue, (rise / budget.saved(counts, g, level), g, len(path)))
            progress.evaluated()
            continue
        level = budget.nearest(counts, g, level)
        if level == counts[g]:
            break  # one channel more would miss the target by more
        path.append(_taken(budget, price, names[g], counts, g, level))
        progress.stepped(budget.left(counts), price.now)
        after(len(path), counts)
        heapq.heappush(queue, (rate, g, -1))
        if not lazily:
            queue = [(-np.inf, g, -1) for _, g, _ in queue]
            heapq.heapify(queue)
    return counts, tuple(path)


def _taken(budget: Budget, price: Price, name: str, counts: np.ndarray, g: int, level: int) -> Step:
    """Group g gives up to `level`; counts: [G], changed."""
    before, channels = price.now, level - int(counts[g])
    price.cut(g, level)
    counts[g] = level
    kept, left = int(budget.limits.sizes[g]) - level, budget.cost.of(counts)
    return Step(name, channels, kept, price.now - before, price.now, left)
