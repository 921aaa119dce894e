"""Masking for a preview, cutting for real. Both go by the plan alone: no example, no graph."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from torch import nn

from pruning.channels.graph import digest
from pruning.channels.slices import copy_with, named_tensors, silenced
from pruning.cost import Plan


@contextmanager
def masked(model: nn.Module, plan: Plan) -> Iterator[nn.Module]:
    """Inside, the plan's cut channels are zero where they are read: the outputs of the cut network at the old
    shape.

    Changes the given object and puts every weight back on the way out, also after an exception; a session
    that shares its model with others masks a copy. Raises ValueError for a plan of another network.
    """
    _must_fit(model, plan)
    tensors = named_tensors(model)
    gone = {}
    for name, dimension in plan.reads.items():
        every = np.arange(tensors[name].shape[dimension])
        gone[name] = {dimension: np.setdiff1d(every, plan.by_tensor[name][dimension])}
    with silenced(model, gone):
        yield model


def cut(model: nn.Module, plan: Plan) -> nn.Module:
    """A new, smaller network that computes what the masked one does; shares nothing with the given, untouched
    one.

    Gradients, requires_grad, hooks, dtype, device and memory format are kept. Raises ValueError for a plan of
    another network.
    """
    _must_fit(model, plan)
    return copy_with(model, plan.by_tensor)


def _must_fit(model: nn.Module, plan: Plan):
    if digest(model) != plan.model_digest:
        raise ValueError(
            "the plan is of another network: its parameters' names or shapes differ; make a new plan"
        )
