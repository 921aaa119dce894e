"""Layers without channels: what they answer, since PyTorch's own refuse to run."""

from types import MethodType

import torch
from torch import nn

CONVOLUTIONS = nn.modules.conv._ConvNd
NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.PReLU)


def close(module: nn.Module):
    """Has a layer of which no channels are left answer what it then computes: a convolution its bias, a norm
    (or a rectifier with a slope a channel) nothing at all. Its class, and so what it is to others, stays."""
    if isinstance(module, CONVOLUTIONS):
        module.forward = MethodType(_constant, module)
    elif isinstance(module, NORMS):
        module.forward = MethodType(_unchanged, module)


def _constant(module, image: torch.Tensor, output_size=None) -> torch.Tensor:
    """[N, out, ...]: zero or the bias, in the shape of the convolution's answer."""
    spatial = _positions(module, image, output_size)
    answer = image.new_zeros(len(image), module.out_channels, *spatial)
    if module.bias is not None and module.out_channels:
        answer = answer + module.bias.view(-1, *[1] * len(spatial))
    return answer


def _positions(module, image: torch.Tensor, output_size) -> torch.Size:
    """Height and width of the answer, asked of the same convolution from one channel to one, which computes
    nothing."""
    one = torch.empty(1, 1, *image.shape[2:], device="meta")
    kind = next(kind for kind in type(module).__mro__ if kind.__module__ == nn.modules.conv.__name__)
    options = {name: getattr(module, name) for name in ("kernel_size", "stride", "padding", "dilation")}
    if module.transposed:
        options |= {"output_padding": module.output_padding}
        return kind(1, 1, **options, device="meta")(one, output_size).shape[2:]
    return kind(1, 1, **options, device="meta")(one).shape[2:]


def _unchanged(module, values: torch.Tensor) -> torch.Tensor:
    return values
