"""The mathematics of the criteria: identities, brute force, and a library as oracle."""

from itertools import combinations

import numpy as np
import ot
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from
from scipy.optimize import linprog

import pruning
from pruning.criteria import CRITERIA, resolve_options
from pruning.criteria.catro import order_at_width, trace_ratio
from pruning.criteria.cpot import center, cpot, filter_mass, line_distances
from pruning.criteria.di import (
    backward_elimination,
    discriminant_information,
    discriminant_losses,
    scaled_labels,
)
from pruning.statistics import LayerStatistics
from tests.zoo import ZOO, images_and_inside

seeds = integers(0, 10_000)


def layer(rows: np.ndarray, **more) -> LayerStatistics:
    return LayerStatistics("layer", rows, **more)


def filters(seed: int, channels: int = 9, taps: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(channels, taps))


# ------------------------------------------------------------------------------------------------------ CPOT


@given(seeds)
def test_the_exact_barycenter_is_cheaper_than_any_channel_and_any_perturbation(seed):
    mass, random = filter_mass(filters(seed), 1.0), np.random.default_rng(seed)
    found = center(mass)
    cost = np.abs(mass - found).sum()
    others = [*mass, mass.mean(axis=0), center(mass, "median")]
    for _ in range(100):
        moved = np.clip(found + random.normal(scale=0.02, size=found.shape), 0, None)
        others.append(moved / moved.sum())
    assert found.sum() == pytest.approx(1) and (found >= 0).all()
    assert all(cost <= np.abs(mass - other).sum() + 1e-12 for other in others)


@pytest.mark.parametrize("seed", range(5))
def test_the_exact_barycenter_solves_the_linear_program(seed):
    mass = filter_mass(filters(seed, 5, 4), 0.7)  # minimise sum |p - q| over q on the simplex, as an LP
    channels, taps = mass.shape
    costs = np.concatenate([np.zeros(taps), np.ones(channels * taps)])
    near = np.tile(np.eye(taps), (channels, 1))
    slack = np.eye(channels * taps)
    above = np.block([[near, -slack], [-near, -slack]])
    bound = np.concatenate([mass.ravel(), -mass.ravel()])
    total = np.concatenate([np.ones(taps), np.zeros(channels * taps)])[None]
    solved = linprog(costs, A_ub=above, b_ub=bound, A_eq=total, b_eq=[1])
    assert np.abs(mass - center(mass)).sum() == pytest.approx(solved.fun, abs=1e-9)


def test_distances_are_what_the_exact_solver_of_pot_says():
    rows = filters(3)
    mass = filter_mass(rows, 4.0)
    found = cpot(layer(rows))
    ground = 1 - np.eye(rows.shape[1])
    told = [ot.emd2(p / p.sum(), center(mass) / center(mass).sum(), ground) for p in mass]
    assert found == pytest.approx(told, abs=1e-9)
    values = np.abs(rows)
    barycenter = np.sort(values, axis=1).mean(axis=0)
    told = [np.sqrt(ot.wasserstein_1d(v, barycenter, p=2)) for v in values]  # POT's is the distance squared
    assert cpot(layer(rows), distribution="weights") == pytest.approx(told, abs=1e-9)


@given(seeds, sampled_from(["filters", "weights"]), sampled_from(["exact", "median", "mean"]))
def test_scores_move_with_the_channels_and_twins_score_the_same(seed, distribution, barycenter):
    rows = filters(seed)
    rows[4] = rows[1]
    found = cpot(layer(rows), distribution=distribution, barycenter=barycenter)
    order = np.random.default_rng(seed).permutation(len(rows))
    moved = cpot(layer(rows[order]), distribution=distribution, barycenter=barycenter)
    assert moved == pytest.approx(found[order], abs=1e-12) and found[4] == pytest.approx(found[1], abs=1e-12)


