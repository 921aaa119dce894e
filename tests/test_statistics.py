"""Statistics of one streaming pass, against the definitions computed by hand."""

import gc

import numpy as np
import pytest
import torch

import pruning
from pruning.criteria import SCORED, resolve_options
from pruning.criteria.di import scaled_labels
from pruning.criteria.scoring import score_all
from pruning.data import images_at_once
from pruning.statistics.collect import at_once
from tests.zoo import images_and_inside


@pytest.fixture(scope="module")
def small():
    return images_and_inside()


def test_energy_is_variance_times_reader_weights(small):
    model, graph, data, _, _, _, read = small
    found = pruning.score(graph, "energy", data)["0"]
    variance = read.double().transpose(0, 1).flatten(1).var(1, unbiased=False)
    told = variance * model[2].weight.double().square().sum((0, 2, 3))
    assert found == pytest.approx(told.detach().numpy(), rel=1e-4)


def test_catro_scatter_is_what_the_definition_says(small):
    model, graph, data, _, labels, _, read = small
    table = pruning.score(graph, "catro", data, reader_weights=False).tables["0"]
    maps = read.double().flatten(2)  # [N, C, places]
    mean = maps.mean(0)
    between, within = 0, 0
    for k in range(3):
        mine = maps[labels == k]
        between = between + len(mine) * (mine.mean(0) - mean).square().sum(1)
        within = within + (mine - mine.mean(0)).square().sum((0, 2))
    ratio = (between / within).numpy()
    assert (table["b"] / table["w"]).to_numpy() == pytest.approx(ratio, rel=1e-4)
    assert table["w"].to_numpy() == pytest.approx((within / within.sum()).numpy(), rel=1e-4)


def test_di_taylor_is_the_dual_form_batch_by_batch(small):
    _, graph, data, _, labels, written, _ = small
    found = pruning.score(graph, "di", data, rho=0.5)["0"]
    x = written.double().flatten(1)  # one batch of fewer than 128
    centred = (x - x.mean(0)).numpy()
    y = scaled_labels(labels.numpy())
    dual = centred.T @ np.linalg.solve(centred @ centred.T + 0.5 * np.eye(len(x)), y)
    told = 2 * (dual**2).reshape(6, -1).sum(axis=1)
    assert found == pytest.approx(told, rel=1e-3)


def test_taylor_is_the_slope_of_each_images_loss(small):
    model, graph, data, inputs, labels, _, read = small
    found = pruning.score(graph, "taylor", data)["0"]
    maps = read.detach().requires_grad_()
    torch.nn.functional.cross_entropy(model[2:](maps), labels, reduction="sum").backward()
    told = (maps.grad * maps).sum((2, 3)).abs().mean(0)
    assert found == pytest.approx(told.detach().numpy(), rel=1e-4)


def test_a_flattened_channel_is_all_its_pixels(small):
    model, graph, data, inputs, _, _, _ = small
    with torch.no_grad():
        flat = model[:5](inputs).double()
    told = (flat.var(0, unbiased=False) * model[5].weight.double().square().sum(0)).reshape(5, 9).sum(1)
    assert pruning.score(graph, "energy", data)["2"] == pytest.approx(told.detach().numpy(), rel=1e-4)


def test_no_batch_outlives_its_turn(small):
    """Whatever the criterion, nothing of a batch waits for the garbage collector: memory is flat in N."""
    model, graph, data, *_ = small

    def alive() -> int:
        found = (thing for thing in gc.get_objects() if type(thing) is torch.Tensor)
        return sum(tensor.numel() for tensor in found)

    def score(number: int) -> int:
        chosen = [(name, resolve_options(name, {})) for name in SCORED if name != "slimming"]  # no norm
        images = tuple(part.repeat_interleave(number, 0) for part in data)
        before = alive()
        score_all(graph, chosen, images, calibration=len(images[0]))
        return alive() - before

    gc.collect()
    gc.disable()
    try:
        score(1)
        assert score(2) <= score(1)
    finally:
        gc.enable()


def test_large_images_go_through_in_smaller_batches_and_small_ones_as_ever():
    model = pruning.load_model("mobilenet_v2", "digits", "none")  # the largest maps of all at 32 pixels
    for side, forward, backward in ((32, 128, 128), (256, 12, 3)):
        structure = pruning.ChannelGraph(model, torch.randn(1, 3, side, side), verify=False).structure
        assert (at_once(structure), at_once(structure, gradients=True)) == (forward, backward)
    for side, number in ((32, 256), (64, 256), (513, 7), (2048, 1)):
        assert images_at_once(np.broadcast_to(np.uint8(0), (9, side, side, 3)), 256) == number
