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
        elif isinstance(hook, WeightNorm):
            remove_weight_norm(module, hook.name)
            yield WEIGHT_NORM
        elif isinstance(hook, SpectralNorm):
            remove_spectral_norm(module, hook.name)
            yield SPECTRAL_NORM


def own(kind: type) -> dict[str, object]:
    """What a class says itself, for another one like it."""
    return {name: value for name, value in vars(kind).items() if name not in ("__dict__", "__weakref__")}


def copied(model: nn.Module) -> nn.Module:
    """A deep copy that may be changed. Torch makes none of a network whose hooks have computed a weight, as
    that hangs on a graph of gradients, and its copy of a parametrized module shares the module's class."""
    computed = [
        value
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, torch.Tensor) and not value.is_leaf
    ]
    made = copy.deepcopy(model, {id(tensor): tensor.detach().clone() for tensor in computed})
    for module in made.modules():
        if parametrize.is_parametrized(module):
            kind = type(module)  # made for one module alone, and its copy has come to share it
            module.__class__ = type(kind.__name__, kind.__bases__, own(kind))
    return made
