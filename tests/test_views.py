"""What CPOT, DI and CATRO saw of a group: the numbers of the views, their figures, and the page."""

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pruning import Recipe
from pruning.criteria.catro import diminishing_returns, rounds_of, trace_ratio, utilities
from pruning.criteria.di import cumulative_information
from pruning.criteria.transport import map_center
from pruning.experiment.loaded_networks import loaded
from pruning.figures import discriminant_information, transport, transport_on_filters
from pruning.figures import set_function as sets
from pruning.figures import trace_ratio as planes
from pruning.inspection.criterion_views import catro_view, cpot_view, di_view, map_moves
from pruning.inspection.preview import scored
from pruning.statistics import PooledFeatures
from pruning.statistics.calibration_images import CalibrationImages
from pruning.statistics.collect import collect
from tests.page_door import look_until, open_page, said

TINY = {"model": "resnet20", "data": "digits", "calibration": 60, "threads": 1}
GROUP = "layer1.1.conv1"


def rows_of(scores: np.ndarray, cut: int) -> pd.DataFrame:
    """The group's rows of a channel table: the `cut` lowest go."""
    gone = np.isin(np.arange(len(scores)), np.argsort(scores, kind="stable")[:cut])
    return pd.DataFrame({"group": "g", "channel": range(len(scores)), "score": scores, "cut": gone})


def words_of(figure) -> str:
    return " ".join(annotation.text or "" for annotation in figure.layout.annotations)


# ------------------------------------------------------------------------------------------------ the numbers


@pytest.mark.parametrize("kind", ["filters", "weights", "activations", "maps"])
def test_a_view_of_cpot_has_the_distances_that_the_scores_are(kind):
    recipe = Recipe(criterion="cpot", options={"distribution": kind}, **TINY)
    view = cpot_view(recipe, GROUP)
    assert view.distances == pytest.approx(scored(recipe)[GROUP]) and view.layers == (view.layer,)
    assert view.layer == (GROUP if kind in ("filters", "weights") else "layer1.1.conv2")
    assert view.distributions.shape == (16, *view.barycenter.shape)
    assert set(view.agreement) == {"l1", "fpgm", "energy"} and (len(view.moves) > 0) == (kind == "maps")
    some = transport.shown(rows_of(view.distances, 5), view.distances, 7)
    if kind == "filters":
        assert view.kernel == (16, 3, 3) and view.agreement["l1"] > 0.7
        difference = 0.5 * np.abs(view.distributions - view.barycenter).sum(axis=1)
        assert view.distances == pytest.approx(difference)
        figure = transport_on_filters.filter_figure(view.distributions, view.barycenter, view.kernel, some)
        drawn = sum(np.abs(bar.y).sum() for bar in figure.data[:2]) / 2 / 144  # the bars are what has to move
        assert drawn == pytest.approx(view.distances[7], rel=1e-4)


def test_a_stream_is_looked_at_one_layer_at_a_time():
    recipe = Recipe(criterion="cpot", groups="all", **TINY)
    first, named = cpot_view(recipe, "conv1"), cpot_view(recipe, "conv1", "layer1.0.conv2")
    assert first.layer == "conv1" and named.layer == "layer1.0.conv2" and named.layers == first.layers
    assert first.kernel == (3, 3, 3) and named.kernel == (16, 3, 3)
    with pytest.raises(ValueError, match="no layer of this group 'layer9'"):
        cpot_view(recipe, "conv1", "layer9")
    with pytest.raises(ValueError, match="no group"):
        catro_view(Recipe(criterion="catro", **TINY), "layer9")


def test_arrows_lead_to_the_barycenter_and_a_map_that_is_it_stays_where_it_is():
    left, right = np.zeros((2, 8, 8))
    left[:, 1], right[:, 6] = 1 / 8, 1 / 8
    middle = map_center(np.stack([left, right]))
    moves = map_moves(np.stack([left, right, middle, np.zeros((8, 8))]), middle)
    by = (moves["to_x"] - moves["x"]).groupby(moves["channel"]).mean()
    assert by[0] == pytest.approx(2.5, abs=0.1) == pytest.approx(-by[1], abs=0.1) and 3 not in by
    still = moves[(moves["channel"] == 2) & (moves["mass"] > 1e-6)]  # elsewhere there is nothing to move
    assert np.abs(still["to_x"] - still["x"]).max() < 1e-3
    assert moves.groupby("channel")["mass"].sum().to_numpy() == pytest.approx(np.ones(3))


