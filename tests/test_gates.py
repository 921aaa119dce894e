"""Gates: put in without changing an output, taken out bit by bit, cut without a loss; blocks close only
where a path leads around them."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import floats, integers
from torch import nn

import pruning
from pruning.channels.ids import answer, flat
from pruning.channels.slices import silenced
from pruning.gates.gate_optimizer import GateOptimizer
from pruning.gates.gate_trace import opened, slope
from pruning.gates.gates import Gates
from pruning.quantize.rounding import quantize
from tests.zoo import ZOO, conv

LONG = ("resnet32", "resnet44", "resnet56", "resnet110", "torchvision:vgg")
SHALLOW = sorted(name for name in ZOO if not name.startswith(LONG))
quick = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
_made = {}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


def zoo(name):
    """A network of the zoo with its graph, made once a module: gates leave it as it was."""
    if name not in _made:
        model, example = ZOO[name]()
        _made[name] = pruning.ChannelGraph(model.eval(), example)
    return _made[name]


def gated(graph, **options):
    """Gates on a network of the zoo; skipped where it has no channel that a gate could stand on."""
    try:
        return Gates(graph, **options)
    except ValueError as error:
        pytest.skip(str(error))


def moved(gates, seed=0):
    """Gates at random places, a good third of them shut, never a whole group's; one block closed whole."""
    random = np.random.default_rng(seed)
    scaled = random.uniform(0.3, 3, len(gates)) * (random.random(len(gates)) > 0.4)
    for own in gates.placement.starts.values():
        scaled[own][:1] = 1.0
    for branch in gates.placement.branches[:1]:
        for g in branch:
            scaled[gates.placement.starts[g]] = 0
    gates.set(scaled, 0.01)
    return gates


@torch.no_grad()
def outputs(network, example):
    return [
        t for t in flat(answer(network, example)) if isinstance(t, torch.Tensor) and t.is_floating_point()
    ]


def difference(some, others):
    return max(
        float((a - b).abs().max() / a.abs().max().clamp_min(1e-9)) for a, b in zip(some, others, strict=True)
    )


# ------------------------------------------------------------------------------- in, out, absorbed and cut


@pytest.mark.parametrize("groups", ["inner", "all"])
@pytest.mark.parametrize("name", SHALLOW)
def test_gates_change_nothing_until_they_move_and_nothing_when_their_zeros_are_cut(name, groups):
    graph = zoo(name)
    before = outputs(graph.model, graph.example)
    gates = gated(graph, groups=groups, blocks=True)
    assert all(torch.equal(a, b) for a, b in zip(before, outputs(gates, graph.example), strict=True))

    with_gates = outputs(moved(gates), graph.example)
    plan = gates.plan()
    assert plan.widths == {
        group.name: len(gates.kept().get(g, range(group.size))) for g, group in enumerate(graph.groups)
    }
    with gates.inserted() as model:
        assert difference(with_gates, outputs(model, graph.example)) == 0
        small = pruning.cut(model, plan).eval()
    assert difference(with_gates, outputs(small, graph.example)) < 1e-5
    assert all(torch.equal(a, b) for a, b in zip(before, outputs(graph.model, graph.example), strict=True))


def test_a_gate_stands_before_regular_layers_and_never_before_depth_wise_ones():
    model = nn.Sequential(conv(3, 8), nn.Conv2d(8, 8, 3, groups=8), nn.ReLU(), conv(8, 4)).eval()
    gates = Gates(pruning.ChannelGraph(model, torch.randn(1, 3, 12, 12)))
    assert {name for name in gates.weights()} == {"3.weight"}
    assert len(gates) == 8


# -------------------------------------------------------------------------------------- blocks that close


@pytest.mark.parametrize("name", SHALLOW)
def test_a_block_may_close_exactly_where_the_answer_still_depends_on_the_image(name):
    """Brute force: with what reads a group silenced, do two images still get different answers?"""
    graph = zoo(name)
    placement = gated(graph, groups="all").placement
    if not placement.liveness.known or not isinstance(graph.example[0], torch.Tensor):
        pytest.skip("some part cannot be looked into, so nothing closes")
    other = tuple(torch.randn_like(t) if t.is_floating_point() else t for t in graph.example)
    for g in placement.groups:
        alone = np.arange(placement.structure.groups[g].size)
        gone = silenced_readers(placement.structure, g, alone)
        with silenced(graph.model, gone):
            depends = difference(outputs(graph.model, graph.example), outputs(graph.model, other)) > 0
        if placement.liveness.closing([g]) is not None:
            assert depends
        elif not placement.structure.groups[g].renormalised:
            assert not depends or name in CONSTANT_PARTS


