"""Scores, cost and a target become a Plan: pure arithmetic on the cost form, no model and no data.

`uniform` takes the same share of every group; `global` ranks all channels by score / mean |score| of their
group. Both bisect on the bilinear cost, floor, and then take single channels (or steps of `round_to`) by
largest remainder until nearest to the target; of equal scores the lower index stays.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from pruning.allocation.blocks_by_rank import closed_by_rank
from pruning.allocation.limits import (
    Cost,
    Limits,
    common_shares,
    cost_of,
    limits_of,
    with_blocks,
)
from pruning.allocation.shares import (
    cut_order,
    finite,
    in_steps,
    ranked_globally,
    ranked_in_steps,
    settle,
    uniform,
    worthwhile,
)
from pruning.channels.residual_branches import ResidualBranches
from pruning.channels.structure import ChannelGroup, Structure
from pruning.cost import Plan, macs_form, parameters_form
from pruning.criteria.scores import Scores
from pruning.error_messages import choose
from pruning.latency import LatencyTable
from pruning.number_checks import of_python, share
from pruning.terms import MEASURE_NAMES, percent

__all__ = ["ALLOCATIONS", "CLOSING", "MEASURES", "SEARCHED", "made", "must_close_blocks", "plan"]

ALLOCATIONS = ("uniform", "global")
SEARCHED = ("greedy", "trace-ratio", "error")  # by pruning.search
CLOSING = ("error", "global", "greedy")  # that take whole blocks for candidates
MEASURES = ("macs", "params", "channels", "latency")


def plan(
    graph,
    scores: Mapping[str, np.ndarray],
    *,
    cut: float = 0.5,
    measure: str = "macs",
    allocation: str = "uniform",
    groups: str = "inner",
    protect: Iterable[str] = (),
    cut_group: Mapping[str, float] | Iterable[tuple[str, float]] = (),
    max_cut_per_group: float = 0.9,
    min_channels: int = 1,
    round_to: int = 1,
    latency: LatencyTable | None = None,
    blocks: bool | ResidualBranches = False,
) -> Plan:
    """Which channels stay so that `cut` of `measure` goes, to the nearest channel.

    graph: a ChannelGraph or its Structure.   scores: {group: [C]}, higher = keep.   cut: share, 0 <= cut < 1,
    of the whole network's MACs or parameters, or of the eligible groups' channels.   groups: inner (one
    writing layer) or all.
    protect: groups (or layers of them) that stay whole.   cut_group: {group: share of its channels}, whatever
    the rest does.
    max_cut_per_group, min_channels: hold for every group that the allocation decides.   round_to: widths of
    cut groups are multiples of it.
    latency: `latency_table(graph)`, with measure latency: the cut is a share of the time it estimates.
    blocks: with allocation global, whole residual branches may go as well; where only a Structure is given,
    those of its ChannelGraph's `blocks`.
    Raises ValueError where a name does not exist or the target is out of reach (the largest reachable cut is
    named).
    """
    structure: Structure = getattr(graph, "structure", graph)
    _check(cut, measure, allocation, blocks)
    limits = limits_of(structure, groups, protect, dict(cut_group), max_cut_per_group, min_channels, round_to)
    limits, scores = with_blocks(graph, limits, blocks), Scores.of(scores)
    _must_be_scored(structure, scores, limits, groups)
    cost = cost_of(structure, measure, limits, latency)
    counts = _counts(structure, scores, cost, limits, cut, allocation, exact=measure == "channels")
    return made(structure, _kept(structure, scores, counts), measure, cut, cost, limits)


def _counts(
    structure: Structure, scores: Scores, cost: Cost, limits: Limits, cut: float, allocation: str, exact: bool
) -> np.ndarray:
    """[G] channels that each group loses. exact: the share of every group, not of a cost."""
    ranks = allocation == "global"
    if limits.blocks is not None:
        limits = limits.with_closed(closed_by_rank(structure, scores, cost, limits, cut))
    if not cost.steady:
        limits = worthwhile(limits, cost)
        plans = ranked_in_steps(structure, scores, limits) if ranks else common_shares(limits)
        return in_steps(plans, cost, limits, cut)
    if ranks:
        amounts = ranked_globally(structure, scores, cost, limits, cut)
    else:
        amounts = uniform(cost, limits, cut, exact=exact)
    return settle(amounts, cost, limits, cut, exact=exact)


def _check(cut: float, measure: str, allocation: str, blocks):
    choose(measure, MEASURES, "measure")
    if allocation in SEARCHED:
        raise ValueError(
            f"the allocation {allocation!r} runs the network; make its plan with pruning.search_plan"
        )
    choose(allocation, ALLOCATIONS, "allocation")
    must_close_blocks(allocation, blocks)
    share(of_python(cut), "cut")


def must_close_blocks(allocation: str, blocks: object) -> None:
    """Raises ValueError where whole blocks may go, by an allocation that can't tell what that costs."""
    if blocks is not False and allocation not in CLOSING:
        raise ValueError(
            f"whole blocks may go with the allocations {', '.join(CLOSING)}, which weigh them against "
            f"channels, and allocation is {allocation}; give allocation=error"
        )