@pytest.mark.parametrize("options", [{}, {"form": "exact"}, {"form": "exact", "where": "after"}], ids=str)
def test_dis_curve_falls_in_the_order_of_the_cut(options):
    recipe = Recipe(criterion="di", options=options, **TINY)
    view, scores = di_view(recipe, GROUP), scored(recipe)
    order = view.channels["channel"].to_numpy()
    assert (np.diff(scores[GROUP][order]) >= 0).all() and sorted(order) == list(range(16))
    kept = np.append(view.channels["kept"], 0.0)
    assert (np.diff(kept) <= 1e-12).all() and 0 < kept[0] <= view.most == 9 and view.images == 60
    assert view.others.shape == (5, 17) and view.others[:, 0] == pytest.approx(np.full(5, kept[0]))
    told = discriminant_information.with_fates(view.channels, rows_of(scores[GROUP], 5))
    words = discriminant_information.curve_in_words(told, view.form, view.most, view.images, view.others)
    assert view.labels == 60 and "(60 images)" in words
    assert "DI never rises as a channel goes, in this order and in 5 random ones" in words
    rising = discriminant_information.never_rises(kept, view.others[:, ::-1])
    assert "which it must not" in rising
    lost = scores.tables[GROUP]["lost"].to_numpy()[order]
    assert view.channels["lost"].to_numpy() == pytest.approx(lost)
    if view.form == "exact":  # each loss is a step of the curve
        assert view.share is None and -np.diff(kept) == pytest.approx(lost, rel=1e-6, abs=1e-9)
    else:
        assert 0.9 < view.share <= 1


def test_di_never_rises_as_channels_go_in_any_group_in_any_order():
    """The abstract's claim, on every layer that writes a channel of the network, and on every one that reads
    some."""
    found = loaded(Recipe(criterion="di", **TINY))
    images = CalibrationImages(found.model, found.data, 60, 0)
    how = {"classes": 10, "task": images.task, "images": 60}
    groups = range(len(found.graph.structure.groups))
    needs = [PooledFeatures(side="writers"), PooledFeatures(side="readers")]
    seen = collect(found.model, found.graph.structure, needs, images.batches, groups=groups, **how)
    written = {weight for need, weight in seen if need.side == "writers"}
    assert {
        layer.weight for g in groups for layer in found.graph.structure.layers_of(g, "writers")
    } == written
    random = np.random.default_rng(0)
    for features in seen.values():
        for _ in range(3):
            order = random.permutation(features.shape[1])
            kept = cumulative_information(features, images.class_numbers, order)
            assert (np.diff(kept) <= 1e-9).all() and 0 <= kept[0] <= 9


def test_catro_tells_what_its_scatters_rest_on():
    view = catro_view(Recipe(criterion="catro", **TINY), GROUP)
    assert (view.images, view.classes, view.grid, view.size) == (60, 10, (32, 32), (32, 32))
    assert view.noise == pytest.approx(9 / 50) and view.layers == ("layer1.1.conv2",)
    words = planes.ground_in_words(60, 10, (16, 16), (32, 32), ("a", "b"))
    assert "a grid of 16 x 16 out of 32 x 32 positions where `a` and 1 more layer read them" in words


# ------------------------------------------------------------------------------------------------ the figures


def test_the_channel_that_is_looked_at_stands_beside_one_from_the_other_end():
    distances = np.array([0.3, 0.1, 0.2, 0.4])
    table = rows_of(distances, 2)
    assert [c.channel for c in transport.shown(table, distances, None)] == [1, 3]
    assert [c.channel for c in transport.shown(table, distances, 0)] == [0, 1]
    one, other = transport.shown(table, distances, 2)
    assert one.label == "channel 2 (is cut): 0.2" and not other.cut
    words = transport.distances_in_words(distances, (one, other), "maps")
    assert words.startswith(
        "Channel 2 is 0.2 from the barycenter, number 2 of 4 counted from the closest, and is"
    )
    assert "channel 3 is 0.4 from the barycenter, the farthest of 4, and stays" in words
    figure = transport.distance_bars(distances, table, "units", 2)
    assert "channel 2" in words_of(figure) and figure.layout.annotations[0].x == 1  # its place in the order


