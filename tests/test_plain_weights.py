"""Networks whose weights are computed from others: made plain, they answer the same and can be cut."""

import pytest
import torch
from torch import nn
from torch.nn import functional
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


class Standardised(nn.Conv2d):
    """As by weight standardisation: every filter has mean 0, deviation 1 and a gain."""

    def __init__(self, *widths, **options):
        super().__init__(*widths, **options)
        self.gain = nn.Parameter(torch.rand(self.out_channels, 1, 1, 1))

    def forward(self, images):
        deviation, mean = torch.std_mean(self.weight, (1, 2, 3), keepdim=True)
        return self._conv_forward(images, self.gain * (self.weight - mean) / (deviation + 1e-5), self.bias)


class Scaled(nn.Module):
    """As by equalised learning rates: a layer of nobody's, its weight scaled when it is used."""

    def __init__(self, *shape, compute=functional.conv2d, **options):
        super().__init__()
        self.weight, self.compute, self.options = nn.Parameter(torch.randn(shape)), compute, options

    def forward(self, images):
        return self.compute(images, self.weight / self.weight[0].numel() ** 0.5, **self.options)


class ByInput(Scaled):
    def forward(self, images):
        return functional.conv2d(images, self.weight * images.mean().sigmoid())


class Padded(Scaled):
    """Pads itself, on two sides alone: no layer of torch's does that."""

    def forward(self, images):
        return super().forward(functional.pad(images, (0, 1, 0, 1)))


class Twice(Scaled):
    def forward(self, images):
        return super().forward(super().forward(images))


OF_OWN = {
    "standardised": (lambda: Standardised(8, 8, 3, padding=1, groups=2), nn.Conv2d),
    "scaled": (lambda: Scaled(8, 8, 3, 3, padding=1, stride=2), nn.Conv2d),
    "with a bias": (lambda: Scaled(8, 8, 3, 3, bias=nn.Parameter(torch.randn(8))), nn.Conv2d),
    "transposed, in groups": (
        lambda: Scaled(8, 4, 2, 2, compute=functional.conv_transpose2d, stride=2, groups=2),
        nn.ConvTranspose2d,
    ),
    "by its input": (lambda: ByInput(8, 8, 1, 1), None),
    "padded by itself": (lambda: Padded(8, 8, 3, 3, stride=2), None),
    "twice": (lambda: Twice(8, 8, 1, 1), None),
    "its own weight": (lambda: OwnForward(8, 8, 1), None),
    "scripted": (lambda: torch.jit.script(nn.Conv2d(8, 8, 1)), None),
}


class OwnForward(nn.Conv2d):
    def forward(self, images):
        return functional.conv2d(images, self.weight)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")
@pytest.mark.parametrize("kind", OF_OWN)
def test_a_layer_that_computes_its_weight_itself_is_made_plain_where_it_uses_one(kind):
    make, plain_kind = OF_OWN[kind]
    end = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
    model = seeded(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), make(), nn.ReLU(), *end))
    images = torch.randn(5, 3, 8, 8)
    before = model(images).detach()
    model[2].train()
    made = pruning.plain(model, images[:1])
    assert type(made[2]) is (plain_kind or type(model[2])) and made[2].training and not made[0].training
    assert torch.allclose(made(images), before, rtol=1e-4, atol=1e-5)
    assert torch.equal(model(images), before) and type(pruning.plain(model)[2]) is type(model[2])
    if plain_kind:
        graph = pruning.ChannelGraph(made, images[:1])
        plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.4)
        small = pruning.cut(made, plan)
        with torch.no_grad(), pruning.masked(made, plan):
            assert torch.allclose(small(images), made(images), atol=1e-5)
        assert plan.kept[next(g.name for g in graph.groups if "0" in g.layers)].size < 8


