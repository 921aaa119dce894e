"""What a cut leaves: plans that compose, memory formats and hooks kept."""

import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune

import pruning
from pruning.channels.slices import named_tensors
from tests.zoo import ZOO, seeded


def planned(name="resnet20_b", cut=0.4, groups="all", criterion="l1"):
    model, example = ZOO[name]()
    graph = pruning.ChannelGraph(model, example)
    plan = pruning.plan(graph, pruning.score(graph, criterion), cut=cut, measure="channels", groups=groups)
    return model, example, plan


@pytest.mark.parametrize("name", ["resnet20", "channel shuffle by hand", "interpolated and concatenated"])
@torch.no_grad()
def test_cutting_twice_is_cutting_once_by_the_composed_plan(name):
    model, example, first = planned(name, 0.3)
    once = pruning.cut(model, first)
    graph = pruning.ChannelGraph(once, example)
    second = pruning.plan(graph, pruning.score(graph, "random"), cut=0.4, measure="channels", groups="all")
    twice, both = pruning.cut(once, second), first.then(second)
    direct = pruning.cut(model, both)
    assert torch.equal(direct(example), twice(example))
    assert both.widths == second.widths and both.macs == second.macs
    again = pruning.Plan.from_json(both.to_json())
    assert torch.equal(pruning.cut(model, again)(example), twice(example))
    with pytest.raises(ValueError, match="not of the network"):
        first.then(first)


def test_layout_hooks_and_what_is_not_trained_come_along():
    model, example, plan = planned()
    model = model.to(memory_format=torch.channels_last)
    model.layer1[0].conv1.weight.requires_grad_(False)
    heard = []
    model.layer1.register_forward_hook(lambda module, inputs, output: heard.append(output.shape))
    small = pruning.cut(model, plan)
    assert all(
        tensor.is_contiguous(memory_format=torch.channels_last)
        for name, tensor in small.named_parameters()
        if tensor.dim() == 4
    )
    assert not small.layer1[0].conv1.weight.requires_grad and small.layer1[0].conv2.weight.requires_grad
    small(example)
    assert len(heard) == 1


class Merging(nn.Linear):
    """As LoRA's layers do, which add their update to the weight for evaluation, and take it off again."""

    def __init__(self):
        super().__init__(8, 8)
        self.update, self.merged = nn.Parameter(torch.randn(8, 8)), False

    def train(self, mode=True):
        super().train(mode)
        if mode == self.merged:
            self.weight.data += (-1 if mode else 1) * self.update.data
            self.merged = not mode
        return self

    def forward(self, x):
        return F.linear(x, self.weight if self.merged else self.weight + self.update, self.bias)


def test_a_network_that_does_more_when_its_mode_changes_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), Merging(), nn.ReLU(), nn.Linear(8, 2)).train()
    before = model[2].weight.detach().clone()
    pruning.ChannelGraph(model, torch.randn(2, 4))
    assert torch.equal(model[2].weight, before) and not model[2].merged and model[2].training


class Branching(nn.Module):
    """Keeps what it has computed, and runs one branch or the other."""

    def __init__(self):
        super().__init__()
        self.stem, self.soft, self.hard = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 6, 3), nn.Conv2d(8, 6, 3)
        self.head, self.seen = nn.Conv2d(6, 2, 1), {}

    def forward(self, x):
        self.seen = {"maps": [F.relu(self.stem(x))]}
        branch = self.hard if x.mean() > 9 else self.soft
        return self.head(F.relu(branch(self.seen["maps"][0])))


def test_what_did_not_run_on_the_example_is_told_and_what_was_kept_is_no_hindrance():
    model, images = Branching().eval(), torch.randn(2, 3, 8, 8)
    model(images)  # what it keeps hangs on a graph of gradients
    graph = pruning.ChannelGraph(model, images)
    assert any(note.startswith("hard did not run on this example") for note in graph.structure.notes)
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.4)
    with torch.no_grad(), pruning.masked(model, plan):
        assert torch.allclose(pruning.cut(model, plan)(images), model(images), atol=1e-5)
    assert pruning.plain(model).seen["maps"][0].shape == model.seen["maps"][0].shape


def test_scores_of_another_network_are_refused():
    graphs = [
        pruning.ChannelGraph(nn.Sequential(nn.Conv2d(3, n, 3), nn.Conv2d(n, 2, 3)), torch.zeros(1, 3, 8, 8))
        for n in (8, 20)
    ]
    with pytest.raises(ValueError, match="scores are of another network: 20 for group '0', which has 8"):
        pruning.plan(graphs[0], pruning.score(graphs[1], "l1"), cut=0.3)


def test_a_network_whose_hooks_have_computed_a_weight_is_cut():
    layers = nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.Flatten(), nn.Linear(96, 4)
    model, images = seeded(nn.Sequential(*layers)), torch.randn(2, 3, 8, 8)
    prune.l1_unstructured(model[4], "weight", 0.3)  # leaves a tensor with a gradient, which torch won't copy
    graph = pruning.ChannelGraph(model, images)
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.3)
    small = pruning.cut(model, plan)
    with pruning.masked(model, plan):
        assert torch.allclose(small(images), model(images), atol=1e-5)
    assert small[0].out_channels < 8 and small[2].out_channels == 6  # its reader's weight is computed


