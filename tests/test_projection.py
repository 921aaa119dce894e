"""CPOT's projection: transport on a group's own channels, against POT, brute force and regression."""

from itertools import combinations

import numpy as np
import ot
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers

import pruning
from pruning.criteria.projection import elimination, heirs, projected_distance
from pruning.criteria.scoring import score_all
from pruning.figures import heirs as figures
from pruning.inspection.takeovers import heirs_table
from pruning.reconstruction.channel_moments import channel_moments
from pruning.reconstruction.transport_costs import costs_of
from pruning.statistics.calibration_images import CalibrationImages
from tests.front_door import cli
from tests.page_door import look_until, open_page, said
from tests.test_merging import Flattened, Normed, made, seen_rows
from tests.test_reconstruction import two_layers
from tests.zoo import cut_network

seeds = integers(0, 10_000)
OPTIONS = {"distribution": "projection"}


def costs_by_chance(seed: int, size: int = 7) -> np.ndarray:
    """Of random features and reading weights, as `TransportCosts` has them."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(50, size)) @ random.normal(size=(size, size)) * random.random(size)
    covariance, mass = np.cov(features.T), random.random(size)
    left = covariance.diagonal()[:, None] - covariance**2 / covariance.diagonal()
    costs = mass[:, None] * np.c_[np.maximum(left, 0), covariance.diagonal()]
    np.fill_diagonal(costs[:, :-1], 0)
    return costs / costs[:, -1].sum()


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_the_plan_to_the_heirs_is_the_transport_of_least_cost(seed):
    """By POT: optimal for where the mass arrives, and no other arrival at these channels is cheaper."""
    costs, random = costs_by_chance(seed), np.random.default_rng(seed)
    mass = random.dirichlet(np.ones(7))
    kept = np.sort(random.choice(7, 3, replace=False))
    each = costs[:, :7] / mass[:, None]  # of one unit of mass
    plan = np.zeros((7, 7))
    plan[np.arange(7), heirs(costs, kept)] = mass
    arrived, found = plan.sum(0), (plan * each).sum()
    assert found == pytest.approx(ot.emd2(mass, arrived, each), abs=1e-12)
    assert found == pytest.approx(projected_distance(costs, kept), abs=1e-12)
    for _ in range(10):
        other = np.zeros(7)
        other[kept] = random.dirichlet(np.ones(3))
        assert found <= ot.emd2(mass, other, each) + 1e-12


def test_elimination_is_near_the_best_of_all_subsets():
    ratios = []
    for seed in range(30):
        costs = costs_by_chance(seed)
        order, distance = elimination(costs)
        assert sorted(order) == list(range(7)) and (np.diff(distance) >= -1e-12).all()
        for gone in range(1, 7):
            kept = order[gone:]
            assert projected_distance(costs, kept) == pytest.approx(distance[gone - 1])
            best = min(projected_distance(costs, np.array(s)) for s in combinations(range(7), 7 - gone))
            ratios.append(distance[gone - 1] / best)
            assert gone > 1 or ratios[-1] == pytest.approx(1)
    assert min(ratios) >= 1 - 1e-9 and np.mean(ratios) < 1.02 and max(ratios) < 1.35


@pytest.mark.parametrize("network", [Flattened, Normed])
def test_costs_are_what_a_regression_on_the_other_channel_leaves(network):
    model, graph, data = made(network)
    images = CalibrationImages(model, data, 40, 0)
    layer = graph.structure.layers_of(0, "readers")[0]
    columns = np.arange(24).reshape(6, 4) if network is Flattened else None
    moments = channel_moments(model, images, {"second.weight": columns})["second.weight"]
    found = costs_of(graph.structure, layer, moments, 0, 6)
    with torch.no_grad():
        rows = seen_rows(network.__name__, model, images.rows(slice(0, images.learned))[0])
    weight = model.second.weight.detach().numpy().reshape(len(model.second.weight), 6, -1)
    mass, wanted = (weight**2).sum((0, 2)), np.zeros((6, 7))
    for c in range(6):
        for k in range(6):
            line = np.polyfit(rows[:, k], rows[:, c], 1)
            wanted[c, k] = mass[c] * np.var(rows[:, c] - np.polyval(line, rows[:, k]))
        wanted[c, 6] = mass[c] * np.var(rows[:, c])
    np.testing.assert_allclose(found, wanted / wanted[:, 6].sum(), atol=1e-12)


def test_of_two_equal_channels_one_goes_first_at_no_cost_and_its_heir_is_the_other():
    model, graph, data = two_layers(duplicate=True)
    scores = pruning.score(graph, "cpot", data, calibration=40, **OPTIONS)["first"]
    order = np.argsort(scores)
    assert order[0] in (1, 4) and scores[order[0]] < 1e-12 < scores[order[1]]
    assert scores.max() == pytest.approx(1)
    plan = pruning.plan(graph, {"first": scores}, cut=1 / 6, measure="channels")
    small = pruning.cut(model, plan)
    pruning.repair(small, plan, model, data, "transport", calibration=40)
    with torch.no_grad():
        torch.testing.assert_close(small(data[0]), model(data[0]), atol=1e-6, rtol=0)


def test_scores_move_with_the_channels():
    model, graph, data = made(Normed)
    before = pruning.score(graph, "cpot", data, calibration=40, **OPTIONS)["first"]
    turn = torch.tensor([3, 0, 5, 1, 2, 4])
    with torch.no_grad():
        for layer in (model.first, model.alone):
            layer.weight.copy_(layer.weight[turn]), layer.bias.copy_(layer.bias[turn])
        model.second.weight.copy_(model.second.weight[:, turn])
    after = pruning.score(graph, "cpot", data, calibration=40, **OPTIONS)["first"]
    np.testing.assert_allclose(after, before[turn], rtol=1e-9)


def test_every_group_of_a_residual_network_is_projected():
    """Streams with several readers, and a linear layer behind a mean, too."""
    graph, _, data = cut_network("resnet20")
    options = tuple(sorted(dict(pruning.Recipe(criterion="cpot").options).items() | OPTIONS.items()))
    (scores,) = score_all(graph, [("cpot", options)], data, calibration=24).values()
    for name, column in scores.items():
        alive = column[np.isfinite(column)]
        assert len(column) == graph.structure.by_name[name].size
        assert (alive >= 0).all() and alive.max() <= 1 + 1e-9


# --------------------------------------------------------------------------------------------------- the page


def rows_of(cut: list[bool]) -> pd.DataFrame:
    return pd.DataFrame({"channel": range(len(cut)), "cut": cut, "score": 0.0, "group": "g"})


def test_each_channel_that_goes_has_an_arrow_to_the_cheapest_that_stays():
    costs, rows = costs_by_chance(3), rows_of([True, False, True, False, False, True, True])
    table = heirs_table(costs, rows)
    assert sorted(table["channel"]) == [0, 2, 5, 6]
    for row in table.itertuples():
        assert row.heir == [1, 3, 4][int(costs[row.channel, [1, 3, 4]].argmin())]
        assert row.given * (1 - row.rebuilt) == pytest.approx(row.lost)
    assert table["lost"].sum() == pytest.approx(projected_distance(costs, np.array([1, 3, 4])))
    figure = figures.heirs_figure(table, rows, 5)
    drawn = [trace for trace in figure.data if "rebuilt" in trace.name]
    assert sum(int(np.isfinite(trace.x).sum()) for trace in drawn) == 2 * 4
    words = figures.heirs_in_words(table, 5)
    assert "4 channels go" in words and "Channel 5 goes to channel" in words
    nothing = heirs_table(costs, rows_of([False] * 7))
    assert nothing.empty and "no channel of this group goes" in figures.heirs_in_words(nothing, None)


def test_the_channels_page_draws_the_heirs(server):
    link = {"data": "digits", "calibration": "60", "threads": "1", "group": "layer1.1.conv1", "channel": "7"}
    app = open_page("1_Channels", criterion="cpot", distribution="projection", **link)
    look_until(app, lambda page: "the distance of the group to what is left of it" in said(page))
    assert "is moved to a channel that stays, its heir" in said(app) and not app.exception


def test_from_the_command_line(tmp_path):
    words = ("--distribution", "projection", "--repair", "transport", "--calibration", "100")
    network = ("--model", "resnet20", "--data", "digits", "--cut", "0.5", "--threads", "1")
    found = cli("run", *network, "--criterion", "cpot", *words, "--out", tmp_path / "out")
    assert found.returncode == 0, found.stderr
    accuracy = pruning.load_report(tmp_path / "out")["accuracy"]
    assert accuracy["repaired"] > accuracy["cut"] + 0.1
