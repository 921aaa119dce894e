"""Random plans on which cut networks are compared with masked ones, and what keeps faults from hiding."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.utils._pytree import tree_map

from pruning.channels.slices import named_tensors
from pruning.channels.structure import Structure

PLANS = 3
LEAST, MOST = 0.25, 0.75  # of a group stay


def trial_plans(structure: Structure, number: int = PLANS) -> list[dict[int, np.ndarray]]:
    """A few plans {group number: channels that stay}; a group that is not named stays whole.

    A group loses what it kept in its plan before, so that a channel is once cut and once kept. From three
    plans on each group stays whole in every third, and its neighbours in another: what goes wrong only while
    another is whole, shows there.
    """
    random, drawn = np.random.default_rng(0), {}
    found = []
    for p in range(number):
        kept = {}
        for g, group in enumerate(structure.groups):
            whole = number >= 3 and (g // 3 ** (p // 3)) % 3 == p % 3
            if group.size > 1 and not whole:
                if not drawn.get(g):
                    drawn[g] = _halves(group.size, random)[:: 1 if g // 3 % 2 else -1]
                kept[g], *drawn[g] = drawn[g]
        found += [kept] if kept else []
    return found


def _halves(size: int, random: np.random.Generator) -> list[np.ndarray]:
    """A round number of channels that stay, not just half, and in another plan all others, made an odd number
    by one more.

    That one is neither the first nor the last: these are cut once, so that channels counted from either end
    are others in a cut network.
    """
    order = random.permutation(size)
    least, most = max(1, int(np.ceil(LEAST * size))), min(size - 1, int(MOST * size))
    round_numbers = (
        [n for n in range(least, most + 1) if n % step == 0 and 2 * n != size] for step in (8, 4, 2)
    )
    stay = int(random.choice(next((some for some in round_numbers if some), range(least, most + 1))))
    one, other = order[:stay], order[stay:]
    between = one[(one > 0) & (one < size - 1)]
    if len(other) % 2 == 0 and len(between):
        other = np.append(other, between[0])
    return [np.sort(one), np.sort(other)]


@contextmanager
def constants_drawn(model: nn.Module, structure: Structure) -> Iterator[None]:
    """Inside, parameters (and buffers with channels) of which all entries are equal are drawn at random: as a
    network begins, norms and biases would not show a wrong index, and blocks that are scaled by zero nothing.

    Changes `model`; every entry is put back bit by bit, also after an exception.
    """
    random, saved = torch.Generator().manual_seed(0), []
    parameters = {id(parameter) for parameter in model.parameters()}
    try:
        with torch.no_grad():
            for name, tensor in named_tensors(model).items():
                if (id(tensor) in parameters or name in structure.maps) and _constant(tensor):
                    saved.append((tensor.data, tensor.data.clone()))
                    tensor.data.copy_(_drawn(tensor, random))
        yield
    finally:
        for tensor, values in saved:
            tensor.copy_(values)


def _constant(tensor: torch.Tensor) -> bool:
    if not tensor.is_floating_point() or not tensor.numel():
        return False
    entries = tensor.detach().reshape(-1)
    if tensor.numel() == 1:  # a factor that begins at zero; any other single number may mean something
        return float(entries[0]) == 0
    return bool(entries[0] == entries[-1]) and bool((entries == entries[0]).all())


def _drawn(tensor: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    value = float(tensor.reshape(-1)[0])
    noise = torch.rand(tensor.shape, generator=random)
    if value:
        return value * (0.75 + 0.5 * noise)
    inputs = tensor[0].numel() if tensor.dim() > 1 else 1
    return (noise + 0.1) * (0.5 / inputs**0.5)


def varied(example: tuple | dict) -> tuple | dict:
    """The example; what is blank in it, as `torch.zeros`, gets values: else nothing could differ."""

    def one(value):
        if not isinstance(value, torch.Tensor) or value.numel() < 2 or not _constant(value):
            return value
        random = torch.Generator().manual_seed(0)
        return torch.rand(value.shape, generator=random).to(value)

    return tree_map(one, example)
