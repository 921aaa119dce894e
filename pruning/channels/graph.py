"""ChannelGraph: from the ids of one traced forward pass to groups of channels that can be cut together."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import nn

from pruning.channels.ids import MULTIPLY, TIE, Trace, flat
from pruning.channels.records import ChannelGroup, IndexMap, LayerRecord, Structure
from pruning.channels.tracer import run_traced
from pruning.channels.verification import verified

OUTSIDE = "its channels are tied to others that cannot be cut"
UNREAD = "no convolution or linear layer reads its channels"


class ChannelGraph:
    """Which channels of a network live and die together, found by running it once on an example.

    model: any nn.Module that runs on `example` (a tensor or a tuple of tensors, batch first); not changed.
    verify: compare a masked with a cut network once, and fix what they do not agree on.
    Raises ValueError where the network does not run on the example or holds scripted modules.
    """

    def __init__(
        self, model: nn.Module, example: torch.Tensor | Sequence[torch.Tensor], *, verify: bool = True
    ):
        self.model = model
        self.example = tuple(example) if isinstance(example, (tuple, list)) else (example,)
        try:
            trace = run_traced(model, self.example)
        except ValueError:
            raise
        except Exception as error:
            shape = [tuple(t.shape) for t in flat(self.example) if isinstance(t, torch.Tensor)]
            reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            raise ValueError(f"the network does not run on an example of shape {shape}: {reason}") from error
        structure = _structure(model, trace, tuple(self.example[0].shape[1:]))
        self.structure = verified(model, self.example, structure) if verify else structure

    groups = property(lambda self: self.structure.groups)
    fixed = property(lambda self: self.structure.fixed)
    verified = property(lambda self: self.structure.verified)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and linear layers for one image."""
        shapes = self.structure.shapes
        return sum(r.macs_each * int(np.prod(shapes.get(r.weight, ())[:2])) for r in self.structure.layers)

    @property
    def parameters(self) -> int:
        return sum(int(np.prod(shape)) for shape in self.structure.shapes.values())


# --------------------------------------------------------------------------------------- ids -> groups


