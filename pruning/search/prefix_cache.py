"""The part of a forward pass that a change leaves as it was: kept, and not computed again.

A change of some weights changes nothing before the first operation that uses one of them. One pass is
recorded, operation by operation; the tensors that live at the start of such operations are kept. A later pass
runs the network's own code again, but every operation before the start answers at once: with what was kept,
or, where nobody reads it any more, with a tensor that has only a shape. So any network will do that does the
same operations each time; whether it does is tried, and a network that does not is run in full.
"""

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten
from torch.utils.weak import WeakTensorKeyDictionary

LIMIT = 512 * 2**20  # bytes that are kept, of all batches together
END = 2**62


@dataclass(frozen=True)
class Value:
    """A tensor that an operation made. number: of the value.   place: which of the operation's tensors it is,
    if it was changed in place."""

    number: int
    shape: torch.Size
    dtype: torch.dtype
    device: torch.device
    place: int | None

    @property
    def bytes(self) -> int:
        return self.shape.numel() * self.dtype.itemsize


@dataclass
class Record:
    """One forward pass. calls: what each operation answered, its tensors as Values.   made, last: the
    operation that made each value, and the last that reads it.   overwritten: values changed in place later.
    first: {weight: the first operation that uses it}."""

    calls: list[tuple[list, Any]] = field(default_factory=list)
    made: list[Value] = field(default_factory=list)
    when: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    overwritten: set[int] = field(default_factory=set)
    first: dict[str, int] = field(default_factory=dict)

    def live(self, start: int) -> list[Value]:
        """What operations before `start` made and others from there on read."""
        return [v for v in self.made if self.when[v.number] < start <= self.last[v.number]]


class _Recorder(TorchFunctionMode):
    def __init__(self, names: dict[int, str]):
        super().__init__()
        self.names, self.record, self.values = names, Record(), WeakTensorKeyDictionary()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, record = kwargs or {}, self.record
        number, given = len(record.calls), tensors_in(args, kwargs)
        before = [self.values.get(tensor) for tensor in given]
        for tensor, value in zip(given, before, strict=True):
            if value is not None:
                record.last[value] = number
            elif id(tensor) in self.names:
                record.first.setdefault(self.names[id(tensor)], number)
        result = func(*args, **kwargs)
        leaves, tree = tree_flatten(result)
        record.calls.append(([self._noted(leaf, given, before, number) for leaf in leaves], tree))
        return result

    def _noted(self, leaf, given: list[torch.Tensor], before: list, number: int):
        if not isinstance(leaf, torch.Tensor):
            return leaf
        place = next((k for k, tensor in enumerate(given) if tensor is leaf), None)
        if place is not None and before[place] is not None:
            self.record.overwritten.add(before[place])
        value = Value(len(self.record.made), leaf.shape, leaf.dtype, leaf.device, place)
        self.record.made.append(value)
        self.record.when.append(number)
        self.record.last.append(number)
        self.values[leaf] = value.number
        return value


class _Resumed(TorchFunctionMode):
    """Answers the operations before `start` from the record, and runs the others; what they make of `wanted`
    is put into `kept`."""

    def __init__(self, record: Record, kept: dict[int, torch.Tensor], start: int, wanted: Iterable[int] = ()):
        super().__init__()
        self.record, self.kept, self.start, self.number = record, kept, start, 0
        self.wanted = {self.record.when[value] for value in wanted}
        self.values = set(wanted)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        number, self.number = self.number, self.number + 1
        if number >= self.start:
            result = func(*args, **(kwargs or {}))
            if number in self.wanted:
                self._keep(number, result)
            return result
        leaves, tree = self.record.calls[number]
        if not any(isinstance(leaf, Value) for leaf in leaves):
            return tree_unflatten(leaves, tree)
        given = tensors_in(args, kwargs or {})
        return tree_unflatten([self._answer(leaf, given) for leaf in leaves], tree)

    def _keep(self, number: int, result):
        leaves, _ = self.record.calls[number]
        for leaf, tensor in zip(leaves, tree_leaves(result), strict=True):
            if isinstance(leaf, Value) and leaf.number in self.values:
                changes = leaf.number in self.record.overwritten
                self.kept[leaf.number] = tensor.detach().clone() if changes else tensor.detach()

    def _answer(self, leaf, given: list[torch.Tensor]):
        if not isinstance(leaf, Value):
            return leaf
        known = self.kept.get(leaf.number)
        if known is None:
            known = torch.empty(1, dtype=leaf.dtype, device=leaf.device).expand(leaf.shape)
        elif leaf.number in self.record.overwritten:
            known = known.clone()
        if leaf.place is None:
            return known
        given[leaf.place].data = known
        return given[leaf.place]


