"""Layers that compute their weight in their own forward (standardised, scaled, masked, binarised), as plain
ones: with the weight that they were seen to use, where that is the same for every input."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import skip_init
from torch.overrides import TorchFunctionMode

from pruning.channels.ids import flat
from pruning.channels.opaque_modules import hidden
from pruning.channels.random_state import own_random_numbers
from pruning.channels.tracer import answered
from pruning.models.module_modes import evaluating

LAYERS: dict[str, type] = {  # what computes, and the layer that does so with a weight of its own
    "conv1d": nn.Conv1d,
    "conv2d": nn.Conv2d,
    "conv3d": nn.Conv3d,
    "conv_transpose1d": nn.ConvTranspose1d,
    "conv_transpose2d": nn.ConvTranspose2d,
    "conv_transpose3d": nn.ConvTranspose3d,
    "linear": nn.Linear,
}
ARGUMENTS = {  # of what convolves, transposed or not; in torch's order
    False: ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    True: ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
}
Calls = list[tuple[str, dict[str, Any]]]
Layers = dict[nn.Module, nn.Module]  # what stands there: its plain layer
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


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
        if layer is not None and not answers_the_same(layer, module, inputs, output):
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
    if isinstance(module, _ConvNd) and module.padding_mode != "zeros":  # it has padded what it read
        options |= {"padding": module.padding, "padding_mode": module.padding_mode}
    options |= {"bias": bias is not None, "device": weight.device, "dtype": weight.dtype}
    layer = skip_init(LAYERS[kind], *widths, **size, **options)
    trained = any(parameter.requires_grad for parameter in module.parameters())
    layer.weight = nn.Parameter(weight.detach().clone(), requires_grad=trained)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone(), requires_grad=trained)
    return layer


def answers_the_same(layer: nn.Module, module: nn.Module, inputs: tuple, output: Any) -> bool:
    """On what it was given, and on random numbers of a larger size where it slides over places."""
    if len(inputs) != 1 or not isinstance(inputs[0], torch.Tensor) or not isinstance(output, torch.Tensor):
        return False
    (given,) = inputs
    sides = layer.weight.dim() - 2
    shape = [*given.shape[: given.dim() - sides], *(side + 3 for side in given.shape[given.dim() - sides :])]
    try:
        other = torch.randn(shape, device=given.device).to(given.dtype)
        return alike(layer(given), output) and alike(layer(other), module.forward(other))
    except Exception:  # of another number of channels, or what it was not made for
        return False


def alike(one: Any, other: Any) -> bool:
    """Whether two answers are the same but for rounding."""
    answers = [[part for part in flat(each) if isinstance(part, torch.Tensor)] for each in (one, other)]
    return [(t.shape, t.dtype) for t in answers[0]] == [(t.shape, t.dtype) for t in answers[1]] and all(
        torch.allclose(a, b, rtol=1e-4, atol=rounding_of(b), equal_nan=True)
        for a, b in zip(*answers, strict=True)
    )


def rounding_of(tensor: torch.Tensor) -> float:
    finite = tensor[torch.isfinite(tensor)]
    return 1e-5 * float(finite.abs().max()) if finite.numel() else 0.0


def with_plain_layers(model: nn.Module, example: tuple | dict, another: tuple | dict) -> nn.Module:
    """The network, in place (but one that is such a layer itself), with a plain layer in the place of every
    one that computes its weight, as long as the network answers both examples as before.

    Raises ValueError where it does not run on the first; the other is then left out."""
    with Watched([module for module in model.modules() if may_compute_its_weight(module)]) as watched:
        answers = [(example, run(model, example))]
        try:
            answers.append((another, run(model, another)))
        except ValueError:
            watched.inside.clear()
    layers = {module: layer for module, layer in watched.found.items() if layer is not None}
    whole = exchanged(model, layers, answers)
    if whole is not None:
        return whole
    for module, layer in layers.items():  # a layer may be used in other ways beside
        whole = exchanged(model, {module: layer}, answers)
        model = model if whole is None else whole
    return model


def run(model: nn.Module, example: tuple | dict) -> Any:
    device = next(tensor.device for tensor in flat(example) if isinstance(tensor, torch.Tensor))
    with evaluating(model), torch.no_grad(), own_random_numbers(device):
        return answered(model, example)


def may_compute_its_weight(module: nn.Module) -> bool:
    """It has parameters and no modules in it, nobody listens to it, and its forward can be looked into and is
    not torch's."""
    if hidden(module) or any(module.children()) or any(getattr(module, hooks) for hooks in HOOKS):
        return False
    own = not (type(module).forward.__module__ or "").startswith("torch.")
    return own and any(True for _ in module.parameters())


def exchanged(
    model: nn.Module, layers: Layers, answers: Sequence[tuple[tuple | dict, Any]]
) -> nn.Module | None:
    """The network with these layers in the place of those; None, and as it was, where it then answers
    otherwise, or still runs one of those. answers: an example and the answer to it, each."""
    for module, layer in layers.items():
        layer.training = module.training
    whole, called = replaced(model, layers), []
    handles = [module.register_forward_pre_hook(lambda *_: called.append(True)) for module in layers]
    try:
        if all(alike(run(whole, example), answer) for example, answer in answers) and not called:
            return whole
    except ValueError:  # it reads something of that layer which a plain one does not have
        pass
    finally:
        for handle in handles:
            handle.remove()
    replaced(whole, {layer: module for module, layer in layers.items()})
    return None


def replaced(model: nn.Module, layers: Layers) -> nn.Module:
    """The network with layers in the places of others, wherever these stand."""
    for parent in model.modules():
        for name, child in parent._modules.items():
            if child in layers:
                parent._modules[name] = layers[child]
    return layers.get(model, model)
