"""The channel engine: a cut network computes what the masked one does, and every count is right."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import booleans, floats
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import pruning
from pruning.channels.ids import flat
from tests.zoo import ZOO, conv

DEEP = {name for name in ZOO if name.startswith("resnet") and name not in ("resnet20", "resnet20_b")}
NOTHING_TO_CUT = {"buffers indexed by channel"}
quick = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


_made = {}


def zoo(name):
    """A network of the zoo with its graph, made once a module: the tests leave it as it was, which one of
    them checks."""
    if name not in _made:
        model, example = ZOO[name]()
        _made[name] = model, example, pruning.ChannelGraph(model, example)
    return _made[name]


def random_plan(graph, cut, **options):
    return pruning.plan(graph, pruning.score(graph, "random"), cut=cut, measure="channels", **options)


def relative_difference(a, b) -> float:
    pairs = [(x, y) for x, y in zip(flat(a), flat(b), strict=True)]
    return max(float((x - y).abs().max() / x.abs().max().clamp_min(1e-12)) for x, y in pairs)


@torch.no_grad()
def check(name, cut, groups):
    """Cuts, compares with the masked network, and counts. Under a norm over channels the two rightly differ:
    such groups are cut in a second go, of which the counts alone are asked."""
    model, example, graph = zoo(name)
    assert graph.verified
    under_norms = [group.name for group in graph.groups if group.renormalised]
    if len(under_norms) < len(graph.groups):
        plan = random_plan(graph, cut, groups=groups, protect=under_norms)
        with pruning.masked(model, plan):
            masked = model(example)
        assert relative_difference(masked, pruning.cut(model, plan)(example)) < 1e-5  # float32
    plan = random_plan(graph, cut, groups=groups)
    small = pruning.cut(model, plan)
    assert plan.parameters == sum(p.numel() for p in small.parameters())
    return plan, small, example


def widest(name) -> str:
    """`inner` where a network has such groups, else `all`."""
    return "inner" if any(group.inner for group in zoo(name)[2].groups) else "all"


@pytest.mark.parametrize(
    "name", [n for n in ZOO if n not in DEEP | NOTHING_TO_CUT | {"torchvision:vgg11_bn"}]
)
@quick
@given(cut=floats(0.05, 0.7), all_groups=booleans())
def test_cut_equals_masked(name, cut, all_groups):
    check(name, cut, "all" if all_groups else widest(name))


@pytest.mark.parametrize("name", sorted(DEEP | {"torchvision:vgg11_bn"}))
def test_cut_equals_masked_on_deep_networks(name):
    check(name, 0.4, "all")


@pytest.mark.parametrize("name", [name for name in ZOO if name not in DEEP | NOTHING_TO_CUT])
@torch.no_grad()
def test_cost_equals_what_is_counted_on_the_network_really_cut(name):
    plan, small, example = check(name, 0.5, widest(name))
    with FlopCounterMode(display=False) as counter:
        small(example)
    assert plan.macs * len(example) * 2 == counter.get_total_flops()
    assert plan.macs < plan.macs_before
    again = pruning.ChannelGraph(small, example, verify=False)
    assert sum(group.size for group in again.groups) == sum(plan.widths.values())


@torch.no_grad()
def test_exact_in_float64():
    model, example = ZOO["resnet20"]()
    model, example = model.double(), example.double()
    graph = pruning.ChannelGraph(model, example)
    plan = random_plan(graph, 0.5, groups="all")
    with pruning.masked(model, plan):
        masked = model(example)
    assert relative_difference(masked, pruning.cut(model, plan)(example)) < 1e-10


def test_groups_of_the_zero_padding_resnet():
    graph = zoo("resnet20")[2]
    inner = [group for group in graph.groups if group.inner]
    assert [group.size for group in inner] == [16] * 3 + [32] * 3 + [64] * 3
    assert all(group.name.endswith("conv1") and len(group.layers) == 1 for group in inner)
    streams = {group.name: group.size for group in graph.groups if not group.inner}
    assert streams == {"conv1": 16, "layer2.0.conv2": 16, "layer3.0.conv2": 32}  # the padding follows the cut
    assert graph.fixed == {"linear": "it is the network's output"}
    assert graph.macs == 40_551_040  # 0.41e8, as published for ResNet-20; 640 are the classifier


def test_a_gate_does_not_make_a_group_a_stream_but_a_sum_does():
    squeezed = {g.name: g for g in zoo("squeeze and excitation")[2].groups}
    assert squeezed["stem"].inner and squeezed["stem"].tied_to == ("excite",)
    assert not any(g.inner for g in zoo("resnet20")[2].groups if "conv2" in g.name)
    halves = zoo("gated linear unit")[2].groups[0]
    assert halves.size == 8 and halves.positions == 2 and not halves.inner


def test_a_network_comes_out_of_everything_as_it_went_in():
    model, example = ZOO["resnet20"]()
    model.train()
    model.conv1.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    modes = [m.training for m in model.modules()]
    graph = pruning.ChannelGraph(model, example)
    images = torch.randn(40, 3, 32, 32), torch.arange(40) % 4
    for criterion in ("taylor", "catro", "di", "energy"):
        pruning.score(graph, criterion, images, calibration=20)
    plan = random_plan(graph, 0.5)
    with pytest.raises(RuntimeError), pruning.masked(model, plan):
        raise RuntimeError
    small = pruning.cut(model, plan)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert [m.training for m in model.modules()] == modes and not model.conv1.weight.requires_grad
    assert all(p.grad is None for p in model.parameters())
    assert not any(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())
    mine = {p.data_ptr() for p in [*model.parameters(), *model.buffers()] if p.numel()}
    assert not mine & {p.data_ptr() for p in [*small.parameters(), *small.buffers()] if p.numel()}
    assert small.training and not small.conv1.weight.requires_grad


def test_gradients_follow_a_cut():
    model, example = ZOO["plain"]()
    model(example).sum().backward()
    graph = pruning.ChannelGraph(model, example)
    plan = random_plan(graph, 0.5)
    small = pruning.cut(model, plan)
    assert torch.equal(small[3].weight.grad, model[3].weight.grad[plan.kept["3"]][:, plan.kept["0"]])


def test_a_plan_survives_its_file_and_cuts_a_fresh_copy(tmp_path):
    model, example, graph = zoo("resnet20")
    plan = random_plan(graph, 0.5, groups="all")
    again = pruning.Plan.from_json(plan.to_json())
    with torch.no_grad():
        assert torch.equal(pruning.cut(model, plan)(example), pruning.cut(model, again)(example))
        with pruning.masked(model, again):
            masked = model(example)
        assert relative_difference(masked, pruning.cut(model, again)(example)) < 1e-5
    assert again.widths == plan.widths and again.macs == plan.macs


def test_bad_input_is_one_sentence():
    model, example, graph = zoo("resnet20")
    other = zoo("plain")[0]
    plan = random_plan(graph, 0.5)
    with pytest.raises(ValueError, match="another network"):
        pruning.cut(other, plan)
    with pytest.raises(ValueError, match="does not run on an example of shape"):
        pruning.ChannelGraph(model, torch.randn(1, 5, 32, 32))
    with pytest.raises(ValueError, match="layer1.0.conv1"):
        random_plan(graph, 0.5, protect=["layer1.0.conv7"])
    with pytest.raises(ValueError, match="largest within the limits is 0.8"):
        pruning.plan(graph, pruning.score(graph, "l1"), cut=0.97)
    with pytest.raises(ValueError, match="no plan"):
        pruning.Plan.from_json(b"\x00\x01")


def test_two_threads_score_two_networks_at_once():
    from concurrent.futures import ThreadPoolExecutor

    pairs = [(zoo("resnet20")[2], "l1"), (zoo("resnet20_b")[2], "fpgm")]
    alone = [pruning.score(graph, name) for graph, name in pairs]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda pair: pruning.score(*pair), pairs))
    for one, other in zip(alone, together, strict=True):
        assert all(np.array_equal(one[group], other[group]) for group in one)


class Projected(nn.Module):
    """In training it also answers a projection, of what may be dropped, and counts how often it ran."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(conv(3, 8), nn.BatchNorm2d(8), nn.ReLU(), conv(8, 12), nn.Dropout(0.5))
        self.head = nn.Linear(12, 3)
        self.project = nn.Sequential(nn.Linear(12, 6), nn.BatchNorm1d(6), nn.Linear(6, 2))
        self.register_buffer("ran", torch.zeros(()))

    def forward(self, x, target=0):
        x = self.body(x).mean((2, 3))
        if not self.training:
            return self.head(x)
        if target is None:
            raise ValueError("training needs a target")
        self.ran += 1
        return self.head(x), F.normalize(self.project(F.dropout(x + torch.randn_like(x))), dim=1)


def test_a_head_that_runs_only_in_training_is_named_and_cut_along():
    model, example = Projected().eval(), torch.randn(1, 3, 8, 8)
    before, numbers = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    graph = pruning.ChannelGraph(model, example)
    assert torch.equal(numbers, torch.get_rng_state())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert [group.name for group in graph.groups] == ["body.0", "body.3"] and graph.verified
    assert graph.fixed["project.0"] == "it runs only in training"
    assert any(note.startswith("project runs only in training") for note in graph.structure.notes)
    plan = random_plan(graph, 0.5)
    small = pruning.cut(model, plan)
    assert plan.parameters == sum(p.numel() for p in small.parameters())
    assert [part.shape for part in small.train()(torch.randn(4, 3, 8, 8))] == [(4, 3), (4, 2)]


def test_a_head_that_no_example_runs_is_a_note():
    graph = pruning.ChannelGraph(Projected().eval(), (torch.randn(1, 3, 8, 8), None))
    assert len(graph.groups) == 2
    assert any("project" in note and "training needs a target" in note for note in graph.structure.notes)
