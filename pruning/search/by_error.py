"""Widths by error: the group gives whose channels cost least, after a refit, per share of the measure saved.

The error curves are those of pruning.reconstruction: what is lost of every group's readers, refitted, with
each number of channels gone. They are not convex, so every candidate is judged several removals ahead. Where
whole blocks may go, each is one more candidate: all that its groups have left, at once. It loses what those
who add its answer to something lose when that becomes a constant; who reads inside of it loses nothing.
Nothing is run. Source: derived here [D].
"""

import heapq
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pruning.cost import Step
from pruning.search.budget import Budget
from pruning.search.progress import Progress

AHEAD = 8  # removals, or this part of a group where that is more
Errors = Mapping[int, np.ndarray]


def by_error(
    budget: Budget, errors: Errors, names: tuple[str, ...], *, progress: Progress
) -> tuple[np.ndarray, tuple[Step, ...]]:
    """How many channels each group loses, [G], and the steps on the way there.

    errors: {group number: [C + 1]}, lost when so many are gone; where blocks may close, as `heard_outside`
    has them.   names: of the groups. Blocks close only where channels alone would lose more."""
    if budget.limits.blocks is None or not budget.limits.blocks.sets:
        return _Search(budget, errors, names, progress).found()
    mixed = _Search(budget, errors, names, progress).found()
    try:
        alone = replace(budget, limits=replace(budget.limits, blocks=None))
    except ValueError:  # channels alone are not enough
        return mixed
    channels = _Search(alone, errors, names, progress).found()
    return min(channels, mixed, key=lambda found: lost_at(errors, found[0]))


class _Search:
    """counts: [G] channels that each group has lost so far.   candidates: groups by their number, and behind
    them blocks."""

    def __init__(self, budget: Budget, errors: Errors, names: tuple[str, ...], progress: Progress):
        self.budget, self.errors, self.names, self.progress = budget, errors, names, progress
        self.limits, self.path = budget.limits, []
        self.counts = self.limits.given.copy()
        self.price = lost_at(errors, self.counts)
        blocks = self.limits.blocks.sets if self.limits.blocks is not None else ()
        self.blocks = dict(enumerate(blocks, start=len(names)))

    def found(self) -> tuple[np.ndarray, tuple[Step, ...]]:
        """A candidate's rate is believed until it comes to the top and is then computed anew: rates only rise
        while others give channels, since each channel then saves less."""
        budget, counts = self.budget, self.counts
        # rate, candidate, steps when computed, level of a group
        queue = [(-np.inf, k, -1, 0) for k in (*self.limits.open, *self.blocks)]
        self.progress.begin(budget.left(counts))
        while budget.left(counts) and queue:
            _, k, computed, level = heapq.heappop(queue)
            if computed < len(self.path):
                rate, level = self._close_to(k) if k in self.blocks else self._best(k)
                if level is not None:
                    heapq.heappush(queue, (rate, k, len(self.path), level))
                continue
            if k in self.blocks:
                self._take(budget.closing(counts, self.blocks[k]))
                continue
            level = budget.nearest_of(counts, k, level)
            if level == counts[k]:
                break  # one channel more would miss the target by more
            self._take({k: level})
            heapq.heappush(queue, (-np.inf, k, -1, 0))
        return counts, tuple(self.path)

    def _take(self, levels: Mapping[int, int]):
        """These groups have lost so many from now on: a step each, the cost that of all of them."""
        before = self.counts.copy()
        self.counts[list(levels)] = list(levels.values())
        left = self.budget.cost.of(self.counts)
        for g, level in levels.items():
            rise = self.errors[g][level] - self.errors[g][before[g]]
            self.price += rise
            kept = int(self.limits.sizes[g]) - level
            price = float(self.price)
            self.path.append(Step(self.names[g], level - int(before[g]), kept, float(rise), price, left))
        self.progress.stepped(self.budget.left(self.counts), float(self.price))

    def _close_to(self, k: int) -> tuple[float, int | None]:
        """The error per share of the measure that closing a block has now; None where it may not."""
        levels = self.budget.closing(self.counts, self.blocks[k])
        if levels is None:
            return np.inf, None
        rise = sum(self.errors[g][level] - self.errors[g][self.counts[g]] for g, level in levels.items())
        return float(rise) / self.budget.saved_by(self.counts, levels), 0

    def _best(self, g: int) -> tuple[float, int | None]:
        """The least error per share of the measure that this group's next removals have, and their level;
        None where it may lose no more, or saves nothing."""
        counts, error, levels = self.counts, self.errors[g], self.limits.levels[g]
        levels = levels[levels > counts[g]]
        if self.budget.cost.steady:  # else it falls only every so many channels
            levels = levels[: max(AHEAD, len(self.limits.levels[g]) // AHEAD)]
        saved = np.array([self.budget.saved(counts, g, int(level)) for level in levels])
        rise = error[levels] - error[counts[g]]
        usable = np.flatnonzero(saved > 0)
        if not len(usable):
            return np.inf, None
        rates = rise[usable] / saved[usable]
        first = int(np.argmin(rates))
        return float(rates[first]), int(levels[usable[first]])


def lost_at(errors: Errors, counts: np.ndarray) -> float:
    """The share of the variance lost when the groups have lost `counts`: [G] channels."""
    return float(sum(error[counts[g]] for g, error in errors.items()))
