"""Residual branches that may close whole: what one is added to (or joined with) makes sense without it, too.

Every way of closing them goes by this: gates, and allocations that take whole blocks for candidates beside
channels. A block is a set of groups that close together; its layers keep no channel, and those that read them
answer a constant.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os.path import commonprefix

import numpy as np

from pruning.channels.indices import kept_by_tensor
from pruning.channels.liveness import Liveness
from pruning.channels.structure import Structure


@dataclass(frozen=True, eq=False)
class ResidualBranches:
    """closures: sets of groups that close together; one set may hold another.   names: of each set, by the
    modules around it."""

    closures: tuple[frozenset[int], ...]
    liveness: Liveness
    names: Mapping[frozenset[int], str]

    @cached_property
    def sets(self) -> tuple[frozenset[int], ...]:
        """The blocks: those that close with others only are part of those."""
        return tuple(c for c in self.closures if not any(c < other for other in self.closures))

    @cached_property
    def _may_close(self) -> frozenset[int]:
        return frozenset().union(*self.closures)

    def within(self, groups: Iterable[int]) -> "ResidualBranches":
        """Those that are made of these groups alone."""
        allowed = frozenset(groups)
        return ResidualBranches(tuple(c for c in self.closures if c <= allowed), self.liveness, self.names)

    def closing(self, closed: Iterable[int]) -> frozenset[int] | None:
        """What closes along with these groups; None where they may not close."""
        found = self.liveness.closing(closed)
        return found if found is not None and found <= self._may_close else None

    @cached_property
    def most(self) -> frozenset[int]:
        """As many groups as can be closed together, block after block."""
        closed: frozenset[int] = frozenset()
        for branch in self.sets:
            closed = self.closing(closed | branch) or closed
        return closed

    def named(self, closed: Iterable[int]) -> dict[int, str]:
        """{group: the block that it closed with}, of these groups, in the order they run."""
        closed = frozenset(closed)
        blocks = sorted((c for c in self.closures if c <= closed), key=len)
        found = {g: self.names[block] for block in blocks for g in block}  # the largest has the last word
        return dict(sorted(found.items()))


def residual_branches(graph, groups: Iterable[int]) -> ResidualBranches:
    """The blocks of a ChannelGraph that are made of these groups: without them the answer still depends on
    the image, and the network runs."""
    from pruning.channels.liveness_trace import liveness

    structure: Structure = graph.structure
    found, wanted = liveness(graph.model, graph.example, structure), frozenset(groups)
    closures = {g: found.closing([g]) for g in sorted(wanted)}
    sets = [c for c in dict.fromkeys(closures.values()) if c is not None and c <= wanted]
    largest = ResidualBranches(tuple(sets), found, {}).sets
    if not _runs(graph, largest):
        alone = [c for c in largest if _runs(graph, [c])]
        kept = frozenset().union(*(alone if _runs(graph, alone) else ()))
        sets = [c for c in sets if c <= kept]
    return ResidualBranches(tuple(sets), found, _names(structure, sets))


def _runs(graph, branches: Sequence[frozenset[int]]) -> bool:
    """Whether the network runs with these blocks closed: the user's code may not stand a tensor without
    channels."""
    import torch

    from pruning.channels.ids import answer
    from pruning.channels.slices import copy_with
    from pruning.models.module_modes import evaluating

    closed = {g: np.arange(0) for g in frozenset().union(*branches)}
    try:
        small = copy_with(graph.model, kept_by_tensor(graph.structure, closed), shared=True)
        with evaluating(small), torch.no_grad():
            answer(small, graph.example)
        return True
    except Exception:  # whatever the user's code raises, such a block cannot close
        return False


def _names(structure: Structure, sets: Sequence[frozenset[int]]) -> dict[frozenset[int], str]:
    """The module that a block's layers have in common, where that tells it from others; else its first
    group."""
    found = {}
    for closed in sets:
        groups = [structure.groups[g] for g in sorted(closed)]
        layers = [layer.split(".") for group in groups for layer in (*group.layers, *group.readers)]
        part = any(closed < other for other in sets)
        found[closed] = "" if part else ".".join(commonprefix(layers))
    taken = Counter(found.values())
    return {c: name if name and taken[name] == 1 else structure.names[min(c)] for c, name in found.items()}
