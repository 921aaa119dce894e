"""Cutting and silencing by index, one tensor at a time: what every cut, mask and verification is made of."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

Kept = Mapping[str, Mapping[int, np.ndarray]]  # tensor name -> dimension -> indices that stay


def named_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers by dotted name; a shared tensor under its first name only."""
    return dict([*model.named_parameters(), *model.named_buffers()])


def copy_with(model: nn.Module, kept: Kept) -> nn.Module:
    """A smaller copy: cut tensors are index-selected, every other is cloned, nothing is shared with `model`.

    The structure is copied without its tensors and then filled, so no full copy ever exists. Gradients,
    requires_grad, hooks, dtype, device and memory format come along.
    """
    copies = {}
    for name, tensor in named_tensors(model).items():
        copies[id(tensor)] = _selected(tensor, kept.get(name, {}))
    small = copy.deepcopy(model, copies)
    modules = dict(small.named_modules())
    for name in kept:
        _follow(modules[name.rpartition(".")[0]], name.rpartition(".")[2])
    return small


def _selected(tensor: torch.Tensor, kept: Mapping[int, np.ndarray]) -> torch.Tensor:
    def select(values: torch.Tensor) -> torch.Tensor:
        for dimension, indices in kept.items():
            if len(indices) < values.shape[dimension]:
                values = values.index_select(dimension, torch.as_tensor(indices, device=values.device))
        if values.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
            return values.contiguous(memory_format=torch.channels_last)
        return values

    with torch.no_grad():
        chosen = select(tensor.detach())
        chosen = chosen.clone() if chosen.data_ptr() == tensor.data_ptr() else chosen
        if isinstance(tensor, nn.Parameter):
            chosen = nn.Parameter(chosen, requires_grad=tensor.requires_grad)
        if tensor.grad is not None:
            chosen.grad = select(tensor.grad).clone()
    return chosen


def _follow(module: nn.Module, tensor_name: str):
    """Sets the sizes that a module states of itself to those of its cut tensor."""
    tensor = getattr(module, tensor_name)
    if isinstance(module, nn.modules.conv._ConvNd) and tensor_name == "weight":
        _follow_convolution(module, tensor)
    elif isinstance(module, nn.Linear) and tensor_name == "weight":
        module.out_features, module.in_features = tensor.shape
    elif hasattr(module, "num_features"):
        module.num_features = len(tensor)
    elif isinstance(module, nn.GroupNorm):
        module.num_channels = len(tensor)
    elif isinstance(module, nn.LayerNorm):
        module.normalized_shape = (len(tensor),)
    elif isinstance(module, nn.PReLU):
        module.num_parameters = len(tensor)


def _follow_convolution(module, weight: torch.Tensor):
    first, second = weight.shape[:2]
    depthwise = module.groups > 1 and module.groups == module.in_channels
    if depthwise and (second == 1 or module.transposed):
        multiplier = module.out_channels // module.groups
        module.in_channels = first if module.transposed else first // multiplier
        module.groups, module.out_channels = module.in_channels, module.in_channels * multiplier
    elif module.transposed:
        module.in_channels, module.out_channels = first, second * module.groups
    else:
        module.in_channels, module.out_channels = second * module.groups, first


@contextmanager
def silenced(model: nn.Module, cut: Kept) -> Iterator[None]:
    """Zeroes the given slices of readers' weights, so that those channels are zero where they are read.

    Changes `model`; every entry is put back bit by bit on the way out, also after an exception.
    """
    tensors, saved = named_tensors(model), []
    try:
        with torch.no_grad():
            for name, slices in cut.items():
                for dimension, indices in slices.items():
                    index = torch.as_tensor(indices, device=tensors[name].device)
                    saved.append(
                        (tensors[name], dimension, index, tensors[name].index_select(dimension, index))
                    )
                    tensors[name].index_fill_(dimension, index, 0)
        yield
    finally:
        with torch.no_grad():
            for tensor, dimension, index, values in reversed(saved):
                tensor.index_copy_(dimension, index, values)
