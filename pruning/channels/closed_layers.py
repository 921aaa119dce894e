"""Layers without channels: what they answer, since PyTorch's own refuse to run.

To who watches a network's operations each is one operation of the open layer's name, with the same
arguments: so a network with closed layers does the same operations as the whole one, one by one.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.overrides import handle_torch_function, has_torch_function

CONVOLUTIONS = nn.modules.conv._ConvNd
BATCH_NORMS = nn.modules.batchnorm._NormBase
NORMS = (BATCH_NORMS, nn.GroupNorm, nn.PReLU)


def close(module: nn.Module):
    """Has a layer of which no channels are left answer what it then computes: a convolution its bias, a norm
    (or a rectifier with a slope a channel) nothing at all. Its class, and so what it is to others, stays."""
    if isinstance(module, CONVOLUTIONS):
        module.forward = Constant(module)
    elif isinstance(module, NORMS):
        module.forward = Unchanged(module)


def _name(module: nn.Module) -> str:
    if isinstance(module, nn.PReLU):
        return "prelu"
    if isinstance(module, nn.GroupNorm):
        return "group_norm"
    return "instance_norm" if "Instance" in type(module).__name__ else "batch_norm"


class Constant:
    """What a convolution without channels answers: [N, out, ...] of its bias, or of zeros.

    An object, not a method: it is copied and pickled with its layer. The shape is computed, so that a trace
    with a dynamic batch or size stays one.
    """

    def __init__(self, layer: nn.Module):
        self.layer = layer

    def __call__(self, input: torch.Tensor, output_size=None) -> torch.Tensor:
        layer, spatial = self.layer, len(self.layer.kernel_size)
        name, last = f"conv{spatial}d", [layer.dilation, layer.groups]
        if layer.transposed:
            name, last = f"conv_transpose{spatial}d", [layer.output_padding, layer.groups, layer.dilation]

        def answer(input, weight=None, bias=None, *args, **kwargs):
            places = [_positions(layer, input, d) for d in range(spatial)]
            if output_size is not None:
                places = list(output_size)[-spatial:]
            constant = input.new_zeros(input.shape[0], layer.out_channels, *places)
            if bias is not None and layer.out_channels:
                constant = constant + bias.view(-1, *[1] * spatial)
            return constant

        return _as_one(name, answer)(input, layer.weight, layer.bias, layer.stride, layer.padding, *last)


def _positions(layer, input: torch.Tensor, dimension: int) -> int:
    """How many places a convolution's answer has along a dimension (0: the first after the channels), as
    PyTorch's documentation of Conv2d and ConvTranspose2d has it."""
    size, stride = input.shape[2 + dimension], layer.stride[dimension]
    reach = layer.dilation[dimension] * (layer.kernel_size[dimension] - 1)  # from a kernel's first to last
    if layer.padding == "same":  # strides are 1
        return size
    padded = 0 if layer.padding == "valid" else 2 * layer.padding[dimension]
    if layer.transposed:
        return (size - 1) * stride - padded + reach + layer.output_padding[dimension] + 1
    return (size + padded - reach - 1) // stride + 1


class Unchanged:
    """What a norm without channels answers: what it is given."""

    def __init__(self, layer: nn.Module):
        self.layer = layer

    def __call__(self, input: torch.Tensor) -> torch.Tensor:
        layer = self.layer
        same = _as_one(_name(layer), lambda input, *args, **kwargs: input)
        if not isinstance(layer, BATCH_NORMS):
            return same(input)
        given = (layer.running_mean, layer.running_var, layer.weight, layer.bias)
        return same(input, *given, False, layer.momentum, layer.eps)


def _as_one(name: str, function: Callable) -> Callable:
    """The function, which takes an input first, as one operation of this name to who watches; who follows
    channels looks inside, at its `closed`."""

    def operation(*args, **kwargs):
        if has_torch_function((None,)):  # a mode is on; what traces by stand-ins sees what is done below
            return handle_torch_function(operation, (), *args, **kwargs)
        return function(*args, **kwargs)

    operation.__name__ = name
    operation.__dict__["closed"] = function
    return operation
