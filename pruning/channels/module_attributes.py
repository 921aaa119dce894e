"""What a network's modules hold beside parameters and buffers: plain tensors, and widths that they state."""

from collections.abc import Iterator

import torch
from torch import nn

from pruning.channels.slices import WIDTHS


def bare_widths(model: nn.Module) -> Iterator[tuple[str, tuple[str, int]]]:
    """(module, (its attribute that holds a width, that width)) of norms without parameters and buffers."""
    for name, module in model.named_modules():
        held = (*module._parameters.values(), *module._buffers.values(), *module._modules.values())
        for width in WIDTHS if name and all(part is None for part in held) else ():
            stated = getattr(module, width, None)
            stated = stated[0] if isinstance(stated, tuple) and len(stated) == 1 else stated
            if isinstance(stated, int):
                yield name, (width, stated)


PADDINGS = ("pad_before", "pad_after")  # how many channels of zeros a module adds, where it says so


def stated_paddings(model: nn.Module) -> Iterator[tuple[str, tuple[int, int]]]:
    """(module, (channels of zeros that it puts before those it is given, and after)), where it says so."""
    for name, module in model.named_modules():
        numbers = [vars(module).get(padding) for padding in PADDINGS]
        if name and all(type(number) is int for number in numbers):
            yield name, (numbers[0], numbers[1])


def plain_tensors(model: nn.Module) -> Iterator[torch.Tensor]:
    """Tensors that a module holds as plain attributes, neither parameters nor buffers: constants to a cut."""
    own = ("_parameters", "_buffers", "_modules")
    waiting = [value for module in model.modules() for name, value in vars(module).items() if name not in own]
    seen: set[int] = set()  # a user's containers may hold themselves
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
