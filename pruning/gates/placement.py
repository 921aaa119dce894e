"""Where gates are put, how few may stay open, and which blocks may close whole."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pruning.allocation.limits import Limits, limits_of
from pruning.channels.liveness import Liveness
from pruning.channels.residual_branches import ResidualBranches, residual_branches
from pruning.channels.structure import Structure
from pruning.cost import CostForm, macs_form, parameters_form
from pruning.error_messages import choose


@dataclass(frozen=True, eq=False)
class Placement:
    """One gate a channel of every gated group, counted through: [N].

    groups: numbers of the gated groups.   floors: [G] how many gates of each group stay open at least, unless
    its block closes whole.   residual: which blocks that can be.   measure: what the resource is.
    """

    structure: Structure
    limits: Limits
    groups: tuple[int, ...]
    floors: np.ndarray
    residual: ResidualBranches
    measure: str
    messages: tuple[str, ...]

    @property
    def branches(self) -> tuple[frozenset[int], ...]:
        return self.residual.sets

    @property
    def liveness(self) -> Liveness:
        return self.residual.liveness

    @cached_property
    def sizes(self) -> np.ndarray:
        return np.array([self.structure.groups[g].size for g in self.groups])

    @cached_property
    def owner(self) -> np.ndarray:
        """[N]: each gate's group."""
        return np.repeat(np.array(self.groups, int), self.sizes)

    @cached_property
    def starts(self) -> dict[int, slice]:
        """{group: where its gates stand}."""
        ends = np.cumsum(self.sizes)
        return {
            g: slice(int(end - size), int(end))
            for g, size, end in zip(self.groups, self.sizes, ends, strict=True)
        }

    @cached_property
    def form(self) -> CostForm:
        """The resource at any widths [G]."""
        if self.measure == "channels":
            counted = np.zeros((1, len(self.structure.groups) + 1))
            counted[0, [*self.limits.open]] = 1
            return CostForm([1.0], counted, np.eye(1, counted.shape[1], counted.shape[1] - 1))
        return (macs_form if self.measure == "macs" else parameters_form)(self.structure)

    @cached_property
    def whole(self) -> float:
        return self.form(self.limits.sizes)

    def left(self, widths: np.ndarray) -> float:
        """Share of the resource that is left at these widths [G], fractions allowed."""
        return self.form(widths) / self.whole

    def closing(self, closed: Iterable[int]) -> frozenset[int] | None:
        """What closes along with these groups; None where they may not close."""
        return self.residual.closing(closed)

    @cached_property
    def least(self) -> np.ndarray:
        """[G]: widths with as little open as possible: every block that can close is closed."""
        widths = self.limits.sizes.copy()
        widths[list(self.groups)] = self.floors[list(self.groups)]
        widths[list(self.residual.most)] = 0
        return widths

    def must_reach(self, cut: float):
        """Raises ValueError where even that leaves too much."""
        reach = 1 - self.left(self.least)
        if cut > reach + 0.005:
            raise ValueError(
                f"a cut of {cut:.3g} is out of reach; the largest that gates can reach here is "
                f"{np.floor(1000 * reach) / 1000:.3f}"
            )


def place(
    graph,
    *,
    groups: str = "inner",
    protect: Iterable[str] = (),
    measure: str = "macs",
    max_cut_per_group: float = 0.9,
    min_channels: int = 1,
) -> Placement:
    """One gate a channel of every group that may be cut, shared by all dense layers that read it.

    Groups under a norm over channels get none: a gate where they are read leaves that norm alone, and
    removing them would not. Raises ValueError where nothing is left.
    """
    structure: Structure = graph.structure
    choose(measure, ("macs", "params", "channels"), "measure")
    limits = limits_of(structure, groups, protect, {}, max_cut_per_group, min_channels, 1)
    normed = [g for g in limits.open if structure.groups[g].renormalised]
    gated = tuple(g for g in limits.open if g not in normed)
    if not gated:
        raise ValueError(
            "every group that may be cut is under a norm over channels, where no gate can be put"
        )
    messages: tuple[str, ...] = ()
    if normed:
        names = ", ".join(structure.names[g] for g in normed[:3]) + (" ..." if len(normed) > 3 else "")
        messages = (f"no gates are put under a norm over channels, so these groups stay whole: {names}.",)
    floors = limits.sizes - limits.caps
    residual = residual_branches(graph, gated)
    return Placement(structure, limits, gated, floors, residual, measure, messages)
