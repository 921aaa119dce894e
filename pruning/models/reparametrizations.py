"""Weights that torch.nn.utils computes from others at every pass, made parameters again: a network under
pruning masks, weight norm, spectral norm or another parametrization as one that can be cut."""

import copy
from collections import Counter
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.utils import parametrize, prune, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from pruning.models.module_modes import evaluating
from pruning.models.weights_in_parts import MASKS, SPECTRAL_NORM, WEIGHT_NORM

PARAMETRIZATION = "parametrization"
NORMS = {WeightNorm: WEIGHT_NORM, SpectralNorm: SPECTRAL_NORM}
REMOVED_BY = {WEIGHT_NORM: remove_weight_norm, SPECTRAL_NORM: remove_spectral_norm}


def without_reparametrizations(model: nn.Module) -> nn.Module:
    """A copy that has its weights themselves; in evaluation both answer the same. The network is not
    touched."""
    made = copied(model)
    work_in(made)
    return made


def work_in(model: nn.Module) -> dict[str, int]:
    """In place, and of a network that shares no module's class with another; {what was worked into weights:
    tensors}."""
    done = Counter[str]()
    with evaluating(model):  # in training a spectral norm takes a step whenever its weight is read
        for module in list(model.modules()):
            done.update(worked_in(module))
    return done


def worked_in(module: nn.Module) -> Iterator[str]:
    """Makes one module's weights plain, and says for each what they were computed by."""
    if parametrize.is_parametrized(module):
        for name in list(module.parametrizations):
            parametrize.remove_parametrizations(module, name, leave_parametrized=True)
            yield PARAMETRIZATION
    for hook in list(module._forward_pre_hooks.values()):
        if isinstance(hook, prune.BasePruningMethod):
            prune.remove(module, hook._tensor_name)
            yield MASKS
    for hook in list(module._forward_pre_hooks.values()):  # masks may lie on what these compute with
        kind = next((kind for norm, kind in NORMS.items() if isinstance(hook, norm)), None)
        if kind is not None:
            parts = [p for name, p in module.named_parameters() if name.startswith(f"{hook.name}_")]
            trained = any(part.requires_grad for part in parts)
            REMOVED_BY[kind](module, hook.name)
            module.get_parameter(hook.name).requires_grad_(trained)
            yield kind


def own(kind: type) -> dict[str, object]:
    """What a class says itself, for another one like it."""
    return {name: value for name, value in vars(kind).items() if name not in ("__dict__", "__weakref__")}


def computed_tensors(value: object) -> Iterator[torch.Tensor]:
    """What hangs on a graph of gradients, in lists, tuples and dicts of any depth; these may hold
    themselves."""
    open_, seen = [value], set[int]()
    while open_:
        value = open_.pop()
        if isinstance(value, torch.Tensor) and not value.is_leaf:
            yield value
        elif isinstance(value, (list, tuple, dict)) and id(value) not in seen:
            seen.add(id(value))
            open_ += value.values() if isinstance(value, dict) else value


def copied(model: nn.Module) -> nn.Module:
    """A deep copy that may be changed. Torch makes none of a network that holds what was computed, a weight
    by its hooks or an activation, and its copy of a parametrized module shares the module's class."""
    computed = [tensor for module in model.modules() for tensor in computed_tensors(vars(module))]
    made = copy.deepcopy(model, {id(tensor): tensor.detach().clone() for tensor in computed})
    for module in made.modules():
        if parametrize.is_parametrized(module):
            kind = type(module)  # made for one module alone, and its copy has come to share it
            module.__class__ = type(kind.__name__, kind.__bases__, own(kind))
    return made
