"""Layers without channels: what they answer, since PyTorch's own refuse to run."""

import torch
from torch import nn

CONVOLUTIONS = nn.modules.conv._ConvNd
NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.PReLU)


def close(module: nn.Module):
    """Has a layer of which no channels are left answer what it then computes: a convolution its bias, a norm
    (or a rectifier with a slope a channel) nothing at all. Its class, and so what it is to others, stays."""
    if isinstance(module, CONVOLUTIONS):
        module.forward = Constant(module)
    elif isinstance(module, NORMS):
        module.forward = Unchanged()


class Constant:
    """What a convolution without channels answers: [N, out, ...] of its bias, or of zeros.

    An object, not a method: it is copied and pickled with its layer. The shape is computed, so that a trace
    with a dynamic batch or size stays one.
    """

    def __init__(self, layer: nn.Module):
        self.layer = layer

    def __call__(self, input: torch.Tensor, output_size=None) -> torch.Tensor:
        layer = self.layer
        places = layer.kernel_size
        spatial = [_positions(layer, input, d) for d in range(len(places))]
        if output_size is not None:
            spatial = list(output_size)[-len(places) :]
        answer = input.new_zeros(input.shape[0], layer.out_channels, *spatial)
        if layer.bias is not None and layer.out_channels:
            answer = answer + layer.bias.view(-1, *[1] * len(spatial))
        return answer


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

    def __call__(self, input: torch.Tensor) -> torch.Tensor:
        return input
