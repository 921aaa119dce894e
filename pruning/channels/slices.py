"""Cutting and silencing by index, one tensor at a time: what every cut, mask and verification is made of."""

import copy
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn

from pruning.channels.closed_layers import close
from pruning.error_messages import first_line
from pruning.models.reparametrizations import computed_tensors

# tensor name -> dimension -> indices that stay; or the name of an attribute that holds a width, dimension 0
Kept = Mapping[str, Mapping[int, np.ndarray]]


def named_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers by dotted name; a shared tensor under its first name only."""
    return dict([*model.named_parameters(), *model.named_buffers()])


def copy_with(model: nn.Module, kept: Kept, *, shared: bool = False) -> nn.Module:
    """A smaller copy: cut tensors are index-selected, every other is cloned, nothing is shared with `model`.

    shared: tensors that are not cut are the model's own, for a copy that only runs once.

    The structure is copied without its tensors and then filled, so no full copy ever exists. Gradients,
    requires_grad, hooks, dtype, device and memory format come along.
    """
    memo, tensors = {}, named_tensors(model)
    for name, tensor in tensors.items():
        memo[id(tensor)] = tensor if shared and name not in kept else _smaller(tensor, kept.get(name, {}))
    small = _skeleton(model, memo)
    modules, others = dict(small.named_modules()), _other_names(model)
    for name, dimensions in kept.items():
        for each in (name, *others.get(id(tensors.get(name)), ())):
            _follow(modules, each, dimensions, tensors.get(name))
    return small


def _other_names(model: nn.Module) -> dict[int, list[str]]:
    """{id of a tensor: its further names}, by which other modules hold it."""
    found: dict[int, list[str]] = {}
    for name, module in model.named_modules():  # each once
        for own, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                found.setdefault(id(tensor), []).append(f"{name}.{own}" if name else own)
    return {held: names[1:] for held, names in found.items() if len(names) > 1}


def must_be_copied(model: nn.Module):
    """Raises ValueError where no cut could be made of a network, whatever it cuts."""
    try:
        copy_with(model, {}, shared=True)
    except Exception as error:
        raise ValueError(
            f"the network cannot be copied, and a cut is a copy: {first_line(error)}; leave out what it "
            "holds of that kind"
        ) from error


def _skeleton(model: nn.Module, memo: dict[int, object]) -> nn.Module:
    """A deep copy of the modules, the tensors of which stand in `memo` already.

    As copy.deepcopy makes it, but for numbers, names and empty dictionaries, which most of a module is.
    """
    plain = [module for module in model.modules() if _ordinary(type(module)) and id(module) not in memo]  # type: ignore[arg-type] # a class hashes
    for module in plain:
        memo[id(module)] = object.__new__(type(module))
    for module in plain:
        attributes = memo[id(module)].__dict__
        for name, value in vars(module).items():
            attributes[name] = _copied(value, memo)
    return copy.deepcopy(model, memo)


def _copied(value, memo: dict[int, object]):
    kind: Any = type(value)
    if kind in _IMMUTABLE or (kind is tuple and all(type(part) is int for part in value)):
        return value
    if kind in (dict, OrderedDict, set) and not value:
        return kind()
    if kind is dict and all(id(part) in memo for part in value.values()):  # parameters, buffers, modules
        return {name: memo[id(part)] for name, part in value.items()}
    for part in computed_tensors(value):  # by a hook, say: torch copies none
        memo.setdefault(id(part), part.detach().clone())
    return copy.deepcopy(value, memo)


_IMMUTABLE = frozenset((int, float, str, bool, type(None), torch.dtype))
_OWN_COPY = {"__deepcopy__", "__getstate__", "__reduce__", "__reduce_ex__", "__slots__"}


@cache
def _ordinary(kind: type) -> bool:
    """Whether a module is copied as any: its class says nothing of its own on that."""
    own = kind.__mro__[: kind.__mro__.index(nn.Module)]
    return not any(_OWN_COPY & vars(base).keys() for base in own)


def selected(values: torch.Tensor, kept: Mapping[int, np.ndarray]) -> torch.Tensor:
    """The entries that stay, in a tensor of their own, laid out in memory as the whole one was.

    kept: {dimension: indices}; a dimension that is not named stays whole.
    """
    with torch.no_grad():
        chosen = values.detach()
        fewer = [
            (dimension, torch.as_tensor(indices, device=chosen.device))
            for dimension, indices in kept.items()
            if len(indices) < chosen.shape[dimension]
        ]
        if len(fewer) == 2 and chosen.numel() > LARGE:
            chosen = _in_blocks(chosen, *fewer)
        else:
            for dimension, indices in fewer:
                chosen = chosen.index_select(dimension, indices)
        if values.layout is not torch.strided:  # a sparse gradient, which has no place in memory of its own
            return chosen if fewer else chosen.clone()
        for layout in _LAYOUTS.get(values.dim(), ()):
            if values.is_contiguous(memory_format=layout) and not values.is_contiguous():
                chosen = chosen.contiguous(memory_format=layout)
        return chosen.clone() if chosen.data_ptr() == values.data_ptr() else chosen


def _in_blocks(values: torch.Tensor, one: tuple, other: tuple) -> torch.Tensor:
    """Cut along two dimensions, some rows at a time: what lies between the two cuts is never there whole."""
    (first, rows), (second, columns) = one, other
    shape = list(values.shape)
    shape[first], shape[second] = len(rows), len(columns)
    chosen, step = values.new_empty(shape), max(1, LARGE * values.shape[first] // values.numel())
    for start in range(0, len(rows), step):
        part = values.index_select(first, rows[start : start + step]).index_select(second, columns)
        chosen.narrow(first, start, part.shape[first]).copy_(part)
    return chosen


LARGE = 2**22  # entries
_LAYOUTS = {4: (torch.channels_last,), 5: (torch.channels_last_3d,)}


def _smaller(tensor: torch.Tensor, kept: Mapping[int, np.ndarray]) -> torch.Tensor:
    """A cut parameter or buffer, its gradient with it."""
    chosen = selected(tensor, kept)
    if isinstance(tensor, nn.Parameter):
        chosen = nn.Parameter(chosen, requires_grad=tensor.requires_grad)
    if tensor.grad is not None:
        chosen.grad = selected(tensor.grad, kept)
    return chosen


WIDTHS = ("num_features", "num_channels", "num_parameters", "normalized_shape")  # of norms, of anybody's


def _follow(modules: Mapping[str, nn.Module], name: str, kept: Mapping[int, np.ndarray], whole):
    """Sets the sizes that a module states of itself to those of its cut tensor, or of the channels that it
    runs on where it has no tensor: `name` is then an attribute's. What else a user's module may keep as a
    plain number stays: nothing says which channels it counts.

    whole: the tensor before the cut, None for an attribute.
    """
    owner, _, own = name.rpartition(".")
    module = modules[owner]
    if whole is None:
        _follow_width(module, own, len(kept[0]))
        if not len(kept[0]):
            close(module)
        return
    shape = torch.Size(len(kept.get(d, range(n))) for d, n in enumerate(whole.shape))
    if own == "weight" and whole.dim() > 1:
        _follow_weight(module, shape)
    elif len(kept) == 1 and whole.numel() == max(whole.shape):  # a vector
        stated = vars(module)
        for width in WIDTHS:
            if width in stated and stated[width] in (whole.numel(), (whole.numel(),)):
                _follow_width(module, width, shape.numel())
    if not shape.numel():
        close(module)


def _follow_width(module: nn.Module, width: str, number: int):
    if width == "num_channels" and getattr(module, "num_groups", None) == module.num_channels:
        module.num_groups = number  # one group a channel
    setattr(module, width, (number,) if width == "normalized_shape" else number)


def _follow_weight(module: nn.Module, shape: torch.Size):
    if isinstance(module, nn.modules.conv._ConvNd):
        _follow_convolution(module, shape)
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = shape
    elif isinstance(module, nn.Embedding):  # a classifier's weight as well, where the two are one
        module.num_embeddings, module.embedding_dim = shape


def _follow_convolution(module, shape: torch.Size):
    first, second = shape[:2]
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
