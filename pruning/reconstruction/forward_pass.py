"""A recorded forward pass: its operations in order, what each reads, and what lives in between.

Found by running the network on two images. A network that is cut does the same operations, so what is found
of the whole one says where in the other a layer's output is normalised and what it is added to.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from pruning.cost import Plan
from pruning.models.module_modes import evaluating
from pruning.reconstruction.im2col import PRODUCTS, Call

SUMS = ("add", "add_", "__add__", "__radd__", "__iadd__")
JOINS = ("cat", "concat", "concatenate")
PASSING = ("dropout", "dropout2d", "feature_dropout")  # in evaluation they hand on what they are given


@dataclass(frozen=True)
class Operation:
    """One operation. read, made: numbers of values.   weight: that a layer uses, by name.   statistics: name
    of the running mean of a batch norm that has them.   bytes: of what was made, for one image.
    shape: of the first value made, without the batch; None where it has no batch."""

    name: str
    read: tuple[int, ...]
    made: tuple[int, ...]
    weight: str = ""
    statistics: str = ""
    bytes: float = 0.0
    shape: tuple[int, ...] | None = None

    @property
    def channels(self) -> int:
        """Of what a layer, or an operation along channels, makes; 0 where there are none."""
        last = self.name in ("linear", *PRODUCTS)
        return (self.shape[-1] if last else self.shape[0]) if self.shape else 0


@dataclass(frozen=True)
class Reading:
    """Where a dense layer runs and where its output is taken up.

    at: number of its operation.   norm: of the batch norm that alone reads its output, or None.   settles: of
    the sum that alone reads that; where there is none of the norm, or else its own.
    """

    weight: str
    at: int
    norm: int | None
    settles: int


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """All operations of one pass."""

    operations: tuple[Operation, ...]
    readers: dict[int, list[int]] = field(default_factory=dict)  # value -> operations that read it
    keeps: bool = False  # whether the network holds on to something that it made, such as in an attribute

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(operation.name for operation in self.operations)

    def readings(self) -> dict[str, Reading]:
        """{weight: Reading} of the layers that run once, in the order they run."""
        twice = self.several()
        return {reading.weight: reading for reading in self.all_readings() if reading.weight not in twice}

    def all_readings(self) -> list[Reading]:
        """Every call of every layer, in the order they run."""
        used = [(number, operation.weight) for number, operation in enumerate(self.operations)]
        return [self._reading(weight, number) for number, weight in used if weight]

    def several(self) -> list[str]:
        """Weights of the layers that run more than once."""
        weights = [operation.weight for operation in self.operations if operation.weight]
        return sorted({weight for weight in weights if weights.count(weight) > 1})

    def _reading(self, weight: str, at: int) -> Reading:
        norm, last, now = None, at, self._only_reader(at)
        if now is not None and self.operations[now].statistics:
            norm, last, now = now, now, self._only_reader(now)
        while now is not None and self.operations[now].name in PASSING:
            now = self._only_reader(now)
        alike = now is not None and self.operations[now].shape == self.operations[at].shape
        return Reading(weight, at, norm, now if alike and self._is_sum(now) else last)

    def _only_reader(self, number: int) -> int | None:
        made = self.operations[number].made
        found = [reader for value in made for reader in self.readers.get(value, [])]
        return found[0] if len(made) == 1 and len(found) == 1 else None

    def _is_sum(self, number: int) -> bool:
        operation = self.operations[number]
        return operation.name in SUMS and len(set(operation.read)) == 2

    def ends(self) -> list[int]:
        """Operations whose outcome a later step of the network starts from: residual sums and concatenations
        of maps, each with the activation that alone reads it."""
        joins = [
            number
            for number, operation in enumerate(self.operations)
            if (operation.name in JOINS or self._is_sum(number)) and len(operation.shape or ()) > 1
        ]
        return [self.activated(number) for number in joins if self._only_reader(number) not in joins]

    def activated(self, number: int) -> int:
        """The activation that alone reads what an operation makes, or the operation itself."""
        after = self._only_reader(number)
        return number if after is None or not self._activates(after) else after

    def _activates(self, number: int) -> bool:
        operation = self.operations[number]
        return len(operation.read) == 1 and operation.name in ACTIVATIONS

    def peak(self) -> float:
        """Bytes that live at once while one image goes through, nothing kept for a backward pass."""
        last = {value: max(found) for value, found in self.readers.items()}
        sizes = {
            value: operation.bytes / len(operation.made)
            for operation in self.operations
            for value in operation.made
        }
        most = living = 0.0
        ending: dict[int, list[int]] = {}
        for number, operation in enumerate(self.operations):
            for value in operation.made:
                living += sizes[value]
                ending.setdefault(max(number, last.get(value, number)), []).append(value)
            most = max(most, living)
            living -= sum(sizes[value] for value in ending.pop(number, ()))
        return most

    def stored(self) -> float:
        """Bytes that one image leaves behind for a backward pass: of all that is made."""
        return sum(operation.bytes for operation in self.operations)


ACTIVATIONS = (
    *(
        "relu",
        "relu_",
        "relu6",
        "relu6_",
        "hardtanh",
        "hardtanh_",
        "leaky_relu",
        "leaky_relu_",
        "elu",
        "gelu",
    ),
    *("silu", "silu_", "hardswish", "hardswish_", "hardsigmoid", "sigmoid", "tanh", "mish", "prelu", "clamp"),
    *("softplus", "selu", "celu"),
)


class _Recorder(TorchFunctionMode):
    def __init__(self, model: nn.Module, batch: int):
        super().__init__()
        self.weights = {id(p): name for name, p in model.named_parameters()}
        self.buffers = {id(b): name for name, b in model.named_buffers()}
        self.values, self.batch, self.count = WeakTensorKeyDictionary(), batch, 0
        self.operations: list[Operation] = []
        self.readers: dict[int, list[int]] = {}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        read = tuple(self.values[tensor] for tensor in given if tensor in self.values)
        result = func(*args, **kwargs)
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if not made:  # a size, a flag: nothing that flows on
            return result
        number = len(self.operations)
        for value in read:
            self.readers.setdefault(value, []).append(number)
        self.operations.append(self._noted(func, args, kwargs, read, made))
        return result

    def _noted(self, func, args, kwargs, read, made: list[Tensor]) -> Operation:
        call = Call.of(func, args, kwargs)
        name = getattr(func, "__name__", "")
        numbers = []
        for tensor in made:
            self.values[tensor] = self.count
            numbers.append(self.count)
            self.count += 1
        mine = [tensor for tensor in made if tensor.dim() and tensor.shape[0] == self.batch]
        size = sum(tensor.numel() * tensor.element_size() for tensor in mine)
        return Operation(
            name=name,
            read=read,
            made=tuple(numbers),
            weight=self.weights.get(id(call.weight), "") if call else "",
            statistics=self._statistics(name, args, kwargs),
            bytes=size / self.batch,
            shape=tuple(mine[0].shape[1:]) if mine else None,
        )

    def _statistics(self, name: str, args, kwargs) -> str:
        if name != "batch_norm" or len(args) < 2 and "running_mean" not in kwargs:
            return ""
        mean = args[1] if len(args) > 1 else kwargs["running_mean"]
        return self.buffers.get(id(mean), "")


def record_forward_pass(model: nn.Module, inputs: Tensor) -> ForwardPass:
    """The operations of these inputs through the network, in evaluation mode. inputs: [N, ...]."""
    recorder = _Recorder(model, len(inputs))
    with evaluating(model), torch.no_grad():
        own = inputs.clone()
        recorder.values[own] = recorder.count
        recorder.count += 1
        with recorder:
            model(own)
        left = {id(tensor) for tensor in recorder.values} - {id(own)}
    keeps = bool(left - {id(tensor) for tensor in (*model.parameters(), *model.buffers())})
    return ForwardPass(tuple(recorder.operations), recorder.readers, keeps)


def kept_outputs(plan: Plan, whole: Operation, cut: Operation) -> np.ndarray | None:
    """[channels of the cut one]: which of the whole network's outputs of a layer are left; None where that
    can't be told (a grouped transposed convolution)."""
    if whole.channels == cut.channels:
        return np.arange(whole.channels)
    dims, read = plan.by_tensor.get(whole.weight, {}), plan.reads.get(whole.weight)
    fitting = [kept for d, kept in dims.items() if d != read and len(kept) == cut.channels]
    return next((kept for kept in fitting if max(kept, default=0) < whole.channels), None)
