"""The tracer: watches one forward pass and keeps every tensor's channel ids up to date."""

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from pruning.channels.ids import Untraceable, constant, flat
from pruning.channels.in_place_writes import assign
from pruning.channels.opaque_modules import hidden, own_function, tried_out, watched_from_outside
from pruning.channels.operations import follow
from pruning.channels.random_draws import SETTLED
from pruning.channels.tensor_ids import TensorIds
from pruning.error_messages import first_line
from pruning.models.module_modes import evaluating

OUTPUT = "it is the network's output"
LEAVING = frozenset("numpy __array__ tolist item __dlpack__".split())


class Tracer(TensorIds, TorchFunctionMode):
    """Runs while the model does, and keeps `trace` up to date. One forward pass a tracer, and another where
    heads run only in training."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in ("__get__", "__set__"):  # attributes such as .shape, .T and .data
            return self._attribute(func, args, kwargs)
        if name in SETTLED:
            with self:
                return SETTLED[name](func, *args, **kwargs)
        if closed := getattr(func, "closed", None):  # a layer without channels: constants, no convolution
            with self:
                return closed(*args, **kwargs)
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

    def leave_own_function(self, module: nn.Module, inputs: tuple, named: dict, output) -> None:
        with torch._C.DisableTorchFunction():  # else the tracer would see its own work
            if not self.opaque:
                tried_out(self, module, inputs, named, output)
        self.stack.pop()


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
