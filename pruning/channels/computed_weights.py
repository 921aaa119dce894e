"""Layers that compute their weight in their own forward (standardised, scaled, masked, binarised), as plain
ones: with the weight that they were seen to use, where that is the same for every input."""

from typing import Any

import torch
from torch import nn
from torch.nn.utils import skip_init
from torch.overrides import TorchFunctionMode

from pruning.channels.opaque_modules import hidden
from pruning.channels.tracer import answered

LAYERS: dict[str, type] = {  # what computes, and the layer that does so with a weight of its own
    "conv1d": nn.Conv1d,
    "conv2d": nn.Conv2d,
    "conv3d": nn.Conv3d,
    "conv_transpose1d": nn.ConvTranspose1d,
    "conv_transpose2d": nn.ConvTranspose2d,
    "conv_transpose3d": nn.ConvTranspose3d,
    "linear": nn.Linear,
}
ARGUMENTS = {  # of what convolves, by dimensions and not; in torch's order
    False: ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    True: ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
}
Calls = list[tuple[str, dict[str, Any]]]


class Watched(TorchFunctionMode):
    """While it is on, notes what each of some modules computes with, and makes a plain layer that does the
    same.

    found: {module: its plain layer}, None where one call or another was answered otherwise."""

    def __init__(self, modules: list[nn.Module]) -> None:
        super().__init__()
        self.modules, self.inside = modules, list[Calls]()
        self.found: dict[nn.Module, nn.Module | None] = {}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        if name in LAYERS and self.inside:
            names = ARGUMENTS["transpose" in name]
            self.inside[-1].append((name, dict(zip(names, args, strict=False)) | kwargs))
        return func(*args, **kwargs)

    def __enter__(self):
        self.handles = [module.register_forward_pre_hook(self._enter) for module in self.modules]
        self.handles += [module.register_forward_hook(self._leave) for module in self.modules]
        return super().__enter__()

    def __exit__(self, *raised):
        for handle in self.handles:
            handle.remove()
        return super().__exit__(*raised)

    def _enter(self, *_: Any) -> None:
        self.inside.append([])

    def _leave(self, module: nn.Module, inputs: tuple, output: Any) -> None:
        calls = self.inside.pop()
        if module not in self.found:
            self.found[module] = layer_of(module, calls)
        layer = self.found[module]
        if layer is not None and not answers_the_same(layer, inputs, output):
            self.found[module] = None


def layer_of(module: nn.Module, calls: Calls) -> nn.Module | None:
    """The plain layer of the one convolution or linear layer that ran in a module; None where there were
    more, or none, or its weight is the module's own."""
    if len(calls) != 1:
        return None
    (kind, given) = calls[0]
    weight, bias = given["weight"], given.get("bias")
    if any(weight is own for own in (*module.parameters(), *module.buffers())):
        return None
    options = {name: given[name] for name in ARGUMENTS["transpose" in kind][3:] if name in given}
    first, second = weight.shape[:2]
    widths = (first, second * options.get("groups", 1))  # what is read, and written
    widths = widths if "transpose" in kind else widths[::-1]
    size = {} if kind == "linear" else {"kernel_size": tuple(weight.shape[2:])}
    options |= {"bias": bias is not None, "device": weight.device, "dtype": weight.dtype}
    layer = skip_init(LAYERS[kind], *widths, **size, **options)
    layer.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone())
    return layer


def answers_the_same(layer: nn.Module, inputs: tuple, output: Any) -> bool:
    if len(inputs) != 1 or not isinstance(output, torch.Tensor):
        return False
    try:
        own = layer(*inputs)
    except (RuntimeError, TypeError):  # of another number of channels, or no tensor
        return False
    near = 1e-5 * float(output.abs().max()) if output.numel() else 0.0
    return own.shape == output.shape and torch.allclose(own, output, rtol=1e-4, atol=near)


def plain_layers(model: nn.Module, examples: list[tuple | dict]) -> dict[nn.Module, nn.Module]:
    """{module: the plain layer that answers what it does to every example}, of those that compute a weight.

    Raises ValueError where the network does not run on an example."""
    with Watched([module for module in model.modules() if may_compute_its_weight(module)]) as watched:
        for example in examples:
            with torch.no_grad():
                answered(model, example)
    return {module: layer for module, layer in watched.found.items() if layer is not None}


def may_compute_its_weight(module: nn.Module) -> bool:
    """It has parameters and no modules in it, and a forward that can be looked into and is not torch's."""
    if hidden(module):
        return False
    own = not type(module).forward.__module__.startswith("torch.")
    return own and not any(module.children()) and any(True for _ in module.parameters())


def replaced(model: nn.Module, layers: dict[nn.Module, nn.Module]) -> nn.Module:
    """The network with layers in the places of others, wherever these stand; in place, but for a network that
    is one of them itself."""
    for parent in model.modules():
        for name, child in parent._modules.items():
            if child in layers:
                parent._modules[name] = layers[child]
    return layers.get(model, model)
