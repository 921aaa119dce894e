"""Two forward passes, of a masked and of a cut network, compared on the way.

The masked pass notes what every layer reads. The cut pass compares its own with that, channel by channel, so
that a fault shows at the first layer that reads it, and says which groups. Two things would differ without
a fault, and are made equal: what hangs on a near-tie, such as which boxes of a detector stay, is decided by
the masked pass for both, once what it hangs on has been compared; and a norm over channels, whose scale
rightly changes with their number, divides by one number, the masked pass's. Random numbers `answer` settles.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from pruning.channels.ids import flat
from pruning.channels.slices import Kept, named_tensors
from pruning.channels.structure import Structure
from pruning.devices import for_double

PLACES = 36  # at which a tensor's channels are compared
ENTRIES = 2**22  # of a decision, that are remembered
CONVOLVING = frozenset("conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d".split())
READING = {  # the dimension of the weight that what is read runs along
    **{name: int("transpose" not in name) for name in CONVOLVING},
    **{"linear": 1, "matmul": 0, "__matmul__": 0, "mm": 0},
}
NORMS = {"layer_norm": ("weight", "bias"), "group_norm": ("weight", "bias"), "rms_norm": ("weight",)}
ROUNDING = frozenset("floor ceil round trunc sign heaviside floor_divide __floordiv__".split())
PLAIN = (int, float, bool, str, type(None), torch.Size, torch.dtype, torch.device)
LEAVING = frozenset("item tolist __bool__ __float__ __int__ __index__".split())


class Stop(BaseException):
    """The rest of a pass is of no use any more; no code of a user's takes it for an error of its own."""


@dataclass(frozen=True)
class Tolerance:
    """How far entries may lie apart: relative to the largest of their channel and to the largest of all."""

    channel: float
    all: float


SINGLE, DOUBLE = Tolerance(1e-3, 1e-5), Tolerance(1e-6, 1e-8)
ANY = Tolerance(1e30, 1e30)  # where it is asked only whether it runs, and in the same shapes
LOOSE = Tolerance(1e-2, 1e-3)  # where a network runs in single precision alone, and more than rounding shows


@dataclass(frozen=True)
class Fault:
    """Where a cut network went astray.

    step: operations before it.   where: the layer that reads it, the operation, or what raised.   groups:
    those whose channels differ, where that is known.   size: largest difference, relative to the channel's
    largest entry.   error: what was raised, if it did not run.
    """

    step: int
    where: str
    groups: frozenset[int] = frozenset()
    size: float = np.inf
    error: str = ""

    @property
    def rounding(self) -> bool:
        """Whether it is so small that it may be no fault."""
        return self.size < 0.03


