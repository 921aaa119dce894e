"""ChannelGraph: from the ids of one traced forward pass to groups of channels that can be cut together."""

import hashlib
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import nn

from pruning.channels.ids import MULTIPLY, TIE, Call, Trace, classes_of, flat
from pruning.channels.input_checks import must_be_traceable
from pruning.channels.random_state import own_random_numbers
from pruning.channels.residual_branches import ResidualBranches, residual_branches
from pruning.channels.structure import DERIVED, ChannelGroup, IndexMap, LayerRecord, Structure
from pruning.channels.tracer import run_traced
from pruning.channels.training_heads import ONLY_TRAINING, trace_heads
from pruning.channels.verification import verified

BOTH_WAYS = "its weight is used both ways round, to write and to read the same channels"
ALONE = "it mixes places, of every channel alone"
UNREAD = "no convolution or linear layer reads its channels"


class ChannelGraph:
    """Which channels of a network live and die together, found by running it once on an example.

    model: any nn.Module that runs on `example`; not changed.   example: a tensor, batch first; a tuple
    of what `model` takes in that order; or a dict of what it takes by name.
    verify: compare masked with cut networks, and fix what they do not agree on; `verified` says how sure it
    is.
    Raises ValueError where the network does not run on the example, and where no channel could ever be cut
    rightly: lazy or meta parameters, quantized layers, norms that use the batch's own statistics.
    """

    def __init__(self, model: nn.Module, example: torch.Tensor | tuple | dict, *, verify: bool = True):
        self.model = model
        self.example = inputs_of(example)
        tensors = [t for t in flat(self.example) if isinstance(t, torch.Tensor)]
        must_be_traceable(model, tensors)
        with own_random_numbers(tensors[0].device):
            tracer = run_traced(model, self.example)
            trace_heads(tracer, model, self.example)
        first = 0 if tracer.trace.unbatched else 1
        structure = _structure(model, tracer.trace, tuple(tensors[0].shape[first:]))
        self.structure = verified(model, self.example, structure) if verify else structure

    groups = property(lambda self: self.structure.groups)
    fixed = property(lambda self: self.structure.fixed)
    verified = property(lambda self: self.structure.verified)

    @cached_property
    def blocks(self) -> ResidualBranches:
        """The residual branches that may close whole. Groups under a norm over channels close with none,
        since that norm would change."""
        groups = enumerate(self.structure.groups)
        return residual_branches(self, [g for g, one in groups if one.inner and not one.renormalised])

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and linear layers for one image."""
        sizes = self.structure.sizes
        return sum(r.macs_each * int(np.prod(sizes.get(r.weight, ())[:2])) for r in self.structure.layers)

    @property
    def parameters(self) -> int:
        return sum(int(np.prod(shape)) for shape in self.structure.shapes.values())


def inputs_of(example: torch.Tensor | tuple | list | dict) -> tuple | dict:
    """What a network is called with."""
    if isinstance(example, dict):
        return example
    return tuple(example) if isinstance(example, (tuple, list)) else (example,)


# --------------------------------------------------------------------------------------- ids -> groups


class _Roots:
    """Classes of ids, and for each class: may it be cut, who writes it, what it is indexed by."""

    def __init__(self, trace: Trace):
        self.number, self.root = classes_of(trace.count, [p for pairs in trace.pairs.values() for p in pairs])
        self.hard_number, self.hard = classes_of(
            trace.count, [p for why, pairs in trace.pairs.items() if why != MULTIPLY for p in pairs]
        )
        self.reasons: dict[int, str] = {int(self.root[0]): "constant"}
        for ids, why in trace.fixed:
            for root in np.unique(self.root[ids]):
                self.reasons.setdefault(int(root), why)
        tied = [pairs.ravel() for pairs in trace.pairs[TIE]]
        self.tied = set(np.unique(self.root[np.concatenate(tied)]).tolist()) if tied else set()
        norms = [ids.ravel() for ids in trace.renormalised]
        self.renormalised = set(np.unique(self.root[np.concatenate(norms)]).tolist()) if norms else set()


def _structure(model: nn.Module, trace: Trace, input_shape: tuple[int, ...]) -> Structure:
    roots = _Roots(trace)
    (records, alone), (heads, _) = _layer_records(trace.calls), _layer_records(trace.training)
    slots = {name: {d: roots.root[ids] for d, ids in dims.items()} for name, dims in trace.slots.items()}
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    weights = {record.weight for record in records}
    beside = {name: tuple(b.shape) for name, b in model.named_buffers() if name in weights}
    alone = {name: roots.root[ids] for name, ids in alone.items()}
    counted = {name: dims for name, dims in slots.items() if name in shapes or name in beside}
    counted |= {name: {0: ids} for name, ids in alone.items()}
    members = _group_members(roots, records, slots, counted)
    group_of = np.full(roots.number, -1)
    channel_of = np.full(roots.number, -1)
    for number, ids in enumerate(members):
        group_of[ids], channel_of[ids] = number, np.arange(len(ids))
    maps = {
        name: {d: IndexMap(group_of[r], channel_of[r]) for d, r in dims.items() if (group_of[r] >= 0).any()}
        for name, dims in slots.items()
    }
    groups = _named_groups(members, group_of, roots, trace, records, slots)
    return Structure(
        groups=groups,
        layers=records,
        heads=heads,
        shapes=shapes,
        maps={name: dims for name, dims in maps.items() if dims},
        beside=beside | {name: (len(ids), 1) for name, ids in alone.items()},
        alone={name: IndexMap(group_of[ids], channel_of[ids]) for name, ids in alone.items()},
        fixed=_fixed_layers(records, slots, group_of, roots, trace, alone)
        | {head.name: ONLY_TRAINING for head in heads if head.dense},
        notes=tuple(dict.fromkeys(trace.notes)),
        model_digest=digest(model),
        input_shape=input_shape,
    )


def _layer_records(calls: list[Call]) -> tuple[tuple[LayerRecord, ...], dict[str, np.ndarray]]:
    """One record a weight, in the order of its first call; further calls add their multiply-accumulates. With
    them, for layers that work on channels one by one, the ids of these."""
    records: dict[str, LayerRecord] = {}
    keys, alone = record_names(calls)
    for call, key in zip(calls, keys, strict=True):
        if key in records:
            records[key] = replace(records[key], macs_each=records[key].macs_each + call.macs_each)
        else:
            records[key] = LayerRecord(
                call.module, call.kind, key, call.output, call.input, call.macs_each, call.shape, call.groups
            )
    return tuple(records.values()), alone


def record_names(calls: list[Call]) -> tuple[list[str], dict[str, np.ndarray]]:
    """The name of the weight in every call's LayerRecord, and {name: ids} of layers that work on channels one
    by one."""
    names, alone = [], dict[str, np.ndarray]()
    for call in calls:
        key = call.weight or f"{call.module} (derived)"
        while call.alone is not None and not np.array_equal(alone.setdefault(key, call.alone), call.alone):
            key += "'"  # the same layer on other channels
        names.append(key)
    return names, alone


def _group_members(roots: _Roots, records, slots, counted) -> list[np.ndarray]:
    """Classes that may be cut, gathered by what they index of all that costs anything (most buffers do not)
    and how often: so equal in cost. Each in the order in which it is first written."""
    mark = np.zeros(roots.number, np.uint64)
    first = np.full(roots.number, np.iinfo(np.int64).max)
    written, read = np.zeros(roots.number, bool), np.zeros(roots.number, bool)
    random = np.random.default_rng(0)
    for dimensions in counted.values():
        for ids in dimensions.values():
            found, counts = np.unique(ids, return_counts=True)
            salt = random.integers(1, 2**63, dtype=np.uint64)
            mark[found] += salt * (counts.astype(np.uint64) * np.uint64(2654435761) + np.uint64(1))
    position = 0
    for record in records:
        if record.dense and record.weight in slots:
            if record.output in slots[record.weight]:
                places = slots[record.weight][record.output]
                written[places] = True
                np.minimum.at(first, places, position + np.arange(len(places)))
                position += len(places)
            if record.input in slots[record.weight]:
                read[slots[record.weight][record.input]] = True
    free = written & read
    free[list(roots.reasons)] = False
    gathered: dict[int, list[int]] = {}
    for root in sorted(np.flatnonzero(free), key=lambda r: first[r]):
        gathered.setdefault(int(mark[root]), []).append(int(root))
    return [np.array(ids) for ids in gathered.values()]


def _named_groups(members, group_of, roots: _Roots, trace: Trace, records, slots) -> tuple[ChannelGroup, ...]:
    touching = {side: _touching(len(members), group_of, records, slots, side) for side in ("output", "input")}
    shared = _written_by_several(roots, trace, records)
    groups, taken = [], {}
    for number, ids in enumerate(members):
        writers, readers = touching["output"][number], touching["input"][number]
        first, sample = writers[0].name, int(ids[0])
        taken[first] = taken.get(first, 0) + 1
        places = int((group_of[slots[writers[0].weight][writers[0].output]] == number).sum())
        groups.append(
            ChannelGroup(
                name=first if taken[first] == 1 else f"{first}#{taken[first]}",
                size=len(ids),
                layers=tuple(record.name for record in writers),
                readers=tuple(record.name for record in readers),
                inner=sample not in roots.tied and not shared[sample],
                positions=places // len(ids),
                renormalised=sample in roots.renormalised,
            )
        )
    return tuple(groups)


def _touching(number: int, group_of: np.ndarray, records, slots, side: str) -> list[list[LayerRecord]]:
    """For every group the dense layers that touch it on one side, in the order they run."""
    found = [[] for _ in range(number)]
    for record in records:
        ids = slots.get(record.weight, {}).get(getattr(record, side)) if record.dense else None
        if ids is not None:
            for group in np.unique(group_of[ids]):
                if group >= 0:
                    found[group].append(record)
    return found


def _written_by_several(roots: _Roots, trace: Trace, records) -> np.ndarray:
    """[classes]: whether several dense layers write a class, multiplicative gates not counted as ties."""
    writer = np.full(roots.hard_number, -1)
    several = np.zeros(roots.hard_number, bool)
    for number, record in enumerate(records):
        ids = trace.slots.get(record.weight, {}).get(record.output) if record.dense else None
        if ids is not None:
            hard = roots.hard[ids]
            several[hard] |= (writer[hard] >= 0) & (writer[hard] != number)
            writer[hard] = number
    shared = np.zeros(roots.number, bool)
    shared[roots.root[several[roots.hard]]] = True
    return shared


def _fixed_layers(
    records, slots, group_of: np.ndarray, roots: _Roots, trace: Trace, alone_on
) -> dict[str, str]:
    """Why each layer's outputs cannot be cut, for those that cannot."""
    fixed = {}
    ways = {(call.weight, call.output) for call in trace.calls if call.output is not None}
    both_ways = {weight for weight, _ in ways if sum(weight == other for other, _ in ways) > 1}
    for record in records:
        if not record.dense:
            continue
        if record.output is None:
            alone = record.weight in alone_on
            fixed[record.name] = ALONE if alone else f"{record.kind} is not known to keep channels apart"
            continue
        written = slots.get(record.weight, {}).get(record.output)
        if written is None:
            fixed[record.name] = f"{DERIVED}: it is computed from other tensors"
        elif (group_of[written] < 0).all():
            reasons = [roots.reasons[r] for r in np.unique(written).tolist() if r in roots.reasons]
            unread = BOTH_WAYS if record.weight in both_ways else UNREAD
            fixed[record.name] = reasons[0] if reasons else unread
    return fixed


def digest(model: nn.Module) -> str:
    """What a plan is tied to: names and shapes of the parameters, since a plan fits any weights of the same
    network."""
    text = ";".join(f"{name}:{tuple(p.shape)}" for name, p in model.named_parameters())
    return hashlib.sha256(text.encode()).hexdigest()[:16]
