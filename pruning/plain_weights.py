"""A network that computes its weights from others as one that has them: under pruning masks, weight norm,
spectral norm, a parametrization, or by its layers' own forward."""

import torch
from torch import nn
from torch.utils._pytree import tree_map

from pruning.channels.computed_weights import with_plain_layers
from pruning.channels.graph import inputs_of
from pruning.channels.ids import flat
from pruning.channels.input_checks import must_be_traceable
from pruning.channels.random_state import own_random_numbers
from pruning.models.reparametrizations import without_reparametrizations


def plain(model: nn.Module, example: torch.Tensor | tuple | dict | None = None) -> nn.Module:
    """A copy of the network that has its weights themselves, where the network computes them from others; in
    evaluation both answer the same.

    Of what `torch.nn.utils` makes: masks of `prune`, `weight_norm` and `spectral_norm` by hooks, and every
    parametrization, one of your own too. With an example, as `ChannelGraph` takes it, also layers that
    compute the weight in their own `forward`, as by weight standardisation: each that answers what it is
    given, and random numbers, as a convolution or linear layer would with the weight it was seen to use, and
    without which the network answers as before. Layers that are called by keywords, pad what they read or
    have hooks stay. The weights are newly made, so an optimizer has to be given them, and go on as plain ones
    in training. The network itself is not touched.

    Raises ValueError where the network does not run on the example."""
    if example is None:
        return without_reparametrizations(model)
    given = inputs_of(example)
    tensors = [value for value in flat(given) if isinstance(value, torch.Tensor)]
    must_be_traceable(model, tensors)
    with own_random_numbers(tensors[0].device):
        another = tree_map(at_random, given)
    return with_plain_layers(without_reparametrizations(model), given, another)


def at_random(value: object) -> object:
    """In the place of a tensor one of its kind: a weight that hangs on the input shows."""
    if not isinstance(value, torch.Tensor) or not value.numel() or value.dtype == torch.bool:
        return value
    if value.is_floating_point():
        return torch.randn(value.shape, device=value.device).to(value.dtype)
    if value.is_complex():
        return torch.randn_like(value)
    return torch.randint_like(value, int(value.min()), int(value.max()) + 1)
