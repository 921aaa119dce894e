"""Reconstruction: the algebra against brute force, error curves, widths by error."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.overrides import TorchFunctionMode

import pruning
from pruning.reconstruction.error_curves import curve, eliminated, error_curves, part_of, rises
from pruning.reconstruction.gram_matrices import grams
from pruning.reconstruction.im2col import Call, Places
from pruning.reconstruction.least_squares import RIDGE, RIDGES, solved, with_ridge
from pruning.search.by_error import by_error
from pruning.search.expected_accuracy import Tried, expected
from pruning.statistics.calibration_images import CalibrationImages
from tests.zoo import ZOO, cut_network


class Seen(TorchFunctionMode):
    """Every dense layer's call and output."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        output = func(*args, **(kwargs or {}))
        if call := Call.of(func, args, kwargs or {}):
            self.calls.append((call, output))
        return output


LAYERS = {
    "strided": lambda: (nn.Conv2d(6, 8, 3, 2, 1), (6, 11, 12)),
    "grouped and dilated": lambda: (nn.Conv2d(6, 8, (3, 5), (1, 2), dilation=2, groups=2), (6, 11, 12)),
    "same padding": lambda: (nn.Conv2d(6, 8, (3, 5), padding="same"), (6, 7, 7)),
    "depth-wise, reflected": lambda: (
        nn.Conv2d(6, 6, 3, groups=6, padding=1, padding_mode="reflect"),
        (6, 9, 9),
    ),
    "transposed": lambda: (nn.ConvTranspose2d(6, 4, 3, 2, 1, output_padding=1), (6, 7, 8)),
    "transposed and grouped": lambda: (nn.ConvTranspose2d(6, 4, 4, 2, 1, groups=2, dilation=2), (6, 7, 8)),
    "one dimension": lambda: (nn.Conv1d(6, 8, 3, 2, 1), (6, 20)),
    "three dimensions": lambda: (nn.Conv3d(4, 5, 3, 2, 1), (4, 6, 7, 8)),
    "linear": lambda: (nn.Linear(6, 4), (6,)),
    "linear on tokens": lambda: (nn.Linear(6, 4), (5, 6)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_rows_times_the_matrix_are_the_layer(name):
    layer, shape = LAYERS[name]()
    layer = layer.double()
    with Seen() as seen:
        layer(torch.randn(3, *shape, dtype=torch.float64))
    call, output = seen.calls[0]
    where = Places.drawn(np.random.default_rng(0), 3, call.size(output), 7, "cpu")
    found = call.rows(where) @ call.matrix() + call.split(layer.bias.expand(len(where), -1))
    torch.testing.assert_close(found, call.split(call.outputs(output, where)))
    torch.testing.assert_close(call.weight_of(call.matrix()), layer.weight, rtol=0, atol=0)


@given(st.integers(1, 40), st.integers(1, 30), st.booleans(), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_refit_is_ridge_regression_by_lstsq(rows, columns, intercept, seed):
    """Both forms, with and without a bias, against numpy.linalg.lstsq on the stacked system."""
    random = np.random.default_rng(seed)
    a, d = random.normal(size=(rows, columns)) + 1, random.normal(size=(rows, 3)) + 2
    dv, db = solved(torch.tensor(a)[None], torch.tensor(d)[None], intercept=intercept)
    seen, wanted = (a - a.mean(0), d - d.mean(0)) if intercept else (a, d)
    weight = RIDGE * (seen**2).sum() / columns or 1.0
    stacked = np.vstack([seen, np.sqrt(weight) * np.eye(columns)])
    found = np.linalg.lstsq(stacked, np.vstack([wanted, np.zeros((columns, 3))]), rcond=None)[0]
    np.testing.assert_allclose(dv[0], found, atol=1e-8)
    offset = d.mean(0) - a.mean(0) @ found if intercept else np.zeros(3)
    np.testing.assert_allclose(db[0], offset, atol=1e-8)


class TwoLayers(nn.Module):
    """One that is cut, one that reads it."""

    def __init__(self, bias=True):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 4, 3, padding=1, bias=bias)

    def forward(self, x):
        return self.second(self.first(x).relu())


def two_layers(bias=True, duplicate=False):
    torch.manual_seed(0)
    model = TwoLayers(bias).double().eval()
    if duplicate:
        with torch.no_grad():
            model.first.weight[4], model.first.bias[4] = model.first.weight[1], model.first.bias[1]
    images = torch.randn(40, 3, 6, 6, dtype=torch.float64), torch.zeros(40, dtype=torch.int64)
    return model, pruning.ChannelGraph(model, images[0][:2]), images


@pytest.mark.parametrize("bias", [True, False])
def test_the_refitted_layer_is_that_of_lstsq_at_the_ridge_that_is_best_for_images_set_aside(bias):
    model, graph, data = two_layers(bias)
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5, measure="channels")
    small = pruning.cut(model, plan)
    pruning.repair(small, plan, model, data, "reconstruct", calibration=40)
    kept = plan.kept["first"]
    images = CalibrationImages(model, data, 40, 0)
    inputs = next(iter(images.batches(40)))[0]
    with torch.no_grad():
        seen = nn.functional.unfold(model.first(inputs).relu()[:, kept], 3, padding=1)
        a = seen.transpose(1, 2).reshape(-1, 27).numpy()
        old = model.second.weight[:, kept].flatten(1).T.numpy()
        wanted = model(inputs).flatten(2).transpose(1, 2).reshape(-1, 4).numpy()
    lacks = wanted - a @ old - (model.second.bias.detach().numpy() if bias else 0)
    learned = 36 * 36  # places of nine of ten images
    about_a, about_d = (a[:learned].mean(0), lacks[:learned].mean(0)) if bias else (0, 0)
    a, lacks = a - about_a, lacks - about_d
    errors, fits = [], []
    for ridge in RIDGES:
        weight = np.sqrt(ridge * (a[:learned] ** 2).sum() / 27) * np.eye(27)
        stacked = np.vstack([a[:learned], weight])
        fits.append(np.linalg.lstsq(stacked, np.vstack([lacks[:learned], np.zeros((27, 4))]), rcond=None)[0])
        errors.append(((a[learned:] @ fits[-1] - lacks[learned:]) ** 2).sum())
    found = fits[int(np.argmin(errors))]
    np.testing.assert_allclose(small.second.weight.detach().flatten(1).T, old + found, atol=1e-8)


def test_the_rise_of_the_objective_is_what_the_downdate_predicts():
    """Every removal, in the order found, against the ridge objective solved anew without those channels."""
    model, graph, data = two_layers()
    known = grams(model, graph.structure, CalibrationImages(model, data, 40, 0), [0])
    gram = known["second.weight"]
    penalised = with_ridge(gram.second, gram.ridge)[0].numpy()
    weights = gram.weights[0].numpy()
    found = curve(known, graph.structure, 0)
    for gone in range(1, 6):
        columns = np.concatenate([np.arange(9) + 9 * c for c in found.order[gone:]]).astype(int)
        # ||A(V - V0)||^2 + lambda ||V - V0||^2, V zero outside of these columns
        cross = penalised @ weights
        best = np.linalg.solve(penalised[np.ix_(columns, columns)], cross[columns])
        objective = (weights * cross).sum() - (best * cross[columns]).sum()
        assert abs(objective - found.fitted[gone]) <= 1e-8 * (1 + objective)


def test_steps_of_several_channels_rise_as_single_ones_do():
    model, graph, data = two_layers()
    known = grams(model, graph.structure, CalibrationImages(model, data, 40, 0), [0])
    parts = [part_of(known["second.weight"], graph.structure, 0, 6)]
    order, rise = eliminated(parts, None, 1)
    given, again = eliminated(parts, order, 4)
    assert given.tolist() == order.tolist()
    np.testing.assert_allclose(again, rise, rtol=1e-9)
    assert rises(parts)[order[0]] == pytest.approx(rise[0])


def test_a_duplicate_channel_costs_nothing_and_its_removal_changes_nothing():
    model, graph, data = two_layers(duplicate=True)
    scores = pruning.score(graph, "reconstruction", data, calibration=40)
    first = int(np.argmin(scores["first"]))
    assert first in (1, 4)
    ordinary = np.sort(scores.tables["first"]["alone"])[2:]
    assert scores.tables["first"]["alone"][first] < 0.1 * ordinary.min()
    plan = pruning.plan(graph, scores, cut=1 / 6, measure="channels")
    small = pruning.cut(model, plan)
    for _ in range(12):  # each pulls toward where the last one ended, so the ridge's share shrinks
        pruning.repair(small, plan, model, data, "reconstruct", calibration=40)
    with torch.no_grad():
        whole, cut = model(data[0]), small(data[0])
    assert float((whole - cut).abs().max() / whole.abs().max()) < 1e-6


@pytest.mark.parametrize("name", ["resnet20", "two inputs of a concat", "grouped convolution"])
def test_errors_of_a_given_order_are_those_of_removing_one_by_one(name):
    name = next((known for known in ZOO if name in known), "resnet20")
    graph, _, data = cut_network(name, dtype=torch.float64)
    images = CalibrationImages(graph.model, data, 24, 0)
    groups = list(range(min(3, len(graph.groups))))
    orders = {g: np.random.default_rng(g).permutation(graph.groups[g].size) for g in groups}
    found = error_curves(graph.model, graph.structure, images, groups, orders=orders)
    own = error_curves(graph.model, graph.structure, images, groups)
    for g in groups:
        assert found[g].order.tolist() == orders[g].tolist()
        for curve_of in (found[g].fitted, found[g].error):
            assert (np.diff(curve_of) >= 0).all() and curve_of[0] == 0
        assert found[g].fitted[-1] == pytest.approx(own[g].fitted[-1])  # all gone is all gone
        assert own[g].fitted[1] <= found[g].fitted[1] + 1e-12


def test_widths_by_error_reach_the_target_and_lose_less_than_uniform():
    graph, _, data = cut_network("resnet20")
    scores = pruning.score(graph, "l1")
    plan = pruning.search_plan(
        graph, "l1", data, allocation="error", cut=0.5, calibration=24, expect=None, scores=scores
    )
    assert abs(plan.achieved - 0.5) < 0.02
    inner = [g for g, group in enumerate(graph.groups) if group.inner]
    errors = pruning.search.errors_of(graph, scores, data, inner, calibration=24)
    uniform = pruning.plan(graph, scores, cut=0.5)

    def lost(found):
        return sum(errors[g][graph.groups[g].size - found.widths[graph.groups[g].name]] for g in inner)

    assert lost(plan) < lost(uniform)
    assert plan.path[-1].price == pytest.approx(lost(plan))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=4), st.floats(0, 1), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_what_is_expected_lies_in_its_band_and_falls_with_the_error(errors, error, matched, learned):
    tried = [Tried(x, x / 3) for x in errors]
    how = {"baseline": 0.9, "images": 500, "matched": matched, "learned": learned}
    told, more = expected(error, tried, **how), expected(error + 0.1, tried, **how)
    assert 0 <= told["low"] <= told["accuracy"] <= told["high"] <= 0.9  # the full network's
    assert more["accuracy"] <= told["accuracy"] + 1e-12


def test_the_greedy_of_errors_finds_what_trying_all_widths_finds():
    """Three groups of a small network: the greedy's loss is near the least of all widths that reach."""
    model, example = ZOO["resnet20"]()
    graph = pruning.ChannelGraph(model, example)
    from pruning.allocation.limits import cost_of, limits_of
    from pruning.progress import silent
    from pruning.search.budget import Budget
    from pruning.search.by_error import lost_at
    from pruning.search.progress import Progress

    protect = [g.name for g in graph.groups if g.inner][3:]
    limits = limits_of(graph.structure, "inner", protect, {}, 0.9, 1, 1)
    random = np.random.default_rng(0)
    errors = {g: np.append(0, np.cumsum(random.exponential(size=limits.sizes[g]))) for g in limits.open}
    budget = Budget(limits, cost_of(graph.structure, "channels", limits), 0.5)
    counts, _ = by_error(budget, errors, graph.structure.names, progress=Progress(silent))
    least = min(
        errors[limits.open[0]][a] + errors[limits.open[1]][b] + errors[limits.open[2]][c]
        for a in range(15)
        for b in range(15)
        for c in range(15)
        if a + b + c == 24
    )
    assert counts.sum() == 24 and lost_at(errors, counts) <= 1.1 * least
