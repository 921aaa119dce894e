"""What a layer states of its own width is true of the cut network, and nothing there warns."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import pruning


class FrozenNorm(nn.Module):
    """As detectors keep a batch norm: buffers, and the number beside them."""

    def __init__(self, width):
        super().__init__()
        self.num_features = width
        self.register_buffer("weight", torch.rand(width) + 0.5)

    def forward(self, x):
        return x * self.weight.view(1, -1, 1, 1)


class RootMeanSquare(nn.Module):
    """A norm over channels that hands its own size to the function."""

    def __init__(self, width):
        super().__init__()
        self.normalized_shape, self.weight = (width,), nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x.movedim(1, -1), self.normalized_shape, self.weight).movedim(-1, 1)


class ChannelsLast(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.norm = norm

    def forward(self, x):
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)


class Wide(nn.Sequential):
    """A network that states its width, beside a parameter that is no vector of it."""

    def __init__(self, *layers):
        super().__init__(*layers)
        self.num_features, self.shift = 8, nn.Parameter(torch.zeros(1, 8, 1, 1))

    def forward(self, x):
        return super().forward(x) + self.shift.mean()


def between(norm):
    layers = (nn.Conv2d(3, 8, 3), norm, nn.ReLU(), nn.Conv2d(8, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 1))
    return nn.Sequential(*layers)


NORMS = {
    "instance norm": lambda: nn.InstanceNorm2d(8),
    "instance norm with statistics": lambda: nn.InstanceNorm2d(8, affine=True, track_running_stats=True),
    "batch norm without parameters": lambda: nn.BatchNorm2d(8, affine=False),
    "group norm, one a channel": lambda: nn.GroupNorm(8, 8),
    "group norm, one a channel, bare": lambda: nn.GroupNorm(8, 8, affine=False),
    "group norm": lambda: nn.GroupNorm(4, 8),
    "layer norm": lambda: ChannelsLast(nn.LayerNorm(8)),
    "layer norm, bare": lambda: ChannelsLast(nn.LayerNorm(8, elementwise_affine=False)),
    "root mean square": lambda: ChannelsLast(nn.RMSNorm(8)),
    "root mean square, bare": lambda: ChannelsLast(nn.RMSNorm(8, elementwise_affine=False)),
    "root mean square of one's own": lambda: RootMeanSquare(8),
    "frozen norm": lambda: FrozenNorm(8),
    "a slope a channel": lambda: nn.PReLU(8),
}


@pytest.mark.parametrize("name", NORMS)
@torch.no_grad()
def test_a_norm_states_the_width_that_is_left(name):
    torch.manual_seed(0)
    model, example = between(NORMS[name]()).eval(), torch.randn(2, 3, 7, 7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph = pruning.ChannelGraph(model, example)
        plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5, measure="channels")
        small = pruning.cut(model, pruning.Plan.from_json(plan.to_json()))
        found = small(example)
    norm = getattr(small[1], "norm", small[1])
    stated = [
        getattr(norm, key) for key in ("num_features", "num_channels", "num_parameters") if hasattr(norm, key)
    ]
    stated += [*getattr(norm, "normalized_shape", ())]
    assert stated == [4] == [small[0].out_channels]
    if "one a channel" in name:
        assert norm.num_groups == 4
    if "root mean" not in name and "layer" not in name and name != "group norm":
        with pruning.masked(model, plan):
            torch.testing.assert_close(found, model(example))


@torch.no_grad()
def test_one_bare_norm_at_two_places_stays_true_of_both():
    norm = nn.InstanceNorm2d(8)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), norm, nn.Conv2d(8, 8, 3), norm, nn.Conv2d(8, 4, 1)).eval()
    example = torch.randn(1, 3, 9, 9)
    graph = pruning.ChannelGraph(model, example)
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5, measure="channels", groups="all")
    small = pruning.cut(model, plan)
    assert small[1].num_features == small[0].out_channels == small[2].out_channels == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(example)


class Tied(nn.Module):
    """A matrix of embedded words that also reads channels."""

    def __init__(self):
        super().__init__()
        self.words, self.head = nn.Embedding(8, 6), nn.Linear(8, 2)

    def forward(self, x):
        return self.head(F.linear(x, self.words.weight))


def test_an_embedding_that_is_a_layer_s_weight_states_its_size():
    graph = pruning.ChannelGraph(model := Tied().eval(), torch.randn(2, 6))
    small = pruning.cut(model, pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5, measure="channels"))
    assert (small.words.num_embeddings, small.words.embedding_dim) == small.words.weight.shape == (4, 6)


def test_a_number_that_counts_something_else_stays():
    model = Wide(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 1)).eval()
    example = torch.randn(1, 3, 5, 5)
    graph = pruning.ChannelGraph(model, example)
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5, measure="channels")
    assert pruning.cut(model, plan).num_features == 8
