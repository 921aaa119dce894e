"""Which channels of a group are gone when it has lost so many; asked anew of the network as cut so far."""

from collections.abc import Callable, Mapping

import numpy as np

from pruning.allocation.shares import cut_order, finite
from pruning.channels.structure import Structure
from pruning.criteria.scores import Scores


class Order:
    """The lowest-scored go first. gone: {group number: [n] channels that are gone for good}; the scores are
    of those that were left."""

    def __init__(self, structure: Structure, scores: Scores, gone: Mapping[int, np.ndarray] | None = None):
        self.structure, self.scores, self.gone = structure, scores, dict(gone or {})

    def left(self, g: int) -> np.ndarray:
        """Channels of group g that the scores are of, ascending."""
        return np.setdiff1d(np.arange(self.structure.groups[g].size), self.gone.get(g, ()))

    def without(self, g: int, count: int) -> np.ndarray:
        """The channels that stay, ascending, when group g has lost `count`."""
        left, group = self.left(g), self.structure.groups[g]
        more = count - (group.size - len(left))
        if more <= 0:
            return left
        if count == group.size:
            return left[:0]
        scores = finite(self.scores.at_width(group.name, group.size - count))
        return np.sort(left[cut_order(scores)[more:]])

    def sequence(self, g: int) -> np.ndarray:
        """The channels that are left in the order they go, counted among those left."""
        return cut_order(finite(self.scores[self.structure.names[g]]))

    def kept(self, counts: np.ndarray) -> dict[int, np.ndarray]:
        """{group number: channels that stay} of the groups that have lost some; counts: [G]."""
        return {g: self.without(g, int(count)) for g, count in enumerate(counts) if count}


def scored_again(
    graph, order: Order, counts: np.ndarray, score: Callable[[object], Scores]
) -> tuple[Order, object]:
    """The order by scores of the network as cut so far, and that network's graph.

    graph: of the whole network, which is not changed.   score: graph -> Scores.   Raises ValueError where the
    cut has given the network other groups, whose scores would be of other channels.
    """
    from pruning.channels.graph import ChannelGraph
    from pruning.channels.indices import kept_by_tensor
    from pruning.channels.slices import copy_with

    structure, kept = order.structure, order.kept(counts)
    small = copy_with(graph.model, kept_by_tensor(structure, kept))
    found = ChannelGraph(small, graph.example)
    sizes = {group.name: group.size - int(lost) for group, lost in zip(structure.groups, counts, strict=True)}
    if {group.name: group.size for group in found.groups} != sizes:
        raise ValueError(
            "the network as cut so far has other channel groups, so its channels cannot be scored again"
        )
    gone = {g: np.setdiff1d(np.arange(structure.groups[g].size), stay) for g, stay in kept.items()}
    return Order(structure, score(found), gone), found
