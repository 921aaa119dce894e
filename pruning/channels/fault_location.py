"""Where in a network something went wrong: whose channels an operation was given, which module raised."""

from collections import deque

import numpy as np
import torch
from torch import nn

from pruning.channels.forward_comparison import Stop
from pruning.channels.ids import compact, flat
from pruning.channels.structure import Structure
from pruning.channels.tracer import Tracer, traced

BEFORE = 40  # operations looked back on: a check of sizes speaks of what has been computed a little earlier


class _UpTo(Tracer):
    """The tracer up to one operation: keeps which ids the last few were given."""

    def __init__(self, model: nn.Module, example: tuple | dict, last: int):
        super().__init__(model, example)
        self.step, self.last = 0, last
        self.handed: deque[list[torch.Tensor]] = deque(maxlen=BEFORE)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.step += 1
        if self.step > self.last - BEFORE:
            tensors = [t for t in flat((args, kwargs or {})) if isinstance(t, torch.Tensor)]
            self.handed.append([compact(self.ids[t]) for t in tensors if t in self.ids])
        if self.step == self.last:
            raise Stop
        return super().__torch_function__(func, types, args, kwargs)


def groups_at(
    model: nn.Module, example: tuple | dict, structure: Structure, step: int
) -> list[frozenset[int]]:
    """The groups whose channels the operation of this number was given, then those of the operations before,
    where these were given any. The model is in the mode in which the structure was traced."""
    tracer = _UpTo(model, example, step)
    try:
        traced(tracer, model, example)
    except Stop:
        pass
    group_of = np.full(tracer.trace.count + 1, -1)
    for name, dimensions in tracer.trace.slots.items():
        for dimension, ids in dimensions.items():
            index = structure.maps.get(name, {}).get(dimension)
            if index is not None and len(index) == len(ids):
                group_of[ids] = np.where(index.group >= 0, index.group, group_of[ids])
    found = (_groups(group_of, given) for given in reversed(tracer.handed))
    return [groups for groups in found if groups]


def _groups(group_of: np.ndarray, given: list[torch.Tensor]) -> frozenset[int]:
    groups = {int(g) for ids in given for g in np.unique(group_of[ids.cpu().numpy()])}
    return frozenset(groups - {-1})


def module_that_raised(error: BaseException, model: nn.Module) -> str:
    """The innermost of the network's modules whose code ran as an error was raised."""
    names = {id(module): name for name, module in model.named_modules()}
    found, frame = "", error.__traceback__
    while frame is not None:
        found = names.get(id(frame.tb_frame.f_locals.get("self")), found) or found
        frame = frame.tb_next
    return found or "the network"