def tensors_in(args: tuple, kwargs: dict) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]


class Batch:
    """One batch of images through a network whose weights change a little each time.

    model: in the mode it is to run in.   inputs: [N, ...].   groups: for each, the names of the weights that
    change with it.   limit: bytes that may be kept.
    """

    def __init__(self, model: nn.Module, inputs: torch.Tensor, groups: Iterable[Iterable[str]], limit: int):
        self.model, self.inputs, self.kept = model, inputs, {}
        recorder = _Recorder({id(p): name for name, p in model.named_parameters()})
        with torch.no_grad(), recorder:
            output = model(inputs.clone())
        self.record = recorder.record
        for tensor in tree_leaves(output):
            if isinstance(tensor, torch.Tensor) and tensor in recorder.values:
                self.record.last[recorder.values[tensor]] = END
        starts = {self.first_use(weights) for weights in groups}
        self.starts = within(self.record, sorted(starts), limit)
        self.wanted = {value.number for start in self.starts for value in self.record.live(start)}

    def first_use(self, weights: Iterable[str]) -> int:
        return min((self.record.first.get(name, 0) for name in weights), default=0)

    def run(self, weights: Iterable[str] = (), *, keep: bool = False) -> torch.Tensor:
        """The network's answer when, since the last pass that was kept, no weights but these have changed;
        none named: all may have.   keep: what later passes start from is of this pass."""
        start = self.starts[bisect.bisect_right(self.starts, self.first_use(weights)) - 1]
        wanted = [v for v in self.wanted if self.record.when[v] >= start] if keep else ()
        with torch.no_grad(), _Resumed(self.record, self.kept, start, wanted):
            return self.model(self.inputs.clone())


def within(record: Record, starts: list[int], limit: int) -> list[int]:
    """0 and those starts whose live tensors fit into `limit` bytes; those go first that save the fewest
    operations for their size."""
    chosen = [0, *(start for start in starts if start)]
    live = {start: record.live(start) for start in chosen}
    while len(chosen) > 1:
        kept = {value.number: value.bytes for start in chosen for value in live[start]}
        if sum(kept.values()) <= limit:
            break
        sizes = {start: sum(value.bytes for value in live[start]) for start in chosen}
        gains = [(b - a) / max(1, sizes[b]) for a, b in zip(chosen[:-1], chosen[1:], strict=True)]
        del chosen[1 + gains.index(min(gains))]
    return chosen


def batches(model: nn.Module, inputs: list[torch.Tensor], groups: Sequence[Sequence[str]]) -> list[Batch]:
    """The batches, each ready to run; without any prefix where the network does not do the same each time.

    That is tried on two images: from every start, the answer has to be that of a full pass.
    """
    trial = Batch(model, inputs[0][:2], groups, LIMIT)
    limit = LIMIT // len(inputs) if resumes(trial, groups) else -1
    return [Batch(model, part, groups, limit) for part in inputs]


def resumes(trial: Batch, groups: Sequence[Sequence[str]]) -> bool:
    with torch.no_grad():
        whole = tree_leaves(trial.model(trial.inputs.clone()))
    for weights in ((), *groups):
        try:
            found = tree_leaves(trial.run(weights, keep=not weights))
        except Exception:
            return False
        if len(found) != len(whole) or not all(map(torch.equal, found, whole)):
            return False
    return True
