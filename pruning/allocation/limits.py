"""What each group may lose, and what losing costs: the bounds inside which channels are shared out."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from pruning.channels.residual_branches import ResidualBranches
from pruning.channels.structure import DERIVED, Structure
from pruning.cost import CostForm, macs_form, parameters_form
from pruning.error_messages import choose
from pruning.latency import LatencyTable
from pruning.number_checks import of_python, share, whole

MOST_SHARES = 500  # that are tried of a cost which is not steady: each takes some 30 microseconds


@dataclass(frozen=True)
class Limits:
    """What each group may lose.

    sizes, given, caps, most: [G] channels; given: by `cut_group`; caps: the most that may go, most: that and
    rounding.
    open: groups that the allocation decides.   levels: {group: [L] allowed numbers of cut channels, ascending
    from 0}.   blocks: those that may also lose all of their channels; None where none may.
    """

    sizes: np.ndarray
    given: np.ndarray
    caps: np.ndarray
    most: np.ndarray
    open: list[int]
    levels: dict[int, np.ndarray]
    round_to: int
    blocks: ResidualBranches | None = None

    def with_closed(self, groups: Iterable[int]) -> "Limits":
        """These groups lose everything, and no other block closes."""
        closed = sorted(groups)
        given, caps, most = self.given.copy(), self.caps.copy(), self.most.copy()
        for counts in (given, caps, most):
            counts[closed] = self.sizes[closed]
        left = [g for g in self.open if g not in closed]
        levels = {g: self.levels[g] for g in left}
        return replace(self, given=given, caps=caps, most=most, open=left, levels=levels, blocks=None)

    @property
    def furthest(self) -> "Limits":
        """With as many blocks closed as can be."""
        return self.with_closed(self.blocks.most) if self.blocks is not None else self


@dataclass(frozen=True)
class Cost:
    """The measure as a function of how many channels each group loses. steady: it falls with every channel;
    measured time does not, it falls in steps, and may rise between them."""

    of: Callable[[np.ndarray], float]
    whole: float
    steady: bool = True

    def target(self, cut: float) -> float:
        return self.whole * (1 - cut)


def limits_of(structure, groups, protect, cut_group, max_cut_per_group, min_channels, round_to) -> Limits:
    choose(groups, ("inner", "all"), "choice of groups")
    share(of_python(max_cut_per_group), "max_cut_per_group", most=1.0)
    whole(of_python(min_channels), "min_channels", 1)
    whole(of_python(round_to), "round_to", 1)
    for name, part in cut_group.items():
        share(of_python(part), f"cut_group of {name}")
    sizes = np.array([group.size for group in structure.groups])
    given = np.zeros(len(sizes), int)
    open_groups = {g for g, group in enumerate(structure.groups) if groups == "all" or group.inner}
    open_groups -= {_number(structure, name) for name in protect}
    for name, part in cut_group.items():
        g = _number(structure, name)
        given[g] = min(int(np.floor(part * sizes[g] + 1e-9)), sizes[g] - 1)
        open_groups.discard(g)
    if not open_groups and not cut_group:
        raise ValueError(
            "no channels of this network may be cut: " + _why_nothing(structure, groups, protect)
        )
    caps, most, levels = given.copy(), given.copy(), {}
    for g in sorted(open_groups):
        caps[g] = max(0, min(int(np.floor(max_cut_per_group * sizes[g] + 1e-9)), sizes[g] - min_channels))
        levels[g] = np.arange(caps[g] + 1)
        if round_to > 1:
            rounded = sizes[g] - np.arange(round_to, sizes[g] + 1, round_to)
            levels[g] = np.unique(np.append(rounded[(rounded >= 0) & (rounded <= caps[g])], 0))
        most[g] = levels[g][-1]
    return Limits(sizes, given, caps, most, sorted(open_groups), levels, round_to)


def with_blocks(graph, limits: Limits, blocks: bool | ResidualBranches) -> Limits:
    """The limits, with those blocks as candidates that are made of groups which the allocation decides.

    graph: a ChannelGraph, or its Structure where `blocks` are known. Raises TypeError for it alone."""
    if blocks is False:
        return limits
    if blocks is True:
        if isinstance(graph, Structure):
            raise TypeError("whole blocks are found by running the network: give its ChannelGraph")
        blocks = graph.blocks
    assert isinstance(blocks, ResidualBranches)
    return replace(limits, blocks=blocks.within(limits.open))


def _number(structure: Structure, name: str) -> int:
    """The number of the group that has this name, or that this layer writes."""
    for g, group in enumerate(structure.groups):
        if name == group.name:
            return g
    for g, group in enumerate(structure.groups):
        if name in group.layers:
            return g
    choose(name, structure.names, "group")
    raise AssertionError(name)


def _why_nothing(structure: Structure, groups: str, protect) -> str:
    if protect:
        return "all of its groups are protected"
    if structure.groups and groups == "inner":
        return (
            "each of its groups is written by several layers, as residual streams are; groups=all cuts those "
            "too"
        )
    why = next(
        iter(structure.fixed.values()),
        "it has no convolution or linear layer whose outputs are read by another",
    )
    if any(reason.startswith(DERIVED) for reason in structure.fixed.values()):
        return (
            f"{why}; where a layer uses one weight for every input, pruning.plain(model, example) can make "
            "it a parameter"
        )
    return why


def cost_of(structure: Structure, measure: str, limits: Limits, latency: LatencyTable | None = None) -> Cost:
    """latency: of this network, for the measure of that name, which counts milliseconds of a batch."""
    if (measure == "latency") != (latency is not None):
        raise ValueError(
            "measure latency and a table of measured times go together; give both, such as "
            "latency=pruning.latency_table(graph)"
        )
    if latency is not None:
        timed = latency.form(structure)
        return Cost(lambda lost: timed(limits.sizes - lost), timed(limits.sizes), steady=False)
    if measure == "channels":
        counted = np.zeros(len(limits.sizes), bool)
        counted[limits.open] = True
        counted |= limits.given > 0
        return Cost(
            lambda lost: float((limits.sizes - lost)[counted].sum()), float(limits.sizes[counted].sum())
        )
    form: CostForm = (macs_form if measure == "macs" else parameters_form)(structure)
    return Cost(lambda lost: form(limits.sizes - lost), form(limits.sizes))


def must_reach(cost: Cost, limits: Limits, cut: float):
    """Raises ValueError where even the most that may go, and all blocks closed that may close, leave too
    much; half of the largest single step counts as reached."""
    limits = limits.furthest
    least = cost.of(limits.most)
    if not cost.steady:
        least = min(least, *(cost.of(counts) for counts in common_shares(limits)))
    steps = []
    for g in limits.open:
        if limits.most[g]:
            fewer = limits.most.copy()
            fewer[g] = limits.levels[g][-2]
            steps.append(cost.of(fewer) - least)
    if least - max(steps, default=0.0) / 2 > cost.target(cut) + 1e-9 * cost.whole:
        reach = np.floor(1000 * (1 - least / cost.whole)) / 1000
        raise ValueError(f"a cut of {cut:.3g} is out of reach; the largest within the limits is {reach:.3f}")


def common_shares(limits: Limits) -> Iterator[np.ndarray]:
    """[G] whole numbers of channels lost at every share, from 0 up, at which some group that the allocation
    decides comes to its next level; of very many shares only some."""
    chosen = [(g, limits.levels[g]) for g in limits.open]
    shares = np.unique([0.0, *(n / limits.sizes[g] for g, levels in chosen for n in levels)])
    if len(shares) > MOST_SHARES:
        shares = shares[np.linspace(0, len(shares) - 1, MOST_SHARES).astype(int)]
    for part in shares:
        counts = limits.given.copy()
        for g, levels in chosen:
            counts[g] = levels[np.searchsorted(levels, part * limits.sizes[g] + 1e-9, side="right") - 1]
        yield counts
