"""Networks whose weights are computed from others: made plain, they answer the same and can be cut."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import pruning
from tests.zoo import seeded


class Halved(nn.Module):
    def forward(self, weight):
        return weight / 2


KINDS = {
    "masks": lambda layer: prune.l1_unstructured(layer, "weight", amount=0.4),
    "masks twice": lambda layer: [prune.random_unstructured(layer, "weight", amount=0.2) for _ in range(2)],
    "masks of biases too": lambda layer: [
        prune.l1_unstructured(layer, n, amount=2) for n in ("bias", "weight")
    ],
    "weight norm by hooks": lambda layer: torch.nn.utils.weight_norm(layer),
    "weight norm": parametrizations.weight_norm,
    "spectral norm by hooks": lambda layer: torch.nn.utils.spectral_norm(layer),
    "spectral norm": parametrizations.spectral_norm,
    "one's own": lambda layer: parametrize.register_parametrization(layer, "weight", Halved()),
}


def small_network():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.Flatten(), nn.Linear(96, 4)
    )
    return seeded(model)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("trained", [False, True], ids=["new", "trained"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_network_answers_the_same_and_is_cut_exactly(kind, trained):
    model, images = small_network(), torch.randn(5, 3, 8, 8)
    for layer in (model[0], model[3], model[5]):
        KINDS[kind](layer)
    if trained:
        model.train()(images).sum().backward()
    model.eval()
    names, before = set(model.state_dict()), model(images).detach()
    with pytest.raises(ValueError, match="derived weight"):
        graph = pruning.ChannelGraph(model, images[:1])
        pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5)
    made = pruning.plain(model)
    assert set(made.state_dict()) == set(small_network().state_dict())
    assert all(isinstance(part, nn.Parameter) for part in made[0].parameters()) and type(made[0]) is nn.Conv2d
    graph = pruning.ChannelGraph(made, images[:1])
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5)
    small = pruning.cut(made, plan)
    with torch.no_grad(), pruning.masked(made, plan):
        assert torch.allclose(small(images), made(images), atol=1e-5) and plan.macs < graph.macs
    assert torch.allclose(made(images), before, rtol=1e-5, atol=1e-6)
    assert set(model.state_dict()) == names and torch.equal(model(images), before)


def test_a_network_without_such_weights_is_copied_with_its_mode():
    model = small_network().train()
    model[1].eval()
    made = pruning.plain(model)
    assert [module.training for module in made] == [module.training for module in model]
    assert all(
        torch.equal(a, b) and a is not b for a, b in zip(made.parameters(), model.parameters(), strict=True)
    )