class _Roots:
    """Classes of ids, and for each class: may it be cut, who writes it, what it is indexed by."""

    def __init__(self, trace: Trace):
        self.number, self.root = _classes(trace.count, [p for pairs in trace.pairs.values() for p in pairs])
        self.hard_number, self.hard = _classes(
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


def _classes(count: int, pairs: list[np.ndarray]) -> tuple[int, np.ndarray]:
    """Connected components of ids 0 .. count: how many, and each id's."""
    edges = np.concatenate(pairs) if pairs else np.zeros((0, 2), int)
    ones = np.ones(len(edges), bool)
    return connected_components(
        coo_matrix((ones, (edges[:, 0], edges[:, 1])), (count + 1, count + 1)), directed=False
    )


def _structure(model: nn.Module, trace: Trace, input_shape: tuple[int, ...]) -> Structure:
    roots = _Roots(trace)
    records = _layer_records(trace)
    slots = {name: {d: roots.root[ids] for d, ids in dims.items()} for name, dims in trace.slots.items()}
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    members = _group_members(roots, records, slots, shapes)
    group_of = np.full(roots.number, -1)
    channel_of = np.full(roots.number, -1)
    for number, ids in enumerate(members):
        group_of[ids], channel_of[ids] = number, np.arange(len(ids))
    maps = {
        name: {d: IndexMap(group_of[r], channel_of[r]) for d, r in dims.items() if (group_of[r] >= 0).any()}
        for name, dims in slots.items()
    }
    groups = _named_groups(members, roots, trace, records, slots)
    return Structure(
        groups=groups,
        layers=records,
        shapes=shapes,
        maps={name: dims for name, dims in maps.items() if dims},
        fixed=_fixed_layers(records, slots, group_of, roots),
        notes=tuple(dict.fromkeys(trace.notes)),
        model_digest=digest(model),
        input_shape=input_shape,
    )


def _layer_records(trace: Trace) -> tuple[LayerRecord, ...]:
    """One record a weight, in the order of its first call; further calls add their multiply-accumulates."""
    records: dict[str, LayerRecord] = {}
    for call in trace.calls:
        key = call.weight or f"{call.module} (derived)"
        if key in records:
            records[key] = replace(records[key], macs_each=records[key].macs_each + call.macs_each)
        else:
            records[key] = LayerRecord(
                call.module, call.kind, key, call.output, call.input, call.macs_each, call.shape, call.groups
            )
    return tuple(records.values())


def _group_members(roots: _Roots, records, slots, shapes) -> list[np.ndarray]:
    """Classes that may be cut, gathered by which parameters they index and how often: so equal in cost. Each
    in the order in which it is first written. Buffers are not asked: they cost nothing."""
    mark = np.zeros(roots.number, np.uint64)
    first = np.full(roots.number, np.iinfo(np.int64).max)
    written, read = np.zeros(roots.number, bool), np.zeros(roots.number, bool)
    random = np.random.default_rng(0)
    for name in (name for name in slots if name in shapes):
        for dimension in slots[name]:
            found, counts = np.unique(slots[name][dimension], return_counts=True)
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


def _named_groups(members, roots: _Roots, trace: Trace, records, slots) -> tuple[ChannelGroup, ...]:
    groups, taken = [], {}
    hard_of = {}  # class -> its classes without gates, by id
    for root, hard in zip(roots.root.tolist(), roots.hard.tolist(), strict=True):
        hard_of.setdefault(root, set()).add(hard)
    writers_of_hard = _writers_of_hard(roots, trace, records)
    for ids in members:
        writers, readers = _touching(records, slots, ids, "output"), _touching(records, slots, ids, "input")
        first = next(r for r in records if r.dense and r.name == writers[0])
        sample = int(ids[0])
        inner = sample not in roots.tied and all(
            len(writers_of_hard.get(h, ())) <= 1 for h in hard_of[sample]
        )
        taken[writers[0]] = taken.get(writers[0], 0) + 1
        number = taken[writers[0]]
        places = int(np.isin(slots[first.weight][first.output], ids).sum())
        groups.append(
            ChannelGroup(
                name=writers[0] if number == 1 else f"{writers[0]}#{number}",
                size=len(ids),
                layers=tuple(writers),
                readers=tuple(readers),
                inner=inner,
                positions=places // len(ids),
                renormalised=sample in roots.renormalised,
            )
        )
    return tuple(groups)


def _writers_of_hard(roots: _Roots, trace: Trace, records) -> dict[int, set[str]]:
    """Which dense layers write each class, multiplicative gates not counted as ties."""
    writers: dict[int, set[str]] = {}
    for record in records:
        if record.dense and record.output in trace.slots.get(record.weight, {}):
            for hard in np.unique(roots.hard[trace.slots[record.weight][record.output]]).tolist():
                writers.setdefault(hard, set()).add(record.weight)
    return writers


def _touching(records, slots, ids: np.ndarray, side: str) -> list[str]:
    names = []
    for record in records:
        dimension = getattr(record, side)
        if record.dense and dimension in slots.get(record.weight, {}):
            if np.isin(slots[record.weight][dimension], ids[:1]).any():
                names.append(record.name)
    return names


def _fixed_layers(records, slots, group_of: np.ndarray, roots: _Roots) -> dict[str, str]:
    """Why each layer's outputs cannot be cut, for those that cannot."""
    fixed = {}
    for record in records:
        if not record.dense:
            continue
        written = slots.get(record.weight, {}).get(record.output)
        if written is None:
            fixed[record.name] = "derived weight: it is computed from other tensors"
        elif (group_of[written] < 0).all():
            reasons = [roots.reasons[r] for r in np.unique(written).tolist() if r in roots.reasons]
            fixed[record.name] = reasons[0] if reasons else UNREAD
    return fixed


def digest(model: nn.Module) -> str:
    """What a plan is tied to: names and shapes of the parameters, since a plan fits any weights of the same
    network."""
    text = ";".join(f"{name}:{tuple(p.shape)}" for name, p in model.named_parameters())
    return hashlib.sha256(text.encode()).hexdigest()[:16]
