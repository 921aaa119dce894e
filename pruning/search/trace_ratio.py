"""CATRO's first stage: widths from what each kept channel is worth for telling classes apart.

A group's d-th kept channel is worth u_d (`criteria.catro.utilities`): a share of the group's total, never
rising with d, so that what the kept ones are worth together is concave and taking away the least first is
sound. The smallest u_d per unit of the measure saved goes first, until the budget holds. Source: CATRO 2023
[A], reading [R].
"""

from collections.abc import Mapping

import numpy as np

from pruning.cost import Step
from pruning.search.budget import Budget
from pruning.search.progress import Progress


def trace_ratio(
    budget: Budget,
    worth: Mapping[int, np.ndarray],
    names: tuple[str, ...],
    counts: np.ndarray,
    *,
    lost: float = 0.0,
    progress: Progress,
) -> tuple[np.ndarray, tuple[Step, ...]]:
    """How many channels each group loses, [G], and the steps on the way there.

    worth: {group: [C] u_d of the d-th kept channel, d = 1 .. C}, for the groups that may give.   names: of
    the groups.   counts: [G], what they have lost already.   lost: utility that went with it.   One channel
    (or level) at a time; of equal rates, as of zeros, the one that saves more goes.
    """
    counts, path = counts.copy(), []
    while budget.left(counts):
        steps = [(g, budget.step(counts, g, 0.0)) for g in worth]
        rates = [_rate(budget, worth[g], counts, g, level) for g, level in steps if level is not None]
        if not rates:
            break
        _, _, g, level, lost_now = min(rates)
        if budget.nearest(counts, g, level) == counts[g]:
            break  # one channel more would miss the target by more
        channels, counts[g], lost = level - int(counts[g]), level, lost + lost_now
        if path and path[-1].group == names[g]:
            last = path.pop()
            channels, lost_now = channels + last.channels, lost_now + last.rise
        kept = int(budget.limits.sizes[g]) - level
        path.append(Step(names[g], channels, kept, lost_now, lost, budget.cost.of(counts)))
        progress.stepped(budget.left(counts), lost)
    return counts, tuple(path)


def _rate(budget: Budget, worth: np.ndarray, counts: np.ndarray, g: int, level: int) -> tuple:
    size = int(budget.limits.sizes[g])
    lost = float(worth[size - level : size - int(counts[g])].sum())
    saved = budget.saved(counts, g, level)
    return lost / saved, -saved, g, level, lost
