"""Which layers a network computes, with what: every use of a weight, at any widths."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch.overrides import TorchFunctionMode

from pruning.channels.structure import Structure

CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
TRANSPOSED = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
TAKES: dict[str, tuple[str, ...]] = {"linear": ("input", "weight", "bias")}
TAKES |= {f"conv{n}d": CONVOLUTION for n in (1, 2, 3)}
TAKES |= {f"conv_transpose{n}d": TRANSPOSED for n in (1, 2, 3)}


@dataclass(frozen=True, eq=False)
class Call:
    """One use of a weight. function: its name in torch.   given: its arguments but for the tensors.
    shape: of the weight.   reads: of the input."""

    weight: str
    function: Callable
    given: dict
    shape: tuple[int, ...]
    reads: tuple[int, ...]
    bias: bool

    def key(self, varies: tuple[bool, ...]) -> tuple:
        """What its time depends on."""
        return (self.function.__name__, str(self.given), self.shape, self.reads, self.bias, varies)

    def at(self, first: int, second: int) -> "Call":
        """The call at other widths of its weight's first two dimensions."""
        given, groups = dict(self.given), self.given.get("groups", 1)
        transposed = "transpose" in self.function.__name__
        if groups > 1 and groups * self.shape[1] == self.reads[1] == groups:  # depth-wise
            groups = max(1, round(groups * first / self.shape[0]))
        if groups > 1:
            first, given["groups"] = -(-first // groups) * groups, groups
        elif "groups" in given:
            given["groups"] = 1
        reads, channels = list(self.reads), first if transposed else second * groups
        reads[-1 if self.function.__name__ == "linear" else 1] = channels
        shape = (first, second, *self.shape[2:])
        return replace(self, given=given, shape=shape, reads=tuple(reads))

    @property
    def writes(self) -> int:
        """Channels."""
        groups = self.given.get("groups", 1)
        return self.shape[1] * groups if "transpose" in self.function.__name__ else self.shape[0]

    def on(self, device: torch.device) -> Callable[[], object]:
        """The call, on new tensors."""
        weight, inputs = torch.randn(self.shape, device=device), torch.randn(self.reads, device=device)
        bias = torch.randn(self.writes, device=device) if self.bias else None
        return lambda: self.function(inputs, weight, bias, **self.given)


class Calls(TorchFunctionMode):
    """Inside, notes every convolution and linear layer that uses a parameter as it is."""

    def __init__(self, model, structure: Structure):
        super().__init__()
        known = {layer.weight for layer in structure.layers if layer.kind != "norm"}
        self.names = {id(p): name for name, p in model.named_parameters() if name in known}
        self.found: list[Call] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        takes = TAKES.get(getattr(func, "__name__", ""))
        given = dict(zip(takes, args, strict=False)) | (kwargs or {}) if takes else {}
        if id(given.get("weight")) in self.names:
            source, weight, bias = given.pop("input"), given.pop("weight"), given.pop("bias", None)
            shapes = (tuple(weight.shape), tuple(source.shape))
            self.found.append(Call(self.names[id(weight)], func, given, *shapes, bias is not None))
        return func(*args, **(kwargs or {}))
