"""Modules that compute outside PyTorch's operations: scripted ones, and autograd functions with kernels of
their own. What cannot be looked into is tried out, or fixes what goes in."""

import torch
from torch import nn

from pruning.channels.ids import constant, flat
from pruning.channels.tensor_ids import TensorIds
from pruning.channels.unknown_operations import kept_apart


def hidden(module: nn.Module) -> str:
    """Why the operations inside a module cannot be seen; empty where they can."""
    if isinstance(module, torch.jit.ScriptModule):
        return "is scripted or traced, and cannot be looked into"
    return ""


def own_function(module: nn.Module) -> str:
    """The autograd function that a module's code names, if it does: one may leave PyTorch's operations."""
    code = getattr(type(module).forward, "__code__", None)
    known = getattr(type(module).forward, "__globals__", {})
    for name in code.co_names if code else ():
        named = known.get(name)
        if isinstance(named, type) and issubclass(named, torch.autograd.Function):
            return name
    return ""


def tried_out(tracer: TensorIds, module: nn.Module, inputs: tuple, named: dict, output):
    """After a module with an autograd function of its own, which may compute outside PyTorch's operations:
    what is not known of its answers is tried out, and a parameter that nobody saw fixes what went in."""
    outputs = [t for t in flat(output) if isinstance(t, torch.Tensor)]
    function, name = own_function(module), tracer.where()
    prefix = "" if name == "the network" else f"{name}."
    alone = not any(module.children())  # else a parameter may only run in training
    unseen = alone and any(
        prefix + n not in tracer.reached for n, _ in module.named_parameters(recurse=False)
    )
    if not unseen and all(map(tracer.known, outputs)):
        return
    given = [t for t in flat((inputs, named)) if isinstance(t, torch.Tensor)]
    ids = [tracer.ids_of(t) for t in given]
    found = None if unseen else kept_apart(module.forward, inputs, named, ids, outputs)
    if found is not None and len(ids) == 1 and all(kept is not None for kept in found[0]):
        for result, kept in zip(outputs, found[0], strict=True):
            tracer.put(result, kept)
        return
    why = f"{name} computes with its own autograd function {function}, which cannot be looked into"
    tracer.trace.notes.append(why)
    for result in outputs:
        if not tracer.known(result):
            tracer.put(result, constant(result.shape))
    for touched in (*ids, *map(tracer.ids_of, outputs)):
        tracer.trace.fix(touched, why)


def watched_from_outside(tracer: TensorIds, module: nn.Module, why: str) -> list:
    """Hooks that fix what goes into a module, and take what comes out as constant."""

    def before(_, inputs, named):
        with torch._C.DisableTorchFunction():  # else the tracer would see its own work
            for tensor in flat((inputs, named)):
                if isinstance(tensor, torch.Tensor):
                    tracer.trace.fix(tracer.ids_of(tensor), why)
        tracer.trace.notes.append(why)
        tracer.opaque += 1

    def after(_, inputs, output):
        tracer.opaque -= 1
        for tensor in flat(output):
            if isinstance(tensor, torch.Tensor):
                tracer.put(tensor, constant(tensor.shape))

    # by the class: a scripted module refuses the same call on itself
    return [
        nn.Module.register_forward_pre_hook(module, before, with_kwargs=True),
        nn.Module.register_forward_hook(module, after),
    ]
