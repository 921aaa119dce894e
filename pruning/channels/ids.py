"""Shadow channel ids: every tensor of one forward pass carries the ids of its channels beside it.

The ids of a tensor are an int64 tensor of the same shape, expanded with stride 0 wherever they are constant,
so they cost next to nothing. Layout operations run on the ids too; arithmetic unites ids; a convolution,
linear or norm records which ids index which dimension of which parameter; producers mint fresh ids. Id 0 is
"constant": it can never be cut.

Uniting is only noted while tracing, as pairs; one connected-components call at the end makes the classes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import torch

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


@dataclass
class Trace:
    """What one traced forward pass leaves behind. Ids are numbers from 1 to `count`; 0 is constant."""

    count: int = 0
    pairs: dict[str, list[np.ndarray]] = field(
        default_factory=lambda: {k: [] for k in (ADD, MULTIPLY, TIE, STRUCTURE)}
    )
    slots: dict[str, dict[int, np.ndarray]] = field(default_factory=dict)  # tensor name -> dimension -> ids
    fixed: list[tuple[np.ndarray, str]] = field(default_factory=list)  # ids and why
    renormalised: list[np.ndarray] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    training: list[Call] = field(default_factory=list)  # of layers that run only in training
    notes: list[str] = field(default_factory=list)

    def mint(self, number: int) -> torch.Tensor:
        first = self.count + 1
        self.count += number
        return torch.arange(first, first + number)

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


def constant(shape: Iterable[int]) -> torch.Tensor:
    return torch.zeros((), dtype=torch.long).expand(tuple(shape))


def along(ids: torch.Tensor, dimension: int, shape: Iterable[int]) -> torch.Tensor:
    """A vector of ids, laid along one dimension of a shape and constant along the others."""
    view = [1] * len(tuple(shape))
    view[dimension] = -1
    return ids.view(view).expand(tuple(shape))


def compact(ids: torch.Tensor) -> torch.Tensor:
    """The same ids with every dimension of size 1 along which they do not change."""
    for dimension in range(ids.dim()):
        if ids.shape[dimension] > 1:
            first = ids.narrow(dimension, 0, 1)
            if ids.stride(dimension) == 0 or (
                dimension != 1 and ids.dim() > 2 and bool((ids == first).all())
            ):
                ids = first
    return ids


def unite_rows(trace: Trace, rows: torch.Tensor, why: str):
    """Unites what stands in one column: rows of ids that lose the same places."""
    for row in rows[1:]:
        trace.unite(rows[0], row, why)


def answer(model: Callable, example: tuple | dict):
    """The network's answer to an example: its arguments in their order, or by their names."""
    return model(**example) if isinstance(example, dict) else model(*example)


def flat(value) -> list:
    """All leaves of nested tuples, lists and dicts, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in flat(part)]
    return [value]
