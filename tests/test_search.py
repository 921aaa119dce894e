"""Allocations that run the network: budgets and limits held, prices that are what was measured, scores taken
anew, and a search cancelled in the middle."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import pruning
from pruning.channels.indices import cut_where_read
from pruning.channels.slices import silenced
from pruning.criteria.di import discriminant_information
from pruning.experiment.planning import planned
from pruning.progress import Cancelled, silent
from pruning.search.by_information import information_curves
from pruning.search.by_loss import holdout_batches
from pruning.search.removal_order import Order
from pruning.statistics.calibration_images import CalibrationImages


@pytest.fixture(scope="module")
def network():
    data, model = pruning.load_data("digits"), pruning.load_model("resnet20", "digits")
    return data, model, pruning.ChannelGraph(model, torch.zeros(1, 3, 32, 32))


def searched(network, criterion="l1", **how) -> pruning.Plan:
    data, _, graph = network
    return pruning.search_plan(graph, criterion, data, **{"images": 24, "calibration": 100} | how)


def test_the_price_is_the_masked_networks_loss(network):
    data, model, graph = network
    plan = searched(network, cut=0.1, by="cross-entropy", recalibrated=False)
    rows = np.random.default_rng(0).permutation(len(data.holdout))[:24]
    inputs = pruning.data.to_tensor(data.holdout.images[rows], model.origin.normalization)
    kept = {g: plan.kept[name] for g, name in enumerate(graph.structure.names)}
    with silenced(model, cut_where_read(graph.structure, kept)), torch.no_grad():
        loss = F.cross_entropy(model.eval()(inputs), torch.from_numpy(np.array(data.holdout.labels[rows])))
    assert plan.path[-1].price == pytest.approx(float(loss), abs=1e-6)
    assert plan.path[-1].left == plan.macs
    given = sum(step.channels for step in plan.path)
    assert given == sum(group.size - len(plan.kept[group.name]) for group in graph.groups) > 0


def test_images_of_the_search_are_moved_and_mixed_where_that_is_asked_for(network):
    """Alike in every call; of what a network was trained on nothing comes as it was."""
    data, model, _ = network
    plain, one, other = (holdout_batches(model, data, 24, 0, moved=on) for on in (False, True, True))
    pairs = list(zip(plain.inputs, one.inputs, other.inputs, strict=True))
    assert all(torch.equal(a, b) and a.shape == as_it_is.shape for as_it_is, a, b in pairs)
    same = [(a == b).flatten(1).all(1) for a, b, _ in pairs]
    assert torch.cat(same).float().mean() < 0.2
    assert all(torch.equal(a, b) for a, b in zip(plain.targets, one.targets, strict=True))


def test_an_option_may_be_called_like_an_argument_of_the_search(network):
    data, _, graph = network
    named = {"criterion": "gradient_x_activation", "allocation": "error"}
    recipe = pruning.Recipe(data="digits", calibration=20, cut=0.2, **named)
    assert "images" in dict(recipe.options)
    plan = planned(recipe, graph, pruning.score(graph, "l1"), data)
    assert plan.achieved == pytest.approx(0.2, abs=0.01)


LIMITED = {"protect": ["layer3.0.conv1"], "cut_group": {"layer1.0.conv1": 0.25}, "max_cut_per_group": 0.5}


@pytest.mark.parametrize("how", [{"by": "di"}, {"by": "kl-moved"}, {"allocation": "trace-ratio"}], ids=str)
def test_budgets_and_limits_hold(network, how):
    graph = network[2]
    plan = searched(network, cut=0.2, **LIMITED, **how)
    widths = plan.widths
    assert widths["layer3.0.conv1"] == 64 and widths["layer1.0.conv1"] == 12
    assert all(widths[group.name] >= group.size / 2 for group in graph.groups)
    step = max(plan.macs_before * 0.01, 1)
    assert abs(plan.macs - 0.8 * plan.macs_before) <= step
    assert plan.widths["conv1"] == 16  # a stream, and only inner groups were asked for
    rounded = searched(network, cut=0.3, round_to=4, min_channels=8, **how)
    given = [w for w, group in zip(rounded.widths.values(), graph.groups, strict=True) if w < group.size]
    assert given and all(width % 4 == 0 and width >= 8 for width in given)
    assert {name for name, kept in rounded.kept.items()} == {group.name for group in graph.groups}


def test_a_plan_that_was_searched_survives_its_file(network):
    plan = searched(network, cut=0.1, by="di")
    again = pruning.Plan.from_json(plan.to_json())
    assert again.path == plan.path and len(plan.path) > 3
    table = plan.path_table()
    assert list(table["left"])[-1] == plan.macs and table["left"].is_monotonic_decreasing
    assert "candidates" in plan.messages[-1]


def test_the_same_seed_finds_the_same(network):
    first, again, other = (searched(network, cut=0.05, seed=seed) for seed in (0, 0, 1))
    assert first.path == again.path and first.path != other.path
    assert "24 hold-out images" in first.messages[-1]


@pytest.mark.parametrize(("criterion", "how"), [("l1", {"every": 3}), ("catro", {"rounds": 2})], ids=str)
def test_scored_again_what_is_gone_stays_gone(network, criterion, how):
    allocation = "trace-ratio" if criterion == "catro" else "greedy"
    told = []
    plan = searched(
        network,
        criterion,
        cut=0.15,
        by="di",
        allocation=allocation,
        watch=lambda *a, **v: told.append(a),
        **how,
    )
    assert abs(plan.achieved - 0.15) < 0.01
    assert sum(stage == "statistics" and done == total for stage, done, total in told) >= 2
    for group in network[2].groups:
        given = sum(step.channels for step in plan.path if step.group == group.name)
        assert group.size - given == len(plan.kept[group.name])


def test_information_lost_is_what_brute_force_says(network):
    data, model, graph = network
    scores = pruning.score(graph, "l1")
    group = graph.structure.names.index("layer1.0.conv1")
    images = CalibrationImages(model, data, 200, 0)
    curve = information_curves(graph, Order(graph.structure, scores), images, [group], silent)[group]
    heard = []
    hook = model.layer1[0].conv1.register_forward_hook(lambda _, __, out: heard.append(out.mean((2, 3))))
    with torch.no_grad():
        for inputs, _ in images.batches(100):
            model.eval()(inputs)
    hook.remove()
    features, labels = torch.cat(heard).double().numpy(), images.split.labels
    centred = features - features.mean(0)
    ridge = 1e-4 * np.mean((centred**2).sum(0))
    gone = np.lexsort((-np.arange(16), scores["layer1.0.conv1"]))
    whole = discriminant_information(features, labels)
    for number in (1, 5, 15):
        kept = np.sort(gone[number:])
        own = ridge / np.mean((centred[:, kept] ** 2).sum(0))
        left = discriminant_information(features[:, kept], labels, rho=own)
        assert curve[number] == pytest.approx(whole - left, rel=1e-6, abs=1e-9)
    assert curve[0] == 0 and (np.diff(curve) >= -1e-9).all()


@pytest.mark.parametrize("after", [3, 40])
def test_cancelled_in_the_middle_the_network_is_as_it_was(network, after):
    data, model, graph = network
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    calls = 0

    def impatient(stage, done, total, **values):
        nonlocal calls
        calls += 1
        if calls > after:
            raise Cancelled

    with pytest.raises(Cancelled):
        searched(network, "di", watch=impatient)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert modes == [module.training for module in model.modules()]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"cut": 0.99}, "largest within the limits"),
        ({"by": "accuracy"}, "cross-entropy"),
        ({"allocation": "uniform"}, "greedy"),
        ({"measure": "flops"}, "macs"),
        ({"criterion": "l3"}, "l1"),
        ({"cut": 1.0}, "0.5"),
    ],
)
def test_what_cannot_be_is_said(network, how, told):
    with pytest.raises(ValueError, match=told):
        searched(network, **how)


def test_a_plan_without_a_network_names_the_search(network):
    with pytest.raises(ValueError, match="search_plan"):
        pruning.plan(network[2], {}, allocation="greedy")