class _Pass(TorchFunctionMode):
    """What both passes do alike. Subclasses say what to do with what is read, decided or divided."""

    def __init__(self, model: nn.Module, structure: Structure):
        super().__init__()
        dense = {layer.weight for layer in (*structure.layers, *structure.heads) if layer.dense}
        self.weights = {id(t): name for name, t in named_tensors(model).items() if name in dense}
        self.structure = structure
        self.renormalised = any(group.renormalised for group in structure.groups)
        self.step = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        self.step += 1
        if name == "__get__":
            return func(*args, **kwargs)
        if name in READING:
            self._hear(name, *args, **kwargs)
        result = func(*args, **kwargs)
        if name in NORMS and self.renormalised:
            return self._divided(name, result, *args, **kwargs)
        if type(result) in PLAIN and name not in LEAVING:
            return result
        if isinstance(result, torch.Tensor) and result.is_floating_point() and name not in ROUNDING:
            return result
        return self._decided(name, args, kwargs, result)

    def _hear(self, name: str, *args, **kwargs):
        weight = next((t for t in (*args[1:2], *kwargs.values()) if id(t) in self.weights), None)
        if weight is not None:
            tensor = args[0] if args else kwargs["input"]
            channels = tensor.dim() - (weight.dim() - 1 if name in CONVOLVING else 1)
            self.read(self.weights[id(weight)], READING[name], channels, sampled(tensor, channels))

    def _divided(self, name: str, result, input, size, *tensors, **named):
        """What a norm over channels answers, but that it divides by the same number at all places."""
        named |= dict(zip(NORMS[name], tensors, strict=False))
        if name != "group_norm" and len(size) > 1:
            return result  # over places, or it is fixed
        shape = [-1, *[1] * (input.dim() - 2)] if name == "group_norm" else [-1]
        result = input / self.divisor(name, input)
        if named.get("weight") is not None:
            result = result * named["weight"].view(shape)
        return result if named.get("bias") is None else result + named["bias"].view(shape)

    def _decided(self, name: str, args: tuple, kwargs: dict, result):
        outputs = [t for t in flat(result) if isinstance(t, torch.Tensor)] if name not in LEAVING else []
        if name.endswith("_") and not name.endswith("__") or not (outputs or name in LEAVING):
            return result
        if sum(output.numel() for output in outputs) > ENTRIES:
            return result
        given = [t for t in flat((args, kwargs)) if isinstance(t, torch.Tensor)]
        if not any(t.is_floating_point() for t in given):
            return result  # a size, or of what was decided before
        shapes = [t.shape for t in (*given, *outputs)]
        return self.decided(name, shapes, [t for t in given if t.is_floating_point()], result)


class Masked(_Pass):
    """The masked network's pass: notes what the cut one is compared with."""

    def __init__(self, model: nn.Module, structure: Structure):
        super().__init__(model, structure)
        self.noted: dict[str, list] = defaultdict(list)
        self.answer: list = []

    def read(self, layer: str, dimension: int, channels: int, entries: torch.Tensor):
        self.noted[layer].append(entries.clone())

    def divisor(self, name: str, values: torch.Tensor) -> float:
        self.noted[name].append(float(values.float().square().mean().sqrt()) + 1e-12)
        return self.noted[name][-1]

    def decided(self, name: str, shapes: list, given: list[torch.Tensor], result):
        inputs = [entries(t).clone() for t in given]
        self.noted[f"{name}()"].append((shapes, inputs, _copied(result)))
        return result


