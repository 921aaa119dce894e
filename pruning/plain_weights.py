"""A network that computes its weights from others as one that has them: under pruning masks, weight norm,
spectral norm, a parametrization, or by its layers' own forward."""

import torch
from torch import nn
from torch.utils._pytree import tree_map

from pruning.channels.computed_weights import plain_layers, replaced
from pruning.channels.graph import inputs_of
from pruning.channels.ids import flat
from pruning.channels.random_state import own_random_numbers
from pruning.models.module_modes import evaluating
from pruning.models.reparametrizations import without_reparametrizations


def plain(model: nn.Module, example: torch.Tensor | tuple | dict | None = None) -> nn.Module:
    """A copy of the network that has its weights themselves, where the network computes them from others; in
    evaluation both answer the same.

    Of what `torch.nn.utils` makes: masks of `prune`, `weight_norm` and `spectral_norm` by hooks, and every
    parametrization, one of your own too. With an example, as `ChannelGraph` takes it, also layers that
    compute the weight in their own `forward`, as by weight standardisation: each that answers the example,
    and random numbers of its shape, as a convolution or linear layer would with the weight it was seen to
    use. The weights are newly made, so an optimizer has to be given them, and go on as plain ones in
    training. The network itself is not touched.

    Raises ValueError where the network does not run on the example."""
    made = without_reparametrizations(model)
    if example is None:
        return made
    with evaluating(made):
        layers = plain_layers(made, two_examples(inputs_of(example)))
    for module, layer in layers.items():
        layer.train(module.training)
    return replaced(made, layers)


def two_examples(example: tuple | dict) -> list[tuple | dict]:
    """It, and random numbers in the place of its own that are no whole numbers: a weight that hangs on the
    input shows."""
    tensors = [value for value in flat(example) if isinstance(value, torch.Tensor)]
    with own_random_numbers(tensors[0].device):
        return [example, tree_map(random_like, example)]


def random_like(value: object) -> object:
    floats = isinstance(value, torch.Tensor) and value.is_floating_point()
    return torch.randn_like(value) if floats else value
