"""Cut networks are traced, pickled and exported as any other: closed layers, and shortcuts of zeros."""

import copy
import io

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim

import pruning
from pruning.channels.closed_layers import close
from tests.cut_networks import cut_everywhere, with_closed_blocks
from tests.zoo import ZOO

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit")
OTHER = torch.randn(5, 3, 32, 32)  # of another batch size than what is traced


@pytest.fixture(scope="module")
def networks():
    model, example = ZOO["resnet20"]()
    closed = with_closed_blocks(model, example)
    assert sum(not parameter.numel() for parameter in closed.parameters()) > 4
    return {"cut": cut_everywhere(model, example), "closed": closed}


def traced(network, example):
    return torch.jit.trace(network, example)


def exported(network, example):
    return torch.export.export(network, (example,), dynamic_shapes=({0: Dim("batch", min=1)},)).module()


def pickled(network, _):
    file = io.BytesIO()
    torch.save(network, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


HOW = [traced, exported, pickled, lambda network, _: torch.fx.symbolic_trace(network)]


@pytest.mark.parametrize("how", [*HOW, lambda network, _: copy.deepcopy(network)])
@pytest.mark.parametrize("name", ["cut", "closed"])
def test_a_cut_network_answers_the_same_once_it_is_traced(networks, name, how):
    network = networks[name]
    with torch.no_grad():
        again = how(network, torch.randn(2, 3, 32, 32))
        assert torch.equal(again(OTHER), network(OTHER))


def test_a_pickled_closed_layer_is_closed_by_itself(networks):
    again = pickled(networks["closed"], None)
    layers = [m for m in again.modules() if isinstance(m, nn.Conv2d) and "forward" in vars(m)]
    assert len(layers) == 4 and all(layer.forward.layer is layer for layer in layers)


CONVOLUTIONS = [
    nn.Conv2d(3, 4, 3, stride=2, padding=1, dilation=2),
    nn.Conv2d(3, 4, (3, 5), padding="same"),
    nn.Conv2d(3, 4, 4, stride=3, padding="valid", bias=False),
    nn.Conv1d(3, 4, 5, stride=2, padding=3),
    nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1, output_padding=1),
    nn.ConvTranspose2d(3, 4, 3, stride=(2, 3), padding=2, dilation=2),
    nn.Conv3d(3, 4, 2, stride=2),
]


@pytest.mark.parametrize("layer", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("side", [13, 16])
def test_a_closed_convolution_answers_its_bias_where_the_open_one_answers(layer, side):
    spatial = [side] * len(layer.kernel_size)
    with torch.no_grad():
        silent = layer(torch.zeros(2, 3, *spatial))  # a zero image: the bias everywhere
        closed = copy.deepcopy(layer)
        close(closed)
        assert torch.equal(closed(torch.zeros(2, 0, *spatial)), silent)


def test_a_closed_transposed_convolution_gives_the_size_that_it_is_asked_for():
    layer = nn.ConvTranspose2d(3, 4, 3, stride=2)
    silent = layer(torch.zeros(1, 3, 8, 8), output_size=(18, 18))
    close(layer)
    assert layer(torch.zeros(1, 0, 8, 8), output_size=(18, 18)).shape == silent.shape


class Padded(nn.Module):
    """Adds channels of zeros to those of its first layer, and says how many."""

    def __init__(self, before: int, after: int, stated: bool):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 6 + before + after, 3, padding=1)
        self.pads = Pads(before, after, stated)
        self.head = nn.Conv2d(6 + before + after, 2, 1)

    def forward(self, images):
        first = self.first(images)
        return self.head(F.relu(self.pads(first) + self.second(first)))


class Pads(nn.Module):
    def __init__(self, before: int, after: int, stated: bool):
        super().__init__()
        self.own = before, after
        if stated:
            self.pad_before, self.pad_after = before, after

    def forward(self, maps):
        own = (self.pad_before, self.pad_after) if "pad_before" in vars(self) else self.own
        return F.pad(maps, (0, 0, 0, 0, *own))


@pytest.mark.parametrize("amounts", [(2, 3), (1, 4), (0, 1), (2, 0)])
def test_padding_follows_a_cut_where_its_module_states_it(amounts):
    """One channel of padding too; of zeros that nobody states, none goes, with a reason."""
    model, example = Padded(*amounts, stated=True).eval(), torch.randn(2, 3, 9, 9)
    graph = pruning.ChannelGraph(model, example)
    assert sum(group.size for group in graph.groups) == 6 + sum(amounts) and graph.verified
    plan = pruning.plan(graph, pruning.score(graph, "random", seed=3), cut=0.5, groups="all")
    small = pruning.cut(model, plan)
    left = small.pads.pad_before + small.pads.pad_after + small.first.out_channels
    assert left == small.second.out_channels < 6 + sum(amounts)
    with torch.no_grad(), pruning.masked(model, plan):
        assert torch.allclose(small(example), model(example), atol=1e-5)

    silent = pruning.ChannelGraph(Padded(*amounts, stated=False).eval(), example)
    assert not silent.groups and "literal" in silent.fixed["first"]


def test_few_operations_are_left_of_a_shortcut_of_zeros(networks):
    program = torch.export.export(networks["cut"], (torch.randn(2, 3, 32, 32),))
    called = [node.target.__name__ for node in program.graph.nodes if node.op == "call_function"]
    assert called.count("pad.default") == 2 and not any(name.startswith(("cat", "expand")) for name in called)
