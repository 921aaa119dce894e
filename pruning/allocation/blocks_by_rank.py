"""Whole blocks in one ranking over all groups: what the limits keep back of a block's groups is one more
entry.

Its place is the mean of score / mean |score| of those channels. Closing takes them, and whatever is left of
the block's other channels.
"""

import numpy as np

from pruning.allocation.limits import Cost, Limits, must_reach
from pruning.allocation.shares import cut_order, finite, ranking
from pruning.channels.structure import Structure
from pruning.criteria.scores import Scores


def closed_by_rank(
    structure: Structure, scores: Scores, cost: Cost, limits: Limits, cut: float
) -> frozenset[int]:
    """Groups of the blocks that come before the place in the ranking at which enough has gone."""
    owners, values = ranking(structure, scores, limits)
    ranked: list[tuple[float, int, frozenset[int]]] = [
        (float(value), int(g), frozenset()) for value, g in zip(values, owners, strict=True)
    ]
    ranked += [(_held_back(structure, scores, limits, block), -1, block) for block in limits.blocks.sets]
    ranked.sort(key=lambda entry: entry[0])

    def gone(first: int) -> tuple[np.ndarray, frozenset[int]]:
        """[G] channels lost with the first entries, and the groups that are closed."""
        closed: frozenset[int] = frozenset()
        for _, _, block in ranked[:first]:
            closed = (block and limits.blocks.closing(closed | block)) or closed
        lost = np.bincount([g for _, g, _ in ranked[:first] if g >= 0], minlength=len(limits.sizes))
        lost = lost + limits.given
        lost[list(closed)] = limits.sizes[list(closed)]
        return lost, closed

    def left(first: int) -> float:
        return cost.of(gone(first)[0]) - cost.target(cut)

    low, high = 0, len(ranked)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if left(middle) <= 0 else (middle + 1, high)
    nearest = sorted((max(0, low - 1), low), key=lambda first: abs(left(first)))
    return next((gone(n)[1] for n in nearest if _reached(gone(n)[1], cost, limits, cut)), gone(low)[1])


def _reached(closed: frozenset[int], cost: Cost, limits: Limits, cut: float) -> bool:
    """Whether channels can make up the rest."""
    try:
        must_reach(cost, limits.with_closed(closed), cut)
    except ValueError:
        return False
    return True


def _held_back(structure: Structure, scores: Scores, limits: Limits, block: frozenset[int]) -> float:
    """The mean of score / mean |score| of the channels that go with the block alone."""
    found = []
    for g in block:
        raw = finite(scores[structure.names[g]])
        found.append((raw / (np.abs(raw).mean() or 1.0))[cut_order(raw)][limits.most[g] :])
    return float(np.concatenate(found).mean())