@pytest.mark.parametrize("inputs", [4, 40])
def test_filters_are_bars_or_where_they_are_many_kernels(inputs):
    random = np.random.default_rng(0)
    mass = random.dirichlet(np.ones(inputs * 9), size=3)
    some = (transport_on_filters.Shown(0, 0.1, True), transport_on_filters.Shown(2, 0.2, False))
    figure = transport_on_filters.filter_figure(mass, mass.mean(axis=0), (inputs, 3, 3), some)
    assert {trace.type for trace in figure.data} == ({"bar", "scatter"} if inputs == 4 else {"heatmap"})
    assert "channel 0 (is cut): 0.1" in words_of(figure) and "channel 2 (stays): 0.2" in words_of(figure)
    sheet = transport_on_filters.tiles(np.arange(inputs * 9.0), (inputs, 3, 3))
    assert sheet[:3, 4:7].ravel().tolist() == list(range(9, 18)) and np.isnan(sheet[:, 3]).all()


def test_maps_and_quantiles_are_drawn_beside_the_barycenter():
    some = (transport_on_filters.Shown(0, 0.1, True), transport_on_filters.Shown(1, 0.2, False))
    maps = np.random.default_rng(0).dirichlet(np.ones(12), size=2).reshape(2, 3, 4)
    moves = map_moves(maps, maps.mean(axis=0))
    figure = transport.map_figure(maps, maps.mean(axis=0), moves, some)
    assert [trace.type for trace in figure.data].count("heatmap") == 3 and "barycenter" in words_of(figure)
    values = np.sort(np.random.default_rng(0).normal(size=(2, 30)), axis=1)
    figure = transport.quantile_figure(values, values.mean(axis=0), "units", some)
    assert [trace.name for trace in figure.data] == ["barycenter", *(channel.label for channel in some)]
    assert figure.data[1].fill == "tonexty"  # the gap to the barycenter


def test_the_rank_correlation_is_always_told_and_when_it_is_l1_in_another_dress():
    told = transport.agreement_in_words({"l1": 0.97, "fpgm": 0.5, "energy": float("nan")})
    assert "L1 norm 0.97, FPGM 0.50" in told and "Energy undefined" in told
    assert told.endswith("On this layer CPOT ranks channels as the L1 norm does.")
    assert "orders channels as" not in transport.agreement_in_words({"l1": 0.95, "fpgm": 1.0})


def test_dis_curve_is_marked_where_the_slider_cuts():
    channels = pd.DataFrame({"channel": [2, 0, 1], "lost": [0.1, 0.2, 0.5], "kept": [0.8, 0.7, 0.5]})
    told = discriminant_information.with_fates(channels, rows_of(np.array([2.0, 3.0, 1.0]), 1))
    figure = discriminant_information.curve(told, 1, chosen=0)
    gone, there = figure.data
    assert gone.x.tolist() == [0, 1] and there.y.tolist() == pytest.approx([0.7, 0.5, 0.0])
    assert (
        "1 cut" in words_of(figure)
        and "channel 0 is removed here" in words_of(figure)
        and "K - 1" in words_of(figure)
    )
    words = discriminant_information.curve_in_words(told, "taylor", 1, 60)
    assert "0.8 of at most 1" in words and "87 % of it is kept" in words and "not the quantity" in words
    assert (
        "Channel 0 is number 2 of 3 in the order of removal (0.2) and stays"
    ) in discriminant_information.losses_in_words(told, "exact", 0)
    assert "0.9999 of K - 1. That is interpolation" in discriminant_information.share_in_words(0.99996)
    assert "interpolation" not in discriminant_information.share_in_words(0.99)
    assert (
        "first-order" in discriminant_information.losses(told, "taylor").layout.yaxis.title.text
    )  # never just "DI"
    assert "hold no information" in discriminant_information.curve_in_words(
        told.assign(kept=0.0), "exact", 1, 60
    )


def test_a_parallel_of_catros_line_parts_what_stays_from_what_goes():
    random = np.random.default_rng(0)
    scatters = pd.DataFrame({"b": random.random(9), "w": random.random(9)})
    ratio = trace_ratio(*scatters.to_numpy().T, 5, gamma=3)
    table = rows_of((scatters["b"] - ratio * scatters["w"]).to_numpy(), 4)
    points = planes.plane_table(scatters, table, ratio)
    height = planes.parts_at(points)
    above = points["b"] > ratio * points["w"] + height
    assert (above == ~points["cut"]).all()
    figure = planes.plane(points, ratio, 0.1, chosen=3)
    drawn = {trace.name: trace for trace in figure.data}
    assert drawn["threshold at this cut"].y[0] == pytest.approx(height)
    assert drawn["cut"].marker.symbol != drawn["kept"].marker.symbol and len(drawn["cut"].x) == 4
    assert "no class information" in drawn and "channel 3" in words_of(figure)
    words = planes.plane_in_words(points, ratio, 0.1, 3)
    assert "Channel 3 is number" in words and "do not rise above it" in words
    assert planes.parts_at(points.assign(cut=False)) is None


