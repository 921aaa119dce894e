"""The tracer: watches one forward pass and keeps every tensor's channel ids up to date."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from pruning.channels.chance import SETTLED
from pruning.channels.held import bare_widths, plain_tensors
from pruning.channels.ids import TIE, Trace, Untraceable, along, compact, constant, flat
from pruning.channels.operations import follow
from pruning.channels.outside import hidden, own_function, tried_out, watched_from_outside
from pruning.channels.writes import assign
from pruning.wording import first_line

OUTPUT = "it is the network's output"
LEAVING = frozenset("numpy __array__ tolist item __dlpack__".split())


class Tracer(TorchFunctionMode):
    """Runs while the model does, and keeps `trace` up to date. One forward pass a tracer, and another where
    heads run only in training.

    example: what the model is run on.   made: tensors that hang on no example, and whether on parameters
    of several dimensions.
    """

    def __init__(self, model: nn.Module, example: tuple | dict):
        super().__init__()
        self.trace, self.batch = Trace(), batch_of(example)
        self.given = next((t for t in flat(example) if isinstance(t, torch.Tensor)), None)
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

    def adopt(self, model: nn.Module):
        """Takes a network's tensors for what their names say; a copy's are then the same as the network's."""
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            self.owners.setdefault(id(tensor), (name, tensor))
        self.buffers = {name for name, _ in model.named_buffers()}
        self.widths = dict(bare_widths(model))
        self.constants |= {id(tensor): tensor for tensor in plain_tensors(model)}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in ("__get__", "__set__"):  # attributes such as .shape, .T and .data
            return self._attribute(func, args, kwargs)
        if name in SETTLED:
            with self:
                return SETTLED[name](func, *args, **kwargs)
        result = func(*args, **kwargs)
        outputs = [t for t in flat(result) if isinstance(t, torch.Tensor)]
        if self.opaque:
            pass
        elif name == "__setitem__":
            assign(self, *args)
        elif outputs:
            follow(self, name, func, args, kwargs, outputs)
        elif name in LEAVING:
            why = f"{self.where()} takes its values out of PyTorch by {name}(), where they cannot be followed"
            self.trace.fix(self.ids_of(args[0]), why)
        return result

    def where(self) -> str:
        """The module that runs now, as messages call it."""
        return self.stack[-1] or "the network"

    def _attribute(self, func, args, kwargs):
        result = func(*args, **kwargs)
        source = args[0] if args else None
        if len(args) > 1 and isinstance(args[1], torch.Tensor) and args[1].shape == source.shape:
            self.put(source, self.ids_of(args[1]))  # .data = other
        if isinstance(result, torch.Tensor) and isinstance(source, torch.Tensor) and result is not source:
            if id(result) not in self.owners and result.shape == source.shape:  # .data, .real
                self.put(result, self.ids_of(source))
            elif id(result) not in self.owners and result.dim() == source.dim():  # .T, .mT, .H
                swapped = self.ids_of(source).transpose(-1, -2) if source.dim() > 1 else self.ids_of(source)
                self.put(result, swapped if swapped.shape == result.shape else constant(result.shape))
            if id(result) not in self.owners and self.owned(source):
                self.made[result] = self.made.get(source, True)
        return result

    # -------------------------------------------------------------------------------------- ids of tensors

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

    def holding(self, memory: torch.UntypedStorage) -> list[str]:
        """The network's own tensors that lie in a memory."""
        own = self.owners.values()
        return [name for name, t in own if t.untyped_storage().data_ptr() == memory.data_ptr()]

    def settle_batch(self, input: torch.Tensor, weight: torch.Tensor):
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

    def blind(self):
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

    def leave(self, *_) -> None:
        self.stack.pop()

    def leave_own_function(self, module: nn.Module, inputs: tuple, named: dict, output) -> None:
        with torch._C.DisableTorchFunction():  # else the tracer would see its own work
            if not self.opaque:
                tried_out(self, module, inputs, named, output)
        self.stack.pop()

    def slot(self, tensor: torch.Tensor | None, dimension: int, ids: torch.Tensor):
        """Notes that `ids` index a dimension of a parameter; one that is computed from others cannot follow a
        cut."""
        if tensor is None:
            return
        if id(tensor) not in self.owners:
            self.trace.fix(ids, f"derived weight: {self.where()} computes its weight from other tensors")
            return
        self.reached.add(self.owners[id(tensor)][0])
        slots = self.trace.slots.setdefault(self.owners[id(tensor)][0], {})
        if dimension in slots:
            self.trace.unite(torch.from_numpy(slots[dimension]), ids, TIE)
        else:
            slots[dimension] = ids.numpy()

    def bare(self, ids: torch.Tensor):
        """Notes what a norm without tensors runs on, where it states how many channels these are."""
        width, stated = self.widths.get(self.stack[-1], ("", 0))
        if stated == len(ids):
            slots = self.trace.slots.setdefault(f"{self.stack[-1]}.{width}", {})
            if 0 in slots:
                self.trace.unite(torch.from_numpy(slots[0]), ids, TIE)
            else:
                slots[0] = ids.numpy()


def answered(model: nn.Module, example: tuple | dict):
    """The network's answer; whatever it raises becomes one sentence."""
    try:
        return model(**example) if isinstance(example, dict) else model(*example)
    except Untraceable:
        raise
    except Exception as error:
        shape = [tuple(t.shape) for t in flat(example) if isinstance(t, torch.Tensor)]
        reason = first_line(error)
        raise ValueError(f"the network does not run on an example of shape {shape}: {reason}") from error


def run_traced(model: nn.Module, example: tuple | dict) -> Tracer:
    """One forward pass in eval mode; the model comes out in the mode it came in, also after an exception."""
    tracer = Tracer(model, example)
    with evaluating(model):
        traced(tracer, model, example)
    return tracer


def traced(tracer: Tracer, model: nn.Module, example: tuple | dict):
    """One forward pass under a tracer, in the mode that the model is in."""
    handles = []
    for name, module in model.named_modules():
        why = hidden(module)
        if why:
            handles += watched_from_outside(tracer, module, f"{name or 'the network'} {why}")
        elif not isinstance(module, torch.jit.ScriptModule):
            handles.append(module.register_forward_pre_hook(lambda *_, name=name: tracer.stack.append(name)))
            own = bool(own_function(module))
            leave = tracer.leave_own_function if own else tracer.leave
            handles.append(module.register_forward_hook(leave, with_kwargs=own, always_call=True))
    try:
        for tensor in flat(example):
            if isinstance(tensor, torch.Tensor):
                tracer.put(tensor, constant(tensor.shape))
        with torch.no_grad(), tracer:
            output = answered(model, example)
        for tensor in flat(output):
            if isinstance(tensor, torch.Tensor):
                tracer.trace.fix(tracer.ids_of(tensor), OUTPUT)
        tracer.trace.unbatched = bool(tracer.unbatched)
    finally:
        for handle in handles:
            handle.remove()


def batch_of(example: tuple | dict) -> int:
    """Images in an example: the first tensor's leading dimension, or how many tensors a list holds."""
    leading = next(iter(example.values() if isinstance(example, dict) else example), None)
    if isinstance(leading, (list, tuple)):
        return max(1, len(leading))
    first = next((t for t in flat(example) if isinstance(t, torch.Tensor) and t.dim()), None)
    return 1 if first is None else max(1, first.shape[0])


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; every module comes back to the mode it was in, also after an exception."""
    was_training = {module: module.training for module in model.modules()}
    try:
        model.eval()
        yield
    finally:
        for module, training in was_training.items():
            module.training = training