def test_a_cut_holds_no_full_copy():
    """All that a cut ever makes, rows before columns, is less than one copy of the whole network."""
    model, _, plan = planned()
    made = []

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            if func.__name__ in ("clone", "index_select", "contiguous"):
                made.append(result.numel())
            return result

    with Watch():
        small = pruning.cut(model, plan)
    assert sum(p.numel() for p in small.parameters()) < 0.4 * sum(p.numel() for p in model.parameters())
    assert sum(made) < sum(tensor.numel() for tensor in named_tensors(model).values())


class Normalised(nn.Sequential):
    def __init__(self, norm):
        super().__init__(nn.Conv2d(3, 4, 3), norm, nn.Conv2d(4, 2, 3))


class OwnNorm(nn.Module):
    def forward(self, x):
        return F.batch_norm(x, None, None, training=True)


class Held(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3))
        self.lock = threading.Lock()


def in_one_memory():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 2, 3))
    model[2].weight.data = model[1].weight.data
    return model


def expanded():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3))
    model[1].weight = nn.Parameter(torch.ones(1).expand(4))
    return model


@torch.inference_mode()
def of_inference():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3))


BAD = {
    "cannot be copied, and a cut is a copy: cannot pickle": Held,
    "1.weight and 2.weight are two tensors in one memory": in_one_memory,
    "1.weight holds one number for several entries": expanded,
    "0.weight was made under torch.inference_mode": of_inference,
    "the network is a function; give a torch.nn.Module": lambda: F.relu,
    "even in evaluation mode": lambda: Normalised(OwnNorm()),
    "is lazy": lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.Conv2d(4, 2, 3)),
    "meta device": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3)).to("meta"),
    "the batch's own statistics": lambda: Normalised(nn.BatchNorm2d(4, track_running_stats=False)),
    "does not run on an example of shape": lambda: nn.Sequential(nn.Conv2d(5, 4, 3), nn.Conv2d(4, 2, 3)),
    "quantized": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), torch.ao.nn.quantized.Quantize(1.0, 0, torch.quint8)
    ),
}


@pytest.mark.parametrize("told", BAD)
def test_what_cannot_be_traced_is_one_sentence(told):
    with pytest.raises(ValueError, match=told) as raised:
        pruning.ChannelGraph(BAD[told](), torch.zeros(1, 3, 16, 16))
    assert len(str(raised.value).splitlines()) == 1


def test_an_example_that_is_none_or_elsewhere_is_one_sentence():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3))
    with pytest.raises(ValueError, match="example is on the meta device"):
        pruning.ChannelGraph(model, torch.zeros(1, 3, 8, 8, device="meta"))
    with pytest.raises(ValueError, match="holds no tensor"):
        pruning.ChannelGraph(model, ("an image",))
    graph = pruning.ChannelGraph(nn.Sequential(nn.Conv2d(3, 4, 3)), torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match="output"):
        pruning.plan(graph, {}, cut=0.5)


def test_an_example_may_be_a_tuple_or_a_dict():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(1, 6, 3), nn.Conv2d(6, 2, 1)

        def forward(self, image, depth):
            return self.head(F.relu(self.left(image) + self.right(depth)))

    model, parts = Both().eval(), (torch.randn(2, 3, 8, 8), torch.randn(2, 1, 8, 8))
    named = dict(zip(("image", "depth"), parts, strict=True))
    for example in (parts, named):
        graph = pruning.ChannelGraph(model, example)
        plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5, measure="channels", groups="all")
        with torch.no_grad():
            with pruning.masked(model, plan):
                masked = model(*parts)
            assert torch.allclose(masked, pruning.cut(model, plan)(**named), atol=1e-6)
        assert graph.groups[0].tied_to == ("right",) and graph.macs == 36 * (54 * 3 + 54 + 12)


def test_a_network_may_hold_a_container_that_holds_itself():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3)).eval()
    model.own = [torch.ones(1)]
    model.own.append(model.own)
    graph = pruning.ChannelGraph(model, torch.zeros(1, 3, 8, 8))
    assert [group.name for group in graph.groups] == ["0"] and graph.verified


def test_every_layer_that_holds_a_tied_weight_says_its_new_width():
    network = nn.Sequential(
        *[nn.Conv2d(8, 8, 3, padding=1) for _ in range(3)], nn.Flatten(), nn.Linear(128, 2)
    )
    network[2].weight = network[1].weight
    graph = pruning.ChannelGraph(network, torch.randn(1, 8, 4, 4))
    small = pruning.cut(network, pruning.plan(graph, pruning.score(graph, "l1"), cut=0.3, groups="all"))
    for layer in small[:3]:
        assert layer.weight.shape[:2] == (layer.out_channels, layer.in_channels) and layer.out_channels < 8