def test_the_order_of_the_previous_layers_channels_does_not_matter():
    model, example = ZOO["plain"]()
    graph = pruning.ChannelGraph(model, example)
    before = {name: pruning.score(graph, name)["3"] for name in ("cpot", "l1", "l2", "fpgm")}
    weights = pruning.score(graph, "cpot", distribution="weights")["3"]
    order = torch.randperm(8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        outputs = model(example)
        for tensor in (model[0].weight, model[0].bias, *model[1].parameters(), model[1].running_mean):
            tensor.copy_(tensor[order].clone())
        model[1].running_var.copy_(model[1].running_var[order].clone())
        model[3].weight.copy_(model[3].weight[:, order].clone())
        assert torch.allclose(model(example), outputs, atol=1e-5)  # the same function
    for name, scores in before.items():
        assert pruning.score(graph, name)["3"] == pytest.approx(scores, rel=1e-6)
    assert pruning.score(graph, "cpot", distribution="weights")["3"] == pytest.approx(weights, rel=1e-6)


def test_the_line_barycenter_is_no_dearer_than_a_channel_or_a_perturbation():
    values, random = np.abs(filters(1)), np.random.default_rng(0)
    quantiles = np.sort(values, axis=1)
    cost = (line_distances(values) ** 2).sum()
    tried = [*quantiles, *(np.sort(quantiles.mean(0) + random.normal(scale=0.05, size=(100, 12)), axis=1))]
    assert all(cost <= ((quantiles - other) ** 2).mean(axis=1).sum() + 1e-12 for other in tried)


# -------------------------------------------------------------------------------------------------------- DI


def features(seed: int, images: int = 60, channels: int = 7, classes: int = 4):
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(images) % classes)
    return random.normal(size=(images, channels)) + random.normal(size=(classes, channels))[labels], labels


@given(seeds)
def test_one_inverse_gives_what_brute_force_removal_gives(seed):
    x, labels = features(seed)
    ridge = 1e-2 * np.diag(np.cov(x.T, bias=True) * len(x)).mean()

    def information(columns):
        centred = x[:, columns] - x[:, columns].mean(axis=0)
        cross = centred.T @ scaled_labels(labels)
        return np.trace(np.linalg.solve(centred.T @ centred + ridge * np.eye(len(columns)), cross @ cross.T))

    everything = list(range(x.shape[1]))
    brute = [
        information(everything) - information([c for c in everything if c != gone]) for gone in everything
    ]
    found = discriminant_losses(x, labels, rho=1e-2)
    assert found == pytest.approx(brute, rel=1e-8, abs=1e-10) and (found >= 0).all()
    order, lost = backward_elimination(x, labels, rho=1e-2)  # each downdated loss, by brute force again
    left = everything.copy()
    for gone, loss in zip(order[:-1], lost[:-1], strict=True):
        without = [c for c in left if c != gone]
        assert loss == pytest.approx(information(left) - information(without), rel=1e-7, abs=1e-10)
        left = without
    assert lost.sum() == pytest.approx(discriminant_information(x, labels, rho=1e-2), rel=1e-8)


@given(seeds)
def test_ridge_times_residual_form_and_information_add_up(seed):
    x, labels = features(seed)
    centred, y = x - x.mean(axis=0), scaled_labels(labels)
    ridge = 1e-3 * (centred**2).sum() / x.shape[1]
    residual = np.trace(y @ y.T @ np.linalg.inv(centred @ centred.T + ridge * np.eye(len(x))))
    information = discriminant_information(x, labels, rho=1e-3)
    assert ridge * residual + information == pytest.approx((y**2).sum()) == pytest.approx(3)  # K - 1
    fewer = discriminant_information(
        x[:, :-1],
        labels,
        rho=1e-3 * (centred**2).sum() / x.shape[1] / ((centred[:, :-1] ** 2).sum() / (x.shape[1] - 1)),
    )
    assert fewer <= information + 1e-12 and 0 <= information <= 3


@given(seeds)
def test_relabelling_classes_changes_nothing(seed):
    x, labels = features(seed)
    renamed = np.random.default_rng(seed).permutation(4)[labels]
    assert discriminant_losses(x, renamed) == pytest.approx(discriminant_losses(x, labels))
    assert list(backward_elimination(x, renamed)[0]) == list(backward_elimination(x, labels)[0])


@pytest.mark.parametrize("copies", [2, 3])
def test_of_copies_one_survives_until_all_noise_is_gone(copies):
    random = np.random.default_rng(0)
    labels = np.arange(400) % 2
    signal = labels + 0.1 * random.normal(size=400)
    noise = random.normal(size=(400, 5))
    x = np.column_stack([*[signal] * copies, noise])
    assert discriminant_losses(x, labels, rho=1e-9)[:copies] == pytest.approx(np.zeros(copies), abs=1e-3)
    order, _ = backward_elimination(x, labels, rho=1e-9)
    assert (
        order[-1] < copies
        and set(order[copies - 1 : -1]) == set(range(copies, copies + 5))
        or set(order[-6:-1]) <= set(range(copies, copies + 5))
    )


def test_one_class_is_refused():
    x, _ = features(0)
    with pytest.raises(ValueError, match="two classes"):
        discriminant_losses(x, np.zeros(len(x), int))


# ----------------------------------------------------------------------------------------------------- CATRO


