"""What the channel engine cannot cut: which layers stay, and the reason that is said."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import pruning
from tests.zoo import ZOO, conv

DERIVED = [name for name in ZOO if "_norm, " in name]
# network -> the groups that can be cut, and for each layer that cannot a part of the reason
FIXED = {
    **dict.fromkeys(DERIVED, (["stem", "after"], {"middle": "derived weight", "derived": "derived weight"})),
    "scripted submodule": (["stem", "after"], {"before": "hidden is scripted or traced"}),
    "traced submodule": (["stem", "after"], {"before": "hidden is scripted or traced"}),
    "own autograd function": (["stem", "before", "after"], {}),
    "own autograd function outside PyTorch": (["stem", "before", "after"], {}),
    "own autograd function that mixes channels": (
        ["stem", "after"],
        {"before": "its own autograd function Summed, which cannot be looked into"},
    ),
    "through NumPy": (["stem", "after"], {"before": "out of PyTorch by numpy()"}),
    "LSTM over pooled channels": (["stem"], {"middle": "recurrent applies lstm"}),
    "GRU over pooled channels": (
        ["stem"],
        {"middle": "recurrent applies gru", "recurrent": "gru is not known"},
    ),
    "einsum on channels": (["stem"], {"middle": "applies einsum", "the network": "einsum is not known"}),
    "unfold": (["stem"], {"middle": "applies unfold"}),
    "written to some channels": (["middle"], {"stem": "writes to some of its channels"}),
    "blurred by buffers": (
        ["stem", "middle"],
        {"after": "bank is a buffer", "bank": "bank is a buffer", "kernel": "alone"},
    ),
    "a linear layer over places": (["stem", "wide"], {"places": "every channel alone"}),
    "cosine classifier": (["stem"], {"middle": "normalize over channels", "": "derived weight"}),
    "attention gate": (["stem", "ask"], {"gate": "one channel of it is spread over many"}),
    "split into unequal parts": (["stem"], {"split": "literal sizes", "head": "literal sizes"}),
    "buffers indexed by channel": ([], {"stem": "index tensor"}),
    "pixel shuffle": (["stem", "up"], {}),
    "features made maps": (["squeeze", "wide", "up"], {}),
    "linear weights tied, the other way round by a view": (["first"], {"second": "both ways round"}),
    "weights tied between encoder and decoder": (["encode"], {"inner": "both ways round"}),
}


@pytest.mark.parametrize("name", FIXED)
def test_what_cannot_be_cut_says_why(name):
    graph, (groups, reasons) = pruning.ChannelGraph(*ZOO[name]()), FIXED[name]
    assert [group.name for group in graph.groups] == groups
    for layer, reason in reasons.items():
        assert reason in graph.fixed[layer]
    outputs = {layer for layer, why in graph.fixed.items() if why == "it is the network's output"}
    assert set(graph.fixed) == set(reasons) | outputs


def test_a_literal_slice_is_said():
    class Sliced(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.head = conv(3, 8), conv(4, 2)

        def forward(self, x):
            return self.head(self.stem(x)[:, :4])

    graph = pruning.ChannelGraph(Sliced().eval(), torch.randn(1, 3, 8, 8))
    assert not graph.groups and "literal slice" in graph.fixed["stem"]
    with pytest.raises(ValueError, match="literal slice"):
        pruning.plan(graph, {}, cut=0.5)


def test_a_literal_size_in_the_users_code_is_found_by_running():
    class Literal(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.middle, self.head = conv(3, 8), conv(8, 8), nn.Linear(8 * 64, 2)

        def forward(self, x):
            x = F.relu(self.middle(F.relu(self.stem(x))))
            return self.head(x.reshape(-1, 512))

    graph = pruning.ChannelGraph(Literal().eval(), torch.randn(1, 3, 8, 8))
    assert [group.name for group in graph.groups] == ["stem"] and graph.verified
    assert "masked" in graph.fixed["middle"] or "literal" in graph.fixed["middle"]


class Noisy(nn.Module):
    """Draws random numbers in evaluation as well: dropout, noise of a learned size, paths left out."""

    def __init__(self):
        super().__init__()
        self.stem, self.middle, self.size, self.head = conv(3, 8), conv(8, 6), conv(8, 6), conv(6, 4)

    def forward(self, x):
        x = F.dropout(F.relu(self.stem(x)), 0.3, training=True)
        noise = torch.distributions.Normal(self.middle(x), self.size(x).exp()).rsample()
        noise = noise + torch.rand(len(x), 1, *x.shape[2:]) * F.gumbel_softmax(noise.flatten(2)).view_as(
            noise
        )
        return self.head(noise * x.new_empty(len(x), 1, 1, 1).bernoulli_(0.9))


def test_random_numbers_in_evaluation_keep_nothing_whole():
    graph = pruning.ChannelGraph(Noisy().eval(), torch.randn(2, 3, 8, 8))
    assert [group.layers for group in graph.groups] == [("stem",), ("middle", "size")] and graph.verified
    assert graph.fixed == {"head": "it is the network's output"}


def test_one_image_without_a_batch_is_counted_as_one():
    model = nn.Sequential(conv(3, 8), nn.MaxPool2d(2), conv(8, 6), nn.AdaptiveAvgPool2d(1), nn.Flatten(0))
    model = model.append(nn.Linear(6, 4)).eval()
    batched = pruning.ChannelGraph(nn.Sequential(*model[:4], nn.Flatten(), model[5]), torch.randn(2, 3, 8, 8))
    alone = pruning.ChannelGraph(model, torch.randn(3, 8, 8))
    assert alone.macs == batched.macs and alone.structure.input_shape == (3, 8, 8)
    assert [g.size for g in alone.groups] == [g.size for g in batched.groups] == [8, 6] and alone.verified
