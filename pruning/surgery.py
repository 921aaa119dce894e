"""Masking for a preview, cutting for real. Both go by the plan alone: no example, no graph."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
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
    must_fit(model, plan)
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

    Where the plan is of a network narrowed to some classes, the whole network may be given as well.
    Gradients, requires_grad, hooks, dtype, device and memory format are kept. Raises ValueError for a plan of
    another network.
    """
    for change in plan.changes if digest(model) != plan.model_digest else ():
        if change["kind"] == "classes" and {"layer", "kept"} <= set(change):
            model = _answering(model, change["layer"], change["kept"])
    must_fit(model, plan)
    return copy_with(model, plan.by_tensor)


def narrowed(model: nn.Module, classes: Sequence[int], example: torch.Tensor) -> tuple[nn.Module, dict]:
    """A copy that answers only these classes, and the change as a plan notes it: kind, layer, kept, of.

    classes: rows of the classifier that stay, ascending.   example: [N, C, H, W]; the classifier is the last
    layer of which the copy without the other rows answers what the whole network does. Raises ValueError
    where there is none.
    """
    from pruning.models.module_modes import evaluating

    with evaluating(model), torch.no_grad():
        whole = model(example)
        for name, module in reversed(list(model.named_modules())):
            rows = getattr(module, "out_features", getattr(module, "out_channels", None))
            if not isinstance(whole, torch.Tensor) or rows != whole.shape[1]:
                continue
            found = _answering(model, name, classes)
            answers = found(example)
            if answers.shape[1] == len(classes) and torch.allclose(answers, whole[:, classes], atol=1e-5):
                return found, {"kind": "classes", "layer": name, "kept": list(classes), "of": rows}
    raise ValueError(
        "no layer of this network has one output per class, so it cannot be narrowed to a subtask"
    )


def _answering(model: nn.Module, layer: str, classes: Sequence[int]) -> nn.Module:
    """A copy without the rows of the classifier, or of its bias, that belong to other classes."""
    tensors = [name for name in (f"{layer}.weight", f"{layer}.bias") if name in named_tensors(model)]
    try:
        if len(set(classes)) < len(classes):
            raise IndexError
        return copy_with(model, {name: {0: np.asarray(classes, int)} for name in tensors})
    except (IndexError, TypeError, ValueError, OverflowError):
        raise ValueError(
            f"the plan keeps classes {str(classes)[:80]} of {str(layer)[:80]!r}, which has others"
        ) from None


def must_fit(model: nn.Module, plan: Plan):
    """Raises ValueError for a plan of another network."""
    if digest(model) != plan.model_digest:
        raise ValueError(
            "the plan is of another network: its parameters' names or shapes differ; make a new plan"
        )
    tensors = named_tensors(model)
    for name, kept in plan.by_tensor.items():
        if name not in tensors:  # a module's attribute that states a width
            continue
        sizes = dict(enumerate(tensors[name].shape))
        for dimension, channels in kept.items():
            size = sizes.get(dimension, -1)
            if max(channels, default=-1) >= size or len(channels) > size:
                raise ValueError(f"the plan keeps channels that {name!r} does not have; make a new plan")


def must_be_its_cut(small: nn.Module, plan: Plan, model: nn.Module):
    """Raises ValueError where a network is not what a plan makes of the whole one, by its tensors' shapes."""
    must_fit(model, plan)
    smaller = named_tensors(small)
    for name, tensor in named_tensors(model).items():
        kept = plan.by_tensor.get(name, {})
        shape = [len(kept.get(dimension, range(size))) for dimension, size in enumerate(tensor.shape)]
        if name not in smaller or list(smaller[name].shape) != shape:
            raise ValueError(f"{name} is not as the plan cuts it; give cut(model, plan)")
