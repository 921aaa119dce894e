"""Repair without labels, on every network of the zoo: it mends, or says why not; nothing is half done."""

import copy

import numpy as np
import pytest
import torch

import pruning
from pruning.channels.ids import flat
from pruning.channels.slices import named_tensors
from pruning.progress import Cancelled
from tests.zoo import LARGE, ZOO, cut_network, cut_pictures


@pytest.mark.parametrize("name", sorted(name for name in ZOO if not name.startswith(LARGE)))
def test_every_network_of_the_zoo_is_repaired(name):
    graph, plan, data = cut_pictures(name)
    small = pruning.cut(graph.model, plan)
    before = {key: value.clone() for key, value in graph.model.state_dict().items()}

    def missing():
        with torch.no_grad():
            pairs = zip(flat(graph.model(data[0])), flat(small(data[0])), strict=True)
            return sum(float((whole - cut).square().mean()) for whole, cut in pairs)

    try:
        raw = missing()
    except Exception as error:
        pytest.skip(f"does not answer tensors of the same shapes: {error}")
    told = pruning.repair(small, plan, graph.model, data, "reconstruct", calibration=24)
    messages = [message for message in told if not message.startswith("divergence")]
    assert missing() <= raw * (1 + 1e-6) or messages
    pruning.repair(small, plan, graph.model, data, "match", calibration=24, match_steps=2)
    assert np.isfinite(missing())
    assert all(torch.equal(value, before[key]) for key, value in graph.model.state_dict().items())


def test_match_is_the_same_again_and_comes_nearer():
    model = pruning.load_model("resnet20", data="digits")
    data = pruning.load_data("digits")
    graph = pruning.ChannelGraph(model, torch.zeros(2, 3, 32, 32))
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.8)
    outcomes, losses = [], []

    def watch(stage, done, total, message="", loss=None, **_):
        losses.extend([loss] if message == "match" else [])

    for _ in range(2):
        small = pruning.cut(model, plan)
        pruning.repair(small, plan, model, data, "match", calibration=60, match_steps=4, watch=watch)
        outcomes.append({name: tensor.clone() for name, tensor in small.state_dict().items()})
    assert all(torch.equal(tensor, outcomes[1][name]) for name, tensor in outcomes[0].items())
    assert losses[:4] == losses[4:] and losses[3] < losses[0]


def test_a_network_that_nothing_was_cut_of_is_left_bit_for_bit():
    graph, plan, data = cut_network("resnet20", cut=0.0)
    small = pruning.cut(graph.model, plan)
    told = pruning.repair(small, plan, graph.model, data, "match", calibration=24, match_steps=2)
    same = named_tensors(graph.model)
    assert all(torch.equal(tensor, same[name]) for name, tensor in named_tensors(small).items())
    assert any("improved nothing" in message for message in told)


@pytest.mark.parametrize("how", ["reconstruct", "match"])
def test_a_cancelled_repair_leaves_the_cut_network_as_it_was(how):
    graph, plan, data = cut_network("resnet20")
    small = pruning.cut(graph.model, plan)
    before = copy.deepcopy(named_tensors(small))

    def watch(stage, done, total, message="", **_):
        if message == how and done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        pruning.repair(small, plan, graph.model, data, how, calibration=24, match_steps=4, watch=watch)
    assert all(torch.equal(tensor, before[name]) for name, tensor in named_tensors(small).items())
    assert all(parameter.grad is None for parameter in small.parameters())