# a product of which one factor closes hears the image in the other: what is left of it is not looked into
CONSTANT_PARTS = {"attention gate", "squeeze and excitation", "softmax over a stack"}
CONSTANT_PARTS |= {"masks and those of an auxiliary head, in a dict"}  # one of two answers would not depend


def silenced_readers(structure, g, channels):
    from pruning.channels.indices import cut_where_read

    return cut_where_read(structure, {g: np.setdiff1d(np.arange(structure.groups[g].size), channels)})


class Residual(nn.Module):
    def __init__(self, channels=8, bottleneck=False):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.one = nn.Conv2d(channels, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.middle = nn.Conv2d(6, 5, 3, padding=1) if bottleneck else nn.Identity()
        self.two = nn.Conv2d(5 if bottleneck else 6, channels, 3, padding=1)
        self.last = nn.BatchNorm2d(channels)
        self.head = nn.Linear(channels, 4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        inside = F.relu(self.middle(F.relu(self.norm(self.one(x)))))
        return self.head(F.relu(x + self.last(self.two(inside))).mean((2, 3)))


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("bottleneck", [False, True])
def test_a_closed_block_says_the_same_1_10_and_100_steps_later(bottleneck, optimizer):
    torch.manual_seed(0)
    model, images = Residual(bottleneck=bottleneck), torch.randn(16, 3, 8, 8)
    labels = torch.arange(16) % 4
    for _ in range(3):
        model(images)  # the norms have statistics of their own
    gates = Gates(pruning.ChannelGraph(model, images[:1]))
    (branch,) = gates.placement.branches
    assert len(branch) == 1 + bottleneck
    gates.set(np.where(np.isin(gates.placement.owner, list(branch)), 0.0, 1.0), 0.1)
    gates.settle_norms(images)
    optimizer = optimizer(model.parameters(), lr=0.01)
    for step in range(1, 101):
        model.train()
        optimizer.zero_grad()
        F.cross_entropy(gates(images), labels).backward()
        optimizer.step()
        if step in (1, 10, 100):
            model.eval()
            with_gates = outputs(gates, (images,))
            with gates.inserted():
                small = pruning.cut(model, gates.plan()).eval()
            assert small.one.weight.shape[0] == small.two.weight.shape[1] == 0
            assert difference(with_gates, outputs(small, (images,))) < 1e-5
    gates.settle_norms(
        images
    )  # momentum and rounding move a bias a little; nothing else is left of the block
    model.eval()
    with gates.inserted():
        small = pruning.cut(model, gates.plan()).eval()
    constant = small.last(small.two(torch.zeros(2, 0, 8, 8)))
    assert torch.allclose(constant, model.last.bias.view(1, -1, 1, 1).expand_as(constant), atol=1e-5)
    small.train()(images).sum().backward()  # trains on as any network
    assert small.head.weight.grad.abs().sum() > 0 and not small.one.weight.numel()


def test_a_plan_with_a_closed_block_cuts_again_from_its_text():
    graph = zoo("resnet20")
    gates = moved(Gates(graph, blocks=True))
    plan = gates.plan()
    assert 0 in plan.widths.values() and plan.macs < plan.macs_before
    again = pruning.Plan.from_json(plan.to_json())
    small, same = pruning.cut(graph.model, plan), pruning.cut(graph.model, again)
    assert difference(outputs(small, graph.example), outputs(same, graph.example)) == 0
    assert difference(outputs(copy.deepcopy(small), graph.example), outputs(small, graph.example)) == 0
    assert sum(p.numel() for p in small.parameters()) == plan.parameters

    labelled = torch.randn(20, 3, 32, 32), torch.arange(20) % 10
    packed = quantize(small, labelled, bits=4, by="error", calibration=20)  # no weights, no bits
    assert torch.isfinite(outputs(packed.model, graph.example)[0]).all()


def test_blocks_do_not_all_close_where_only_one_path_is_left():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c, self.d = conv(3, 6), conv(3, 6), conv(6, 4), conv(6, 4)

        def forward(self, x):
            return self.c(self.a(x)) + self.d(self.b(x))

    placement = Gates(pruning.ChannelGraph(Two().eval(), torch.randn(1, 3, 9, 9))).placement
    one, other = placement.groups
    assert placement.closing([one]) == {one}
    assert placement.closing([one, other]) is None


# ------------------------------------------------------------------------------------------ how they move


@given(floats(1e-3, 50))
@quick
def test_the_slope_is_the_function_s(scaled):
    step = 1e-6 * scaled
    numeric = (opened(np.array(scaled + step)) - opened(np.array(scaled - step))) / (2 * step)
    assert slope(np.array(scaled)) == pytest.approx(float(numeric), rel=1e-4, abs=1e-9)


def test_a_gate_whose_t_never_moves_opens_by_the_schedule_alone_and_changes_no_output():
    graph = zoo("resnet20")
    gates = Gates(graph)
    mover = GateOptimizer(gates, 0.5, 30, 1e-4, 0.1, frozen=True)
    before = outputs(graph.model, graph.example)
    for _ in range(30):
        mover.move(np.random.default_rng(0).normal(size=len(gates)))
    assert opened(gates.scaled) == pytest.approx(0.999, abs=1e-3)  # from a half
    assert difference(before, outputs(gates, graph.example)) < 1e-6


@given(integers(0, 2**31), floats(0.1, 0.85), integers(20, 120))
@quick
def test_whatever_the_loss_says_the_target_is_reached_and_every_group_keeps_its_floor(seed, cut, steps):
    gates = Gates(zoo("resnet20"), blocks=seed % 2 == 1)
    placement, random = gates.placement, np.random.default_rng(seed)
    mover = GateOptimizer(gates, cut, steps, 1e-4, 1.0)
    scale = np.exp(random.normal(0, 2, len(gates)))
    for _ in range(steps):
        mover.move(scale * random.normal(-0.5, 1, len(gates)) * (1 - mover.gates.factors))
    mover.finish()
    left = placement.left(mover.hard(gates.scaled))
    assert abs(left - (1 - cut)) < 0.01
    assert mover.between <= 0.02
    for g, own in placement.starts.items():
        count = int((gates.scaled[own] > 0).sum())
        assert count >= placement.floors[g] or (count == 0 and g in mover.closed)
    assert placement.closing(mover.closed) == (mover.closed or frozenset()) or not mover.closed


def test_a_target_out_of_reach_names_the_largest():
    placement = Gates(zoo("vgg16_slim") if "vgg16_slim" in ZOO else zoo("resnet20")).placement
    with pytest.raises(ValueError, match=r"largest that gates can reach here is 0\.9"):
        placement.must_reach(0.999)


def test_a_loss_that_would_shut_everything_is_held_at_the_floor_and_the_target_and_is_told():
    gates = Gates(zoo("resnet20"))
    mover = GateOptimizer(gates, 0.4, 60, rate=100.0, pull="signed")
    for _ in range(60):
        mover.move(np.ones(len(gates)))
    mover.finish()
    assert mover.overpulled and gates.placement.left(mover.hard(gates.scaled)) == pytest.approx(0.6, abs=0.01)
    floors = gates.placement.floors
    assert all(len(kept) >= floors[g] or g in mover.closed for g, kept in gates.kept().items())


def test_going_on_from_a_state_is_as_if_nothing_had_been():
    def one(stop):
        gates = Gates(zoo("resnet20"))
        mover = GateOptimizer(gates, 0.5, 20, 1e-4, 1.0)
        for step in range(20):
            if step == stop:
                arrays, numbers = copy.deepcopy(mover.arrays()), mover.numbers()
                gates = Gates(zoo("resnet20"))
                mover = GateOptimizer(gates, 0.5, 20, 1e-4, 1.0)
                mover.go_on(arrays, numbers)
            mover.move(np.random.default_rng(step).normal(size=len(gates)))
        return gates.scaled

    assert np.array_equal(one(None), one(7)) and np.array_equal(one(None), one(18))