def test_lambda_never_falls_and_its_last_round_is_the_trace_ratio():
    random = np.random.default_rng(2)
    b, w = random.random((2, 24))
    for gamma in (0.0, 3.0):
        rounds = rounds_of(b, w, 7, gamma=gamma)
        assert (np.diff([0, *rounds]) >= -1e-12).all() and rounds[-1] == trace_ratio(b, w, 7, gamma=gamma)
        figure = sets.rounds_figure(rounds)
        assert figure.data[0].y[0] == 0 and figure.data[0].y[-1] == rounds[-1]
    told = [sets.rounds_in_words(rounds, agreement) for agreement in (0.99, 0.5)]
    assert "hardly changes the order" in told[0] and "hardly changes the order" not in told[1]


def test_gains_are_those_of_the_ratio_and_submodularity_is_counted():
    """Under gamma the ratio of equal channels has diminishing gains; the plain one of unequal ones not."""
    alike = np.ones(6)
    table = sets.gains_table(diminishing_returns(alike, alike, gamma=3.0))
    assert table["holds"].all() and "submodular as far as" in sets.gains_in_words(table, 3.0)
    size, gain = table["size"], table["gain"]
    assert gain.to_numpy() == pytest.approx(((size + 1) / (size + 19) - size / (size + 18)).to_numpy())
    random = np.random.default_rng(0)
    uneven = sets.gains_table(diminishing_returns(*random.random((2, 8)), gamma=0.0))
    assert 0 < uneven["holds"].mean() < 1 and "is not submodular" in sets.gains_in_words(uneven, 0.0)
    drawn = {trace.name: trace for trace in sets.gains_figure(uneven).data}
    assert len(drawn["gains more"].x) == (~uneven["holds"]).sum()


def test_utility_curves_mark_the_width_that_stays():
    worth = {"a": utilities(np.array([3.0, 2, 1]), np.ones(3)), "b": np.array([0.5, 0.5, 0.0])}
    figure = planes.utility_curves(worth, {"a": 2, "b": 3}, "b")
    last = figure.data[-1]
    assert last.x.tolist() == [100] and last.y.tolist() == [100]  # the opened group is drawn on top
    words = planes.utility_in_words(worth, {"b": 1}, "b")
    assert (
        "The 1 channel of b kept at this cut holds 50 % of its utility"
    ) in words and "1 of its 3 channels" in words
    assert planes.utility_table(worth).groupby("group")["worth"].last().to_numpy() == pytest.approx([1, 1])


# --------------------------------------------------------------------------------------------------- the page


def test_the_page_says_why_one_channel_goes(server):
    link = {"data": "digits", "calibration": "60", "threads": "1", "group": GROUP, "channel": "7"}
    app = open_page("1_Channels", criterion="catro", lesson="1", **link)
    look_until(app, lambda page: "lie on the dotted line" in said(page))
    assert "Channel 7 is number" in said(app) and "Scatter of 60 images of 10 classes" in said(app)
    assert f"channels of {GROUP} kept at this cut hold" in said(app)
    assert "λ starts at 0, never falls" in said(app) and "random pairs of sets" in said(app)


@pytest.mark.parametrize("lesson, distribution", [(None, "filters"), ("1", "maps")])
def test_a_lesson_opens_cpot_where_the_difference_can_be_seen(lesson, distribution, monkeypatch):
    monkeypatch.setattr("pruning.ui.page.places", dict)  # there is one control here, and no other page

    def page():
        from pruning.ui import recipe_controls, state

        recipe_controls.criterion(state.recipe_now())

    app = AppTest.from_function(page, default_timeout=600)
    app.session_state["looking at"] = {"lesson": lesson} if lesson else {}
    app.run().selectbox(key="widget criterion").select("cpot").run()
    assert dict(app.session_state["recipe"].options)["distribution"] == distribution
