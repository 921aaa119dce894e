"""The bookkeeping of a traced pass: which channel ids every tensor carries, and what is known of where it
came from. What operations do to the ids is in layers, layout, reductions, operations and in-place writes."""

from typing import Any

import torch
from torch import nn
from torch.utils.weak import WeakTensorKeyDictionary

from pruning.channels.ids import TIE, Trace, along, compact, constant, flat
from pruning.channels.module_attributes import PADDINGS, bare_widths, plain_tensors, stated_paddings
from pruning.channels.structure import DERIVED


class TensorIds:
    """The ids of every tensor of one pass, beside `trace`, which stays when the tensors are gone.

    example: what the model is run on.   made: tensors that hang on no example, and whether on parameters
    of several dimensions.
    """

    def __init__(self, model: nn.Module, example: tuple | dict):
        super().__init__()
        self.trace, self.batch = Trace(), batch_of(example)
        self.given: Any = next((t for t in flat(example) if isinstance(t, torch.Tensor)), None)
        self.unbatched: bool | None = None  # not known before the first convolution
        self.ids, self.made = WeakTensorKeyDictionary(), WeakTensorKeyDictionary()
        self.asked = WeakTensorKeyDictionary()  # answers to a question of all channels, with what it was of
        self.owners: dict[int, tuple[str, torch.Tensor]] = {}  # id(parameter or buffer) -> its dotted name
        self.stack: list[str] = [""]
        self.constants: dict[int, torch.Tensor] = {}
        self.opaque = 0  # how many modules that cannot be seen into are running now
        self.reached: set[str] = set()  # parameters and buffers that an operation was given
        self.training = False  # whether a copy now runs in training mode, for heads that run only there
        self.adopt(model)

    def adopt(self, model: nn.Module) -> None:
        """Takes a network's tensors for what their names say; a copy's are then the same as the network's."""
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            self.owners.setdefault(id(tensor), (name, tensor))
        self.buffers = {name for name, _ in model.named_buffers()}
        self.widths = dict(bare_widths(model))
        self.paddings = dict(stated_paddings(model))
        self.constants |= {id(tensor): tensor for tensor in plain_tensors(model)}

    def where(self) -> str:
        """The module that runs now, as messages call it."""
        return self.stack[-1] or "the network"

    def ids_of(self, tensor: torch.Tensor) -> torch.Tensor:
        """The ids of a tensor. A parameter or buffer that is a vector gets ids of its own, since it may be
        one entry a channel (a learned scale, a padding); any other is constant; an unknown one fixes what is
        alive."""
        known = self.ids.get(tensor)
        if known is not None and known.shape == tensor.shape:
            return known
        if id(tensor) in self.owners:
            return self._ids_of_parameter(tensor)
        if id(tensor) in self.constants:
            return constant(tensor.shape)
        self.blind()
        return self.put(tensor, constant(tensor.shape))

    def known(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor was given, is the network's, or came out of an operation that was seen."""
        return tensor in self.ids or id(tensor) in self.owners or id(tensor) in self.constants

    def owned(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor hangs on no example: a weight, or what is computed from weights alone."""
        return id(tensor) in self.owners or id(tensor) in self.constants or tensor in self.made

    def united(self, ids: torch.Tensor) -> torch.Tensor:
        """The same ids, with one number for all that are united so far, where they vary in several
        dimensions."""
        shadow = compact(ids)
        if sum(size > 1 for size in shadow.shape) < 2:
            return ids
        return compact(torch.from_numpy(self.trace.classes())[shadow], every=True).expand(ids.shape)

    def repeated(self, weight: torch.Tensor, channels: int) -> bool:
        """Whether a derived weight is the same kernels for every channel."""
        each = weight.reshape(channels, -1)
        return id(weight) not in self.owners and self.owned(weight) and bool((each == each[:1]).all())

    def as_own(self, matrix: torch.Tensor) -> tuple[torch.Tensor, bool]:
        """The network's own matrix of which this is the transposed view, and whether it is one: a weight that
        is used the other way round. Else the matrix itself."""
        if id(matrix) not in self.owners and matrix.dim() == 2:
            for _, own in self.owners.values():
                if own.data_ptr() == matrix.data_ptr() and own.shape == matrix.shape[::-1]:
                    if own.stride() == matrix.stride()[::-1]:
                        return own, True
        return matrix, False

    def holding(self, memory: torch.UntypedStorage) -> list[str]:
        """The network's own tensors that lie in a memory."""
        own = self.owners.values()
        return [name for name, t in own if t.untyped_storage().data_ptr() == memory.data_ptr()]

    def settle_batch(self, input: torch.Tensor, weight: torch.Tensor) -> None:
        """At the first convolution: whether the example is one image without a batch dimension."""
        if self.unbatched is None:
            alone = self.given is not None and self.given.dim() == weight.dim() - 1
            self.unbatched = alone and (input.dim() < weight.dim() or len(input) == 1 != len(self.given))
            self.batch = 1 if self.unbatched else self.batch

    def of_one(self, tensor: torch.Tensor) -> tuple[int, ...]:
        """The shape of a tensor for one image."""
        return tuple(tensor.shape if self.unbatched else tensor.shape[1:])

    def _ids_of_parameter(self, tensor: torch.Tensor) -> torch.Tensor:
        self.reached.add(self.owners[id(tensor)][0])
        long = [d for d, size in enumerate(tensor.shape) if size > 1]
        if len(long) != 1:
            return constant(tensor.shape)
        slots = self.trace.slots.setdefault(self.owners[id(tensor)][0], {})
        if long[0] not in slots:
            slots[long[0]] = self.trace.mint(tensor.shape[long[0]]).numpy()
        return along(torch.from_numpy(slots[long[0]]), long[0], tensor.shape)

    def put(self, tensor: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        self.ids[tensor] = ids.expand(tensor.shape)
        return self.ids[tensor]

    def blind(self) -> None:
        """A tensor came from where no operation was seen: nothing that is alive may be cut."""
        why = f"a tensor in {self.where()} came from outside PyTorch's operations, and cannot be followed"
        for ids in list(self.ids.values()):
            self.trace.fix(ids, why)
        self.trace.notes.append(why)

    def channel_ids(self, ids: torch.Tensor, dimension: int) -> torch.Tensor:
        """One id per index of a dimension; ids that share an index are united."""
        size = ids.shape[dimension]
        rows = compact(ids).movedim(dimension, 0)
        rows = rows.reshape(rows.shape[0], -1)
        if not rows.numel():
            return torch.zeros(size, dtype=torch.long)  # nothing came by, so nothing is known
        highest = rows.amax(1)  # not a constant, where some places of a channel were written over
        if rows.shape[1] > 1:
            self.trace.unite(highest[:, None], rows, TIE)
        return highest.expand(size).clone()

    def leave(self, *_: Any) -> None:
        self.stack.pop()

    def slot(self, tensor: torch.Tensor | None, dimension: int, ids: torch.Tensor) -> None:
        """Notes that `ids` index a dimension of a parameter; one that is computed from others cannot follow a
        cut."""
        if tensor is None:
            return
        if id(tensor) not in self.owners:
            self.trace.fix(ids, f"{DERIVED}: {self.where()} computes its weight from other tensors")
            return
        self.reached.add(self.owners[id(tensor)][0])
        slots = self.trace.slots.setdefault(self.owners[id(tensor)][0], {})
        if dimension in slots:
            self.trace.unite(torch.from_numpy(slots[dimension]), ids, TIE)
        else:
            slots[dimension] = ids.numpy()

    def bare(self, ids: torch.Tensor) -> None:
        """Notes what a norm without tensors runs on, where it states how many channels these are."""
        width, stated = self.widths.get(self.stack[-1], ("", 0))
        if stated == len(ids):
            slots = self.trace.slots.setdefault(f"{self.stack[-1]}.{width}", {})
            if 0 in slots:
                self.trace.unite(torch.from_numpy(slots[0]), ids, TIE)
            else:
                slots[0] = ids.numpy()

    def stated_padding(self, before: int, after: int) -> tuple[torch.Tensor, ...] | None:
        """The ids of channels that the module which runs now puts before and after those it is given, where
        it states how many these are; None where it does not."""
        if self.paddings.get(self.stack[-1]) != (before, after):
            return None
        return tuple(
            self._ids_of_stated(f"{self.stack[-1]}.{name}", number)
            for name, number in zip(PADDINGS, (before, after), strict=True)
        )

    def _ids_of_stated(self, name: str, number: int) -> torch.Tensor:
        slots = self.trace.slots.setdefault(name, {}) if number else {}
        if 0 not in slots:
            slots[0] = self.trace.mint(number).numpy()
        return torch.from_numpy(slots[0])


def batch_of(example: tuple | dict) -> int:
    """Images in an example: the first tensor's leading dimension, or how many tensors a list holds."""
    leading = next(iter(example.values() if isinstance(example, dict) else example), None)
    if isinstance(leading, (list, tuple)):
        return max(1, len(leading))
    first = next((t for t in flat(example) if isinstance(t, torch.Tensor) and t.dim()), None)
    return 1 if first is None else max(1, first.shape[0])
