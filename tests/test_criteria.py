"""The mathematics of the criteria: identities, brute force, and a library as oracle."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from

import pruning
from pruning.criteria import CRITERIA, SCORED, resolve_options
from pruning.criteria.catro import order_at_width, trace_ratio, utilities
from pruning.criteria.di import (
    SIDES,
    backward_elimination,
    centred_features,
    cumulative_information,
    discriminant_information,
    discriminant_losses,
    scaled_labels,
)
from pruning.criteria.label_checks import no_class_information
from pruning.criteria.scoring import seen_by
from pruning.statistics import ClassScatter, DualShare
from tests.zoo import ZOO, images_and_inside

seeds = integers(0, 10_000)


@pytest.fixture(scope="module")
def small():
    return images_and_inside()


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
    assert order[-1] < copies


@given(seeds)
def test_the_cumulative_curve_is_the_information_kept_in_any_order(seed):
    x, labels = features(seed)
    order = np.random.default_rng(seed).permutation(7)
    found = cumulative_information(x, labels, order, rho=1e-2)
    trace = (centred_features(x) ** 2).sum()  # the ridge of all channels is kept: told relative to a subset's
    ridges = [
        1e-2 * trace / 7 / ((centred_features(x[:, order[gone:]]) ** 2).sum() / (7 - gone))
        for gone in range(7)
    ]
    kept = [discriminant_information(x[:, order[gone:]], labels, rho=ridges[gone]) for gone in range(7)]
    assert found == pytest.approx([*kept, 0], rel=1e-8, abs=1e-12) and (np.diff(found) <= 1e-12).all()
    gone, lost = backward_elimination(x, labels, rho=1e-2)
    assert -np.diff(cumulative_information(x, labels, gone, rho=1e-2)) == pytest.approx(
        lost, rel=1e-7, abs=1e-12
    )


@pytest.mark.parametrize("where", ["before", "after"])
def test_di_looks_before_the_activation_or_after_it(where, small):
    _, graph, data, _, labels, written, read = small
    maps = (written if where == "before" else read).detach().double()
    order, lost = backward_elimination(maps.mean((2, 3)).numpy(), labels.numpy())
    table = pruning.score(graph, "di", data, form="exact", where=where).tables["0"]
    assert table["score"].to_numpy()[order].tolist() == list(range(6))
    assert table["lost"].to_numpy()[order] == pytest.approx(lost, rel=1e-3)
    x = maps.flatten(1) - maps.flatten(1).mean(0)
    y = torch.from_numpy(scaled_labels(labels.numpy()))
    dual = x.T @ torch.linalg.solve(x @ x.T + 0.5 * torch.eye(len(x)), y)
    told = 2 * dual.square().reshape(6, -1).sum(1)
    assert pruning.score(graph, "di", data, rho=0.5, where=where)["0"] == pytest.approx(
        told.numpy(), rel=1e-3
    )
    share = DualShare(rho=0.5, side=SIDES[where])
    (layer,) = seen_by(graph, "di", data, "0", also=[share], rho=0.5, where=where)
    between = x.T @ y  # DI by its definition, on all places of all channels
    information = (between * torch.linalg.solve(x.T @ x + 0.5 * torch.eye(x.shape[1]), between)).sum()
    assert layer[share] == pytest.approx(float(information) / 2, rel=1e-5)  # over K - 1


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


@given(seeds, sampled_from([0.0, 3.0]))
def test_utilities_are_concave_and_one_groups_sum_to_one(seed, gamma):
    random = np.random.default_rng(seed)
    b, w = random.random(9) ** 3, random.random(9)
    ratio = b.sum() / (w.sum() * (1 + gamma))
    worth = utilities(b, w, gamma=gamma)
    kept = [np.sort(np.maximum(b - ratio * w, 0))[-d:].sum() for d in range(1, 10)]
    assert np.cumsum(worth) == pytest.approx(np.array(kept) / kept[-1]) and (np.diff(worth) <= 0).all()
    assert utilities(np.zeros(4), np.zeros(4)).tolist() == [0, 0, 0, 0]


def test_what_tells_nothing_has_the_scatter_between_classes_that_sampling_makes(small):
    random = np.random.default_rng(0)
    x, labels = random.normal(size=(60, 20_000)), np.arange(60) % 4
    means = np.stack([x[labels == k].mean(axis=0) for k in range(4)])
    between = 15 * ((means - x.mean(axis=0)) ** 2).sum(axis=0)
    within = ((x - means[labels]) ** 2).sum(axis=0)
    share = no_class_information(labels)
    assert between.mean() / within.mean() == pytest.approx(share, rel=0.02)  # 3 standard errors
    _, graph, data, *_ = small
    whole, less = (pruning.score(graph, "catro", data, debias=on).tables["0"] for on in (False, True))
    told = np.maximum(whole["b"] - no_class_information(data[1]) * whole["w"], 0)
    assert less["b"].to_numpy() == pytest.approx(told.to_numpy()) and (less["b"] < whole["b"]).all()


def test_catro_takes_classes_by_any_other_name(small):
    _, graph, data, *_ = small
    renamed = data[0], (data[1] + 1) % 3
    before, after = (pruning.score(graph, "catro", images, calibration=110) for images in (data, renamed))
    assert all(after[name] == pytest.approx(before[name], rel=1e-4) for name in before)


def test_scatter_is_compared_on_the_largest_grid_that_fits():
    assert (
        ClassScatter().grid((32, 32), 10, 16) == (32, 32)
        and ClassScatter(pooled=True).grid((8, 8), 10, 16) == ()
    )
    height, width = ClassScatter().grid((224, 224), 1000, 64)
    assert 4 * 1000 * 64 * height * width <= 64 * 2**20 < 4 * 1000 * 64 * (height + 1) * (width + 1)


def test_dead_channels_are_minus_infinity():
    table = pd.DataFrame({"b": [1.0, 0.0, 2.0], "w": [1.0, 0.0, 1.0]})
    assert list(np.isneginf(order_at_width(table, 1))) == [False, True, False]


# ------------------------------------------------------------------------- every criterion there is


@pytest.mark.parametrize("name", sorted(SCORED))
def test_every_criterion_scores_every_group_and_repeats_itself(name):
    model, example = ZOO["resnet20"]()
    graph = pruning.ChannelGraph(model, example)
    data = torch.randn(60, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(60) % 3
    once, again = (pruning.score(graph, name, data, calibration=12, seed=1) for _ in range(2))
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
        "where": "before",
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
