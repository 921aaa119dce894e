"""Batch norms folded into the layers whose output they alone read: an operation less there and back.

In evaluation mode a norm multiplies each channel by scale = gamma / sqrt(variance + eps) and shifts it, so
    norm(W x + b) = (scale W) x + (b - mean) scale + beta
is one layer. The network itself is left as it is: folded weights are tensors of their own. Trained, they are
put back by `put_back`: W becomes folded / scale, and beta takes the shift.
"""

import inspect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pruning.reconstruction.im2col import CONVOLUTIONS
from pruning.reconstruction.replay import Replay, Step, Value

SMALLEST = 1e-4  # of a layer's largest scale: below it a weight cannot be told from scale times weight
_NORM = inspect.signature(functional.batch_norm)


@dataclass(eq=False)
class Folded:
    """A layer with its norm. weight, bias: folded; what is trained, where it is.   own, shift: the layer's
    weight, and beta where there is one.   scale: [outputs].   moved: (b - mean) scale, [outputs]."""

    weight: nn.Parameter
    bias: nn.Parameter
    own: Tensor
    shift: Tensor | None
    gamma: Tensor | None
    scale: Tensor
    moved: Tensor

    @classmethod
    def of(cls, own: Tensor, bias: Tensor | None, norm: dict[str, Any]) -> "Folded":
        with torch.no_grad():
            mean, variance = norm["running_mean"], norm["running_var"]
            gamma, beta = norm.get("weight"), norm.get("bias")
            scale = (variance + norm.get("eps", 1e-5)).rsqrt() * (1 if gamma is None else gamma)
            moved = (-mean if bias is None else bias - mean) * scale
            shift = moved if beta is None else moved + beta
            weight = own * _along(scale, own)
            if own.dim() == 4 and own.device.type == "cpu":
                weight = weight.contiguous(memory_format=torch.channels_last)
        return cls(nn.Parameter(weight), nn.Parameter(shift.clone()), own, beta, gamma, scale, moved)

    @property
    def trainable(self) -> bool:
        """Whether what is trained can be put back: into a weight and a shift that may change."""
        free = self.own.requires_grad and self.shift is not None and self.shift.requires_grad
        size = self.scale.abs()
        return free and bool(size.min() > SMALLEST * size.max())

    @property
    def replaced(self) -> list[Tensor]:
        """Parameters that the folded weight and bias stand for; gamma stays."""
        return [tensor for tensor in (self.own, self.shift, self.gamma) if tensor is not None]

    @torch.no_grad()
    def put_back(self):
        self.own.copy_(self.weight / _along(self.scale, self.weight))
        self.shift.copy_(self.bias - self.moved)


def _along(scale: Tensor, weight: Tensor) -> Tensor:
    return scale.view(-1, *[1] * (weight.dim() - 1))


class Folding:
    """The norms of one network. trained: only those are folded whose layer can be trained so. folded: {id of
    a layer's weight: it}, of the first pass that is given; other passes share them."""

    def __init__(self, *, trained: bool):
        self.trained = trained
        self.folded: dict[int, Folded | None] = {}

    def __call__(self, replay: Replay) -> Replay:
        """The pass with a folded layer in place of each layer and its norm."""
        found = {}
        for layer, norm in _pairs(replay):
            call = layer.call
            assert call is not None  # `_pairs` looked
            if id(call.weight) not in self.folded:
                self.folded[id(call.weight)] = self._one(call, _given(norm))
            if (one := self.folded[id(call.weight)]) is not None:
                given = call.given | {"weight": one.weight, "bias": one.bias}
                found[layer] = Step(norm.number, layer.func, (), given, norm.made)
                found[norm] = None
        steps = [found.get(step, step) for step in replay.steps]
        return Replay([step for step in steps if step is not None], replay.places)

    def _one(self, call, norm: dict[str, Any]) -> Folded | None:
        one = Folded.of(call.weight, call.bias, norm)
        return one if one.trainable or not self.trained else None

    def every(self) -> list[Folded]:
        return [one for one in self.folded.values() if one is not None]


def _pairs(replay: Replay) -> Iterator[tuple[Step, Step]]:
    """(convolution, norm) where the norm alone reads it, both run once, and what is between is not shown."""
    maker = {value: step for step in replay.steps for value in step.made}
    readers = Counter(value for step in replay.steps for value in set(step.read))
    calls = [step.call for step in replay.steps]
    used = Counter(id(call.weight) for call in calls if call is not None)
    norms = [step for step in replay.steps if _name(step) == "batch_norm"]
    used.update(id(_given(step).get("running_mean")) for step in norms)
    for norm in norms:
        given = _given(norm)
        value, layer = given["input"], maker.get(getattr(given["input"], "number", None))
        if layer is None or _name(layer) not in CONVOLUTIONS or layer.number in replay.places:
            continue
        call = layer.call
        if not call.weight.numel():  # a closed layer, with nothing to fold into
            continue
        held = [call.weight, given["running_mean"], *(call.bias, given.get("weight"), given.get("bias"))]
        known = not given.get("training") and not any(isinstance(one, Value) for one in held)
        once = used[id(call.weight)] == 1 and used[id(given["running_mean"])] == 1
        if known and once and given["running_mean"] is not None and readers[value.number] == 1:
            yield layer, norm


def _name(step: Step) -> str:
    return getattr(step.func, "__name__", "")


def _given(norm: Step) -> dict[str, Any]:
    """What a norm was given, by the names that `batch_norm` has for it."""
    return _NORM.bind(*norm.args, **norm.kwargs).arguments
