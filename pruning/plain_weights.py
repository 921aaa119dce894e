"""Weights that torch computes from others at every pass, made parameters again: a network under pruning
masks, weight norm, spectral norm or another parametrization as one that can be cut."""

import copy

import torch
from torch import nn
from torch.nn.utils import parametrize, prune, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from pruning.train.evaluation import mode_kept


def plain(model: nn.Module) -> nn.Module:
    """A copy of the network that has its weights themselves, where the network computes them from others; in
    evaluation both answer the same.

    Of what `torch.nn.utils` makes: masks of `prune`, `weight_norm` and `spectral_norm` by hooks, and every
    parametrization, one of your own too. What a network computes in its own `forward` stays. The weights are
    newly made, so an optimizer has to be given them. The network itself is not touched."""
    made = copied(model)
    with mode_kept(made):
        made.eval()  # in training a spectral norm takes a step whenever its weight is read
        for module in list(made.modules()):
            make_plain(module)
    return made


def make_plain(module: nn.Module) -> None:
    """Of one module, in place; its class is its own afterwards."""
    if parametrize.is_parametrized(module):
        kind = type(module)  # made for this module alone, and its copy has come to share it
        module.__class__ = type(kind.__name__, kind.__bases__, own(kind))
        for name in list(module.parametrizations):
            parametrize.remove_parametrizations(module, name, leave_parametrized=True)
    for hook in list(module._forward_pre_hooks.values()):
        if isinstance(hook, prune.BasePruningMethod):
            prune.remove(module, hook._tensor_name)
        elif isinstance(hook, WeightNorm):
            remove_weight_norm(module, hook.name)
        elif isinstance(hook, SpectralNorm):
            remove_spectral_norm(module, hook.name)


def own(kind: type) -> dict[str, object]:
    """What a class says itself, for another one like it."""
    return {name: value for name, value in vars(kind).items() if name not in ("__dict__", "__weakref__")}


def copied(model: nn.Module) -> nn.Module:
    """A deep copy, which torch refuses of a network that was run: what its hooks computed hangs on a graph of
    gradients."""
    computed = [
        value
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, torch.Tensor) and not value.is_leaf
    ]
    return copy.deepcopy(model, {id(tensor): tensor.detach().clone() for tensor in computed})
