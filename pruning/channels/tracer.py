"""The tracer: watches one forward pass and keeps every tensor's channel ids up to date."""

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from pruning.channels.ids import TIE, Trace, along, compact, constant, flat
from pruning.channels.operations import follow


class Tracer(TorchFunctionMode):
    """Runs while the model does, and keeps `trace` up to date. One forward pass a tracer."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.trace = Trace()
        self.ids = WeakTensorKeyDictionary()
        self.owners: dict[int, tuple[str, torch.Tensor]] = {}  # id(parameter or buffer) -> its dotted name
        self.stack: list[str] = [""]
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            self.owners.setdefault(id(tensor), (name, tensor))

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in ("__get__", "__set__"):  # attributes such as .shape, .T and .data
            return self._attribute(func, args, kwargs)
        result = func(*args, **kwargs)
        outputs = [t for t in flat(result) if isinstance(t, torch.Tensor)]
        if outputs:
            follow(self, name, func, args, kwargs, outputs)
        return result

    def _attribute(self, func, args, kwargs):
        result = func(*args, **kwargs)
        source = args[0] if args else None
        if isinstance(result, torch.Tensor) and isinstance(source, torch.Tensor) and result is not source:
            if id(result) not in self.owners and result.shape == source.shape:  # .data, .real
                self.put(result, self.ids_of(source))
            elif id(result) not in self.owners and result.dim() == source.dim():  # .T, .mT, .H
                swapped = self.ids_of(source).transpose(-1, -2) if source.dim() > 1 else self.ids_of(source)
                self.put(result, swapped if swapped.shape == result.shape else constant(result.shape))
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
        self.blind()
        return self.put(tensor, constant(tensor.shape))

    def _ids_of_parameter(self, tensor: torch.Tensor) -> torch.Tensor:
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
        where = self.stack[-1] or "the network"
        why = f"a tensor in {where} came from outside torch's operations, so its channels cannot be followed"
        for ids in list(self.ids.values()):
            self.trace.fix(ids, why)
        self.trace.notes.append(why)

    def channel_ids(self, ids: torch.Tensor, dimension: int) -> torch.Tensor:
        """One id per index of a dimension; ids that share an index are united."""
        size = ids.shape[dimension]
        rows = compact(ids).movedim(dimension, 0)
        rows = rows.reshape(rows.shape[0], -1)
        if rows.shape[1] > 1:
            rows = torch.unique(rows, dim=1)
            for column in rows[:, 1:].T:
                self.trace.unite(rows[:, 0], column, TIE)
        return rows[:, 0].expand(size).clone()

    def leave(self) -> None:
        self.stack.pop()

    def slot(self, tensor: torch.Tensor | None, dimension: int, ids: torch.Tensor):
        """Notes that `ids` index a dimension of a parameter; one that is computed from others cannot follow a
        cut."""
        if tensor is None:
            return
        if id(tensor) not in self.owners:
            where = self.stack[-1] or "the network"
            self.trace.fix(ids, f"derived weight: {where} computes its weight from other tensors")
            return
        slots = self.trace.slots.setdefault(self.owners[id(tensor)][0], {})
        if dimension in slots:
            self.trace.unite(torch.from_numpy(slots[dimension]), ids, TIE)
        else:
            slots[dimension] = ids.numpy()


def run_traced(model: nn.Module, example: tuple) -> Trace:
    """One forward pass in eval mode; the model comes out in the mode it came in, also after an exception."""
    tracer = Tracer(model)
    handles, was_training = [], {module: module.training for module in model.modules()}
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule) or type(module).__name__ == "TopLevelTracedModule":
            raise ValueError(
                f"{name or 'the network'} is a scripted or traced module; give the original nn.Module"
            )
        handles.append(module.register_forward_pre_hook(lambda *_, name=name: tracer.stack.append(name)))
        handles.append(module.register_forward_hook(lambda *_: tracer.leave(), always_call=True))
    try:
        model.eval()
        for tensor in flat(example):
            if isinstance(tensor, torch.Tensor):
                tracer.put(tensor, constant(tensor.shape))
        with torch.no_grad(), tracer:
            output = model(*example)
        for tensor in flat(output):
            if isinstance(tensor, torch.Tensor):
                tracer.trace.fix(tracer.ids_of(tensor), "it is the network's output")
    finally:
        for handle in handles:
            handle.remove()
        for module, training in was_training.items():
            module.training = training
    return tracer.trace