class Beside(nn.Module):
    """Uses such a layer in another way beside."""

    def __init__(self, how):
        super().__init__()
        self.first, self.layer, self.head = nn.Conv2d(3, 8, 3), Standardised(8, 8, 1), nn.Conv2d(8, 3, 3)
        self.other, self.how, self.heard = Scaled(3, 3, 1, 1), how, []
        if how == "a hook":
            self.layer.register_forward_hook(self.hear)

    def hear(self, module, inputs, output):
        self.heard.append(output)

    def forward(self, images):
        found = self.other(self.head(functional.relu(self.layer(self.first(images)))))
        more = {
            "its weight": lambda: self.layer.weight.sum(),
            "what else it has": lambda: self.layer.gain.sum(),
            "a hook": lambda: self.heard[-1].mean(),
        }
        return found + more[self.how]()


@pytest.mark.parametrize("how", ["its weight", "what else it has", "a hook"])
def test_a_layer_that_is_used_in_other_ways_stays(how):
    model, images = seeded(Beside(how)), torch.randn(2, 3, 8, 8)
    made = pruning.plain(model, images)
    assert type(made.layer) is Standardised and type(made.other) is nn.Conv2d
    assert torch.allclose(made(images), model(images), rtol=1e-4, atol=1e-5)


class ByTokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.layer, self.head = nn.Embedding(10, 8), ByMean(8, 8), nn.Linear(8, 2)

    def forward(self, tokens):
        return self.head(self.layer(self.words(tokens).mean(1)))


class ByMean(Scaled):
    def forward(self, features):
        return functional.linear(features, self.weight * (1 + features.mean()))


def test_a_weight_that_hangs_on_whole_numbers_stays():
    model = seeded(ByTokens())
    made, tokens = pruning.plain(model, torch.zeros(2, 5, dtype=torch.long)), torch.randint(0, 10, (2, 5))
    assert type(made.layer) is ByMean and torch.allclose(made(tokens), model(tokens))


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("part", ["weight_v", "weight_g"])
def test_masks_on_what_a_norm_computes_with_are_worked_in_and_what_is_frozen_stays_so(part):
    model = seeded(nn.Sequential(torch.nn.utils.weight_norm(nn.Conv2d(3, 8, 3)), Scaled(4, 8, 1, 1)))
    prune.l1_unstructured(model[0], part, 0.3)
    images = torch.randn(2, 3, 8, 8)
    made = pruning.plain(model.requires_grad_(False), images)
    assert torch.allclose(made(images), model(images), rtol=1e-4, atol=1e-5)
    assert set(made.state_dict()) == {"0.weight", "0.bias", "1.weight"}
    assert not any(parameter.requires_grad for parameter in made.parameters())
    traced = torch.fx.symbolic_trace(seeded(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())))
    assert torch.equal(pruning.plain(traced, images)(images), traced(images))


def test_a_network_of_such_layers_alone_says_what_makes_them_plain():
    def chain():
        return [Scaled(8, 3, 3, 3), nn.ReLU(), Scaled(8, 8, 3, 3), nn.ReLU(), Scaled(4, 8, 4, 4)]

    shared = Scaled(8, 8, 1, 1)
    model = seeded(nn.Sequential(*chain()[:2], shared, shared, *chain()[1:], nn.Flatten()))
    images = torch.randn(2, 3, 8, 8)
    graph = pruning.ChannelGraph(model, images[:1])
    with pytest.raises(ValueError, match=r"derived weight.*pruning\.plain\(model, example\) can make"):
        pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5)
    made = pruning.plain(model, images[:1])
    assert made[2] is made[3] and type(made[2]) is nn.Conv2d
    assert torch.allclose(made(images), model(images), rtol=1e-4, atol=1e-5)
    alone = pruning.plain(Scaled(8, 3, 3, 3), images)
    assert type(alone) is nn.Conv2d
    with pytest.raises(ValueError, match="does not run on an example of shape"):
        pruning.plain(model, torch.randn(1, 5, 8, 8))