@settings(deadline=None)
@given(seeds, integers(1, 9), sampled_from([0.0, 1.0, 3.0]))
def test_the_trace_ratio_is_the_best_of_all_subsets(seed, width, gamma):
    random = np.random.default_rng(seed)
    b, w = random.random(10) ** 2, random.random(10) + 0.01
    best = max(
        b[list(chosen)].sum() / (w[list(chosen)].sum() + gamma * w.sum())
        for chosen in combinations(range(10), width)
    )
    assert trace_ratio(b, w, width, gamma=gamma) == pytest.approx(best, rel=1e-9)
    table = pd.DataFrame({"b": b, "w": w})
    chosen = np.argsort(-order_at_width(table, width, gamma=gamma), kind="stable")[:width]
    assert b[chosen].sum() / (w[chosen].sum() + gamma * w.sum()) == pytest.approx(best, rel=1e-9)


@given(seeds)
def test_lambda_never_falls_between_rounds(seed):
    random = np.random.default_rng(seed)
    b, w = random.random(30), random.random(30)
    ratio, seen = 0.0, [0.0]
    for _ in range(8):
        chosen = np.argsort(-(b - ratio * w), kind="stable")[:11]
        ratio = b[chosen].sum() / w[chosen].sum()
        seen.append(ratio)
    assert all(later >= earlier - 1e-12 for earlier, later in zip(seen, seen[1:], strict=False))
    assert trace_ratio(b, w, 11) == pytest.approx(seen[-1])


def test_dead_channels_are_minus_infinity():
    table = pd.DataFrame({"b": [1.0, 0.0, 2.0], "w": [1.0, 0.0, 1.0]})
    assert list(np.isneginf(order_at_width(table, 1))) == [False, True, False]


# ------------------------------------------------------------------------- every criterion there is


@pytest.fixture(scope="module")
def small():
    return images_and_inside()


@pytest.mark.parametrize("name", sorted(CRITERIA))
def test_every_criterion_scores_every_group_and_repeats_itself(name):
    model, example = ZOO["resnet20"]()
    graph = pruning.ChannelGraph(model, example)
    data = torch.randn(60, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(60) % 3
    once, again = (pruning.score(graph, name, data, calibration=30, seed=1) for _ in range(2))
    assert set(once) == {group.name for group in graph.groups}
    for group in graph.groups:
        assert once[group.name].shape == (group.size,) and not np.isnan(once[group.name]).any()
        assert np.array_equal(once[group.name], again[group.name])
        assert len(once.tables[group.name]) == group.size and len(set(once[group.name])) > 1
    plan = pruning.plan(graph, once, cut=0.5, groups="all")
    assert 0.45 < plan.achieved < 0.55


@pytest.mark.parametrize("name", [name for name in sorted(CRITERIA) if CRITERIA[name].uses_labels])
def test_shuffled_labels_are_another_question(name, small):
    _, graph, data, *_ = small
    true = pruning.score(graph, name, data)["0"]
    assert not np.allclose(pruning.score(graph, name, data, labels="shuffled")["0"], true)


def test_options_are_read_checked_and_filled_in():
    assert dict(resolve_options("di", {})) == {
        "form": "taylor",
        "labels": "true",
        "one_shot": False,
        "rho": 0.1,
    }
    assert dict(resolve_options("di", {"form": "exact"}))["rho"] == 1e-4
    assert dict(resolve_options("catro", {"gamma": "0", "pooled": "true"}))["pooled"] is True
    for name, given_options, told in [
        ("cpot", {"temprature": 1}, "temperature"),
        ("cpot", {"gamma": 1}, "option of catro"),
        ("l1", {"anything": 1}, "no options"),
        ("catro", {"gamma": "much"}, "number"),
        ("di", {"form": "exakt"}, "exact"),
    ]:
        with pytest.raises(ValueError, match=told):
            resolve_options(name, given_options)


def test_a_criterion_that_needs_images_or_norms_says_so(small):
    model, graph, *_ = small
    with pytest.raises(ValueError, match="looks at images"):
        pruning.score(graph, "energy")
    with pytest.raises(ValueError, match="needs a norm"):
        pruning.score(graph, "slimming")
    with pytest.raises(ValueError, match="did you mean 'l2'|did you mean 'l1'"):
        pruning.score(graph, "l3")


def test_scores_are_a_mapping(small):
    scores = pruning.score(small[1], "l1")
    assert list(scores) == list(scores.keys()) and len(list(scores.values())) == len(scores)
    assert all(np.array_equal(array, scores[name]) for name, array in scores.items())
