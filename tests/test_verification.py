"""Verification: what a trace does not see is found by running, named truly, and in few forward passes."""

import copy
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import pruning
from pruning.channels import verification
from tests.benchmarks.verification import KINDS, Planted, found
from tests.zoo import conv


@pytest.mark.parametrize("kind", [name for name in KINDS if name != "wrong where 4 divides what is left"])
def test_a_planted_fault_is_found_and_nothing_else(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a checkpoint without a gradient
        hit, alarm = found(kind, 3, seed=1)
    assert hit and not alarm


def test_a_fault_says_where_it_shows():
    import numpy as np

    model = Planted(np.random.default_rng(0), KINDS["x[:, i] = 0"][0]).eval()
    model.at = 0
    graph = pruning.ChannelGraph(model, torch.randn(1, 3, 12, 12))
    assert "did not compute what the masked one does (it shows in one)" in graph.fixed["first"]
    assert graph.verified and graph.verified.plans == 3 and "3 random plans" in str(graph.verified)


class Blur(nn.Module):
    """Says how many channels it takes, and holds a filter for so many."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels
        self.register_buffer("filter", torch.full((channels, 1, 3, 3), 1 / 9))

    def forward(self, x):
        return F.conv2d(x, self.filter, padding=1, groups=self.channels)


class Checked(nn.Module):
    def forward(self, x):
        assert x.shape[1] == 8, "eight channels"
        return x


def test_literal_sizes_are_found_in_few_passes_and_the_reason_is_what_was_raised():
    blocks = [(conv(8, 8), nn.ReLU(), *([Blur(8)] if k % 4 == 3 else [])) for k in range(16)]
    model = nn.Sequential(conv(3, 8), *(part for block in blocks for part in block), conv(8, 8), Checked())
    model = nn.Sequential(*model, conv(8, 4)).eval()
    graph = pruning.ChannelGraph(model, torch.randn(1, 3, 8, 8))
    assert len(graph.groups) == 13 and graph.verified.passes <= 3 * 2 + 2 * 5
    literal = [why for why in graph.fixed.values() if "its code holds literal sizes" in why]
    assert len(literal) == 5 and sum("groups=8" in why for why in literal) == 4
    assert sum("eight channels" in why for why in literal) == 1


class Detector(nn.Module):
    """Boxes with almost equal scores, of which some are chosen and looked at again."""

    def __init__(self):
        super().__init__()
        self.stem, self.body, self.score = conv(3, 8), conv(8, 12), nn.Conv2d(12, 1, 1)
        self.boxes, self.look = nn.Conv2d(12, 4, 1), nn.Linear(4, 2)
        self.score.weight.data.mul_(1e-6)  # closer together than rounding

    def forward(self, x):
        x = F.relu(self.body(F.relu(self.stem(x))))
        scores, boxes = self.score(x).flatten(), self.boxes(x).flatten(2)[0].T
        chosen = scores.topk(9).indices
        sure = (scores[chosen] > scores[chosen].median()).nonzero()[:, 0]
        return self.look(boxes[chosen[sure]]), chosen.sum()


def test_near_ties_of_a_selection_fix_nothing():
    torch.manual_seed(0)
    graph = pruning.ChannelGraph(Detector().eval(), torch.randn(1, 3, 32, 32))
    assert {"stem", "body"} <= {group.name for group in graph.groups} and graph.verified.passes == 6


def test_groups_under_a_norm_over_channels_are_compared_too():
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.norm, self.head = nn.Linear(6, 16), nn.LayerNorm(16), nn.Linear(16, 3)

        def forward(self, x):
            x = self.norm(self.stem(x))
            if self.wrong:
                with torch._C.DisableTorchFunction():
                    x[..., 3] = 1
            return self.head(x)

    for Normed.wrong in (False, True):
        graph = pruning.ChannelGraph(Normed().eval(), torch.randn(2, 5, 6))
        assert len(graph.groups) == (0 if Normed.wrong else 1)


def test_verification_leaves_everything_as_it_was():
    model = nn.Sequential(conv(3, 8), nn.BatchNorm2d(8), nn.Dropout(), nn.ReLU(), conv(8, 2)).train()
    before, numbers = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    assert pruning.ChannelGraph(model, torch.zeros(1, 3, 8, 8)).verified
    assert torch.equal(numbers, torch.get_rng_state()) and model[2].training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_blank_example_is_no_proof():
    class Blank(nn.Sequential):
        def forward(self, x):
            x = self[0](x)
            with torch._C.DisableTorchFunction():
                x[:, 2] *= 3
            return self[1](x)

    model = Blank(conv(3, 8, bias=False), conv(8, 2)).eval()
    assert not pruning.ChannelGraph(model, torch.zeros(1, 3, 8, 8)).groups
    unasked = pruning.ChannelGraph(model, torch.zeros(1, 3, 8, 8), verify=False).verified
    assert not unasked and "not asked for" in str(unasked)


class Sized(nn.Module):
    """Its first layer's width stands in the code, and the first plan leaves that layer whole."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third, self.head = conv(3, 8), conv(8, 8), conv(8, 8), conv(8, 2)

    def forward(self, x):
        x = self.first(x).relu()
        x = x.view(len(x), 8, -1).view(len(x), 8, *x.shape[2:])
        return self.head(self.third(self.second(x).relu()).relu())


@pytest.mark.parametrize("seconds", [0, 5])
def test_what_no_plan_has_cut_when_the_time_is_over_is_not_cut(seconds, monkeypatch):
    monkeypatch.setattr(verification, "FORWARD", 9 if seconds else 0)
    monkeypatch.setattr(verification, "SECONDS", seconds)
    model, example = Sized().eval(), torch.randn(2, 3, 8, 8)
    graph = pruning.ChannelGraph(model, example)
    assert [group.name for group in graph.groups] == ["second", "third"] and "first" in graph.fixed
    assert bool(graph.verified) is bool(seconds)
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.3)
    with torch.no_grad(), pruning.masked(model, plan):
        assert torch.allclose(pruning.cut(model, plan)(example), model(example), atol=1e-5)