class Cut(_Pass):
    """The cut network's pass: stops with a fault at the first difference.

    kept: what stays of the tensors of the cut network, as `copy_with` takes it.
    """

    def __init__(
        self, model: nn.Module, structure: Structure, masked: Masked, kept: Kept, tolerance: Tolerance
    ):
        super().__init__(model, structure)
        self.masked, self.kept, self.tolerance = masked, kept, tolerance
        self.times: dict[str, int] = defaultdict(int)
        self.seen: set[int] = set()
        self.fault: Fault | None = None

    def _next(self, key: str) -> Any:
        """What the masked pass noted at this place; None where it did not come by."""
        noted, self.times[key] = self.masked.noted.get(key, ()), self.times[key] + 1
        return noted[self.times[key] - 1] if self.times[key] <= len(noted) else None

    def stop(self, where: str, groups: frozenset[int] = frozenset(), size: float = np.inf):
        self.fault = Fault(self.step, where.removesuffix(".weight"), groups, size)
        raise Stop

    def read(self, layer: str, dimension: int, channels: int, own: torch.Tensor):
        noted = self._next(layer)
        if noted is None:
            self.stop(layer)
        index = self.structure.maps.get(layer, {}).get(dimension)
        group = np.full(noted.shape[channels], -1)
        if index is not None:  # a grouped convolution's inputs are so many times its weight's
            group = np.tile(index.group, max(1, noted.shape[channels] // len(index)))
            stays = self.kept.get(layer, {}).get(dimension, np.arange(len(index)))
            stays = np.concatenate([stays + start for start in range(0, len(group), len(index))])
            if len(stays) < len(group):
                noted, group = noted.index_select(channels, _at(stays, noted)), group[stays]
        if noted.shape != own.shape:
            self.stop(layer, frozenset(group[group >= 0].tolist()))
        largest = float(noted.abs().max()) if noted.numel() else 0.0
        if largest > 0:
            self.seen |= set(group.tolist())
        if noted.numel() and not float((noted - own).abs().max()) <= self.tolerance.all * largest:
            size, wrong = differing(noted, own, channels, self.tolerance)
            if size:
                group = group[wrong.cpu().numpy()]
                self.stop(layer, frozenset(group[group >= 0].tolist()), size)

    def divisor(self, name: str, values: torch.Tensor) -> float:
        return self._next(name) or 1.0

    def decided(self, name: str, shapes: list, given: list[torch.Tensor], result):
        noted = self._next(f"{name}()")
        if noted is None or noted[0] != shapes:
            return result  # of channels that are cut, or on another way: it stands for itself
        for masked, own in zip(noted[1], given, strict=True):
            size = different(masked, entries(own), self.tolerance)
            if size:
                self.stop(f"{name}()", size=size)
        return _copied(noted[2])

    def finish(self, answer: list):
        """Compares what the two networks answered, and whether all layers ran that did in the masked one."""
        for layer, noted in self.masked.noted.items():
            if len(noted) > self.times[layer] and isinstance(noted[0], torch.Tensor):
                self.stop(layer)
        if len(answer) != len(self.masked.answer):
            self.stop("its answer")
        for masked, own in zip(self.masked.answer, answer, strict=True):
            if isinstance(masked, torch.Tensor) and masked.shape != own.shape:
                self.stop("its answer")
            if isinstance(masked, torch.Tensor) and masked.is_floating_point():
                size = different(masked, own, self.tolerance)
                if size:
                    self.stop("its answer", size=size)


def sampled(tensor: torch.Tensor, channels: int) -> torch.Tensor:
    """A view of all channels at some places: every so many entries along each of the other dimensions."""
    long = [d for d, size in enumerate(tensor.shape) if size > 1 and d != channels]
    each = max(2, round(PLACES ** (1 / max(1, len(long)))))
    steps = [-(-size // each) if d in long else 1 for d, size in enumerate(tensor.shape)]
    return tensor.detach()[tuple(slice(step // 2, None, step) for step in steps)]


def entries(tensor: torch.Tensor) -> torch.Tensor:
    """Some entries of a tensor, spread over all."""
    flat_entries = tensor.detach().reshape(-1)
    return flat_entries[:: 1 + len(flat_entries) // 2**14]


def _copied(value):
    return tree_map(lambda part: part.clone() if isinstance(part, torch.Tensor) else part, value)


def _at(indices: np.ndarray, tensor: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(indices, device=tensor.device)


def differing(
    a: torch.Tensor, b: torch.Tensor, channels: int, tolerance: Tolerance
) -> tuple[float, torch.Tensor]:
    """How far the entries of some channel lie apart, relative to its largest (0: near enough), and [C] which
    channels do."""
    a, b = (values.movedim(channels, 0).flatten(1) for values in (a, b))
    a, b = (for_double(values).double() for values in (a, b))
    same = (a == b) | (a.isnan() & b.isnan())
    apart = torch.where(same, 0, (a - b).abs()).nan_to_num(torch.inf).amax(1)
    each = a.abs().nan_to_num(0, 0, 0).amax(1)
    wrong = apart > tolerance.channel * each + tolerance.all * each.max()
    size = float((apart / (each + 1e-3 * each.max() + 1e-300))[wrong].max()) if bool(wrong.any()) else 0.0
    return size, wrong


def different(a: torch.Tensor, b: torch.Tensor, tolerance: Tolerance) -> float:
    """How far two tensors lie apart, relative to the largest entry; 0 where that is near enough."""
    if a.shape != b.shape:
        return float(np.inf)
    if not a.numel() or torch.equal(a, b):
        return 0.0
    loose = Tolerance(0, 0.1 * tolerance.channel)  # 1e-4 of the largest in single precision
    return differing(a.reshape(1, -1), b.reshape(1, -1), 0, loose)[0]
