"""Shadow channel ids: every tensor of one forward pass carries the ids of its channels beside it.

The ids of a tensor are an int64 tensor of the same shape, expanded with stride 0 wherever they are constant,
so they cost next to nothing. Layout operations run on the ids too; arithmetic unites ids; a convolution,
linear or norm records which ids index which dimension of which parameter; producers mint fresh ids. Id 0 is
"constant": it can never be cut.

Uniting is only noted while tracing, as pairs; one connected-components call at the end makes the classes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, is_dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import nn

from pruning.channels.random_draws import Settled

ADD, MULTIPLY, TIE, STRUCTURE = "add", "multiply", "tie", "structure"


class Untraceable(ValueError):
    """A network of which no forward pass tells what belongs together; the message says why and what to do."""


@dataclass
class Call:
    """One run of a layer: what it is, how many multiply-accumulates each weight entry took, and its output's
    shape."""

    module: str
    kind: str
    weight: str
    output: int | None
    input: int | None
    macs_each: int
    shape: tuple[int, ...]
    groups: int = 1
    alone: np.ndarray | None = None  # ids of the channels that it works on one by one, whatever its weight


@dataclass
class Trace:
    """What one traced forward pass leaves behind. Ids are numbers from 1 to `count`; 0 is constant.

    first: the first id of every producer, ascending: a layer that wrote new channels, or a learned vector.
    """

    count: int = 0
    first: list[int] = field(default_factory=list)
    pairs: dict[str, list[np.ndarray]] = field(
        default_factory=lambda: {k: [] for k in (ADD, MULTIPLY, TIE, STRUCTURE)}
    )
    slots: dict[str, dict[int, np.ndarray]] = field(default_factory=dict)  # tensor name -> dimension -> ids
    fixed: list[tuple[np.ndarray, str]] = field(default_factory=list)  # ids and why
    renormalised: list[np.ndarray] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    training: list[Call] = field(default_factory=list)  # of layers that run only in training
    notes: list[str] = field(default_factory=list)
    unbatched: bool = False  # the example is one image, without a dimension for a batch

    _classes: tuple[tuple[int, int], np.ndarray] | None = None

    def mint(self, number: int) -> torch.Tensor:
        first = self.count + 1
        self.first.append(first)
        self.count += number
        return torch.arange(first, first + number)

    def classes(self) -> np.ndarray:
        """[count + 1]: for every id the lowest one of those that are united with it so far."""
        pairs = [pair for kind in self.pairs.values() for pair in kind]
        if self._classes is None or self._classes[0] != (self.count, len(pairs)):
            _, root = classes_of(self.count, pairs)
            _, lowest = np.unique(root, return_index=True)
            self._classes = (self.count, len(pairs)), lowest[root]
        return self._classes[1]

    def unite(self, a: torch.Tensor, b: torch.Tensor, why: str):
        """Notes that a[i] and b[i] stand for the same channel; constants take no part."""
        a, b = torch.broadcast_tensors(a, b)
        differ = (a != b) & (a != 0) & (b != 0)
        if differ.any():
            # one number a pair: sorting rows would take ten times as long
            keys = torch.unique(a[differ] * (self.count + 1) + b[differ]).numpy()
            self.pairs[why].append(np.stack(np.divmod(keys, self.count + 1), axis=1))

    def fix(self, ids: torch.Tensor, why: str):
        ids = torch.unique(compact(ids))
        ids = ids[ids != 0]
        if len(ids):
            self.fixed.append((ids.numpy(), why))


def classes_of(count: int, pairs: list[np.ndarray]) -> tuple[int, np.ndarray]:
    """Connected components of ids 0 .. count: how many, and each id's."""
    edges = np.concatenate(pairs) if pairs else np.zeros((0, 2), int)
    ones = np.ones(len(edges), bool)
    return connected_components(
        coo_matrix((ones, (edges[:, 0], edges[:, 1])), (count + 1, count + 1)), directed=False
    )


def constant(shape: Iterable[int]) -> torch.Tensor:
    return torch.zeros((), dtype=torch.long).expand(tuple(shape))


def along(ids: torch.Tensor, dimension: int, shape: Iterable[int]) -> torch.Tensor:
    """A vector of ids, laid along one dimension of a shape and constant along the others."""
    view = [1] * len(tuple(shape))
    view[dimension] = -1
    return ids.view(view).expand(tuple(shape))


def compact(ids: torch.Tensor, *, every: bool = False) -> torch.Tensor:
    """The same ids with every dimension of size 1 along which they do not change. every: the second one too,
    in which channels mostly lie, and which is else taken for one that does."""
    for dimension in range(ids.dim()):
        if ids.shape[dimension] > 1:
            first = ids.narrow(dimension, 0, 1)
            asked = every or (dimension != 1 and ids.dim() > 2)
            if ids.stride(dimension) == 0 or (asked and bool((ids == first).all())):
                ids = first
    return ids


def unite_rows(trace: Trace, rows: torch.Tensor, why: str):
    """Unites what stands in one column: rows of ids that lose the same places."""
    for row in rows[1:]:
        trace.unite(rows[0], row, why)


def answer(model: Callable, example: tuple | dict):
    """The network's answer to an example, its arguments in their order or by their names; what it draws at
    random is settled, so that a narrower copy answers by the same."""
    with Settled():
        return model(**example) if isinstance(example, dict) else model(*example)


def flat(value) -> list:
    """All leaves of nested tuples, lists, dicts and objects with attributes, in order."""
    leaves: list = []
    _gather(value, leaves, set())
    return leaves


def _gather(value, leaves: list, seen: set[int]):
    if isinstance(value, torch.Tensor):
        leaves.append(value)
    elif isinstance(value, dict):
        for part in value.values():
            _gather(part, leaves, seen)
    elif isinstance(value, (list, tuple)):
        for part in value:
            _gather(part, leaves, seen)
    else:
        attributes = () if isinstance(value, _LEAVES) or id(value) in seen else _attributes(value)
        if attributes:
            seen.add(id(value))  # an object may hold itself
            _gather(attributes, leaves, seen)
        else:
            leaves.append(value)


_LEAVES = (
    *(int, float, str, bytes, type(None), slice, type, np.ndarray, torch.dtype, torch.device),
    *(nn.Module, FunctionType, MethodType, BuiltinFunctionType, ModuleType, torch.Generator),
)


def _attributes(value) -> list:
    """What an object holds: the fields of a dataclass, else what it was given."""
    if is_dataclass(value):
        return [getattr(value, part.name) for part in fields(value) if hasattr(value, part.name)]
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    slotted = [getattr(value, name) for name in slots if name != "__dict__" and hasattr(value, name)]
    return slotted + list(getattr(value, "__dict__", {}).values())