def _must_be_scored(structure: Structure, scores: Scores, limits: Limits, groups: str):
    missing = [structure.names[g] for g in limits.open if structure.names[g] not in scores]
    if missing:
        raise ValueError(
            f"there are no scores for group {missing[0]!r}; score the network with groups={groups!r}"
        )
    for group in structure.groups:
        if group.name in scores and (found := len(scores[group.name])) != group.size:
            raise ValueError(
                f"the scores are of another network: {found} for group {group.name!r}, which has "
                f"{group.size} channels; score this one"
            )


def _kept(structure: Structure, scores: Scores, counts: np.ndarray) -> dict[int, np.ndarray]:
    """{group number: channels that stay}, the highest-scored, of the groups that lose some."""
    kept = {}
    for g, group in enumerate(structure.groups):
        if counts[g]:
            if counts[g] == group.size:
                kept[g] = np.arange(0)
                continue
            at_width = finite(scores.at_width(group.name, group.size - int(counts[g])))
            kept[g] = np.sort(cut_order(at_width)[counts[g] :])
    return kept


def made(
    structure: Structure, kept: Mapping[int, np.ndarray], measure: str, cut: float, cost: Cost, limits: Limits
) -> Plan:
    """The Plan that keeps these channels. kept: {group number: channels that stay, ascending}; a group that
    is not named stays whole."""
    stays = {g: kept.get(g, np.arange(group.size)) for g, group in enumerate(structure.groups)}
    counts = limits.sizes - np.array([len(channels) for channels in stays.values()], int)
    achieved = 1 - cost.of(counts) / cost.whole if cost.whole else 0.0  # channels: of groups that lose none
    macs, parameters = macs_form(structure), parameters_form(structure)
    return Plan(
        kept={structure.names[g]: channels for g, channels in stays.items()},
        measure=measure,
        requested=float(cut),
        achieved=float(achieved),
        macs=round(macs(limits.sizes - counts)),
        parameters=round(parameters(limits.sizes - counts)),
        macs_before=round(macs(limits.sizes)),
        parameters_before=round(parameters(limits.sizes)),
        model_digest=structure.model_digest,
        input_shape=structure.input_shape,
        messages=tuple(_messages(structure, measure, cut, achieved, limits, counts)),
        changes=tuple(closed_groups(structure, limits, counts)),
        structure=structure,
    )


def _messages(
    structure: Structure, measure: str, cut: float, achieved: float, limits: Limits, counts
) -> list[str]:
    messages = []
    if abs(achieved - cut) > 0.005:
        reason = (
            f", the nearest with widths that are multiples of {limits.round_to}"
            if limits.round_to > 1
            else ""
        )
        messages.append(
            f"{percent(cut)} of the {MEASURE_NAMES[measure]} were to be cut, {percent(achieved)} are{reason}."
        )
    if limits.blocks is not None:
        messages.append(_closed_in_words(closed_groups(structure, limits, counts), limits))
    changed = [group.name for group in _renormalised(structure, counts)]
    if changed:
        messages.append(
            "cutting groups that are coupled by a norm over channels changes that norm: "
            f"{', '.join(changed)}."
        )
    return messages


def closed_groups(structure: Structure, limits: Limits, counts) -> list[dict]:
    """A change of the plan for every group that closes with its block: kind, group, block."""
    if limits.blocks is None:
        return []
    blocks = limits.blocks.named(np.flatnonzero(counts == limits.sizes).tolist())
    return [{"kind": "closed", "group": structure.names[g], "block": block} for g, block in blocks.items()]


def _closed_in_words(closed: list[dict], limits: Limits) -> str:
    names = list(dict.fromkeys(change["block"] for change in closed))
    if names:
        return f"Whole blocks: {', '.join(names)} closed."
    if not limits.blocks.sets:
        return "Whole blocks: this network has none that may close and still answer by the image."
    return "Whole blocks: no block was worth closing."


def _renormalised(structure: Structure, counts: np.ndarray) -> list[ChannelGroup]:
    return [group for g, group in enumerate(structure.groups) if counts[g] and group.renormalised]
