"""Figures by their values: what a table becomes, what the sentence says, and what an empty one shows."""

import colorsys
import re
import tomllib

import numpy as np
import pandas as pd
import pytest

from pruning.criteria import CRITERIA
from pruning.figures import agreement, channel_group, channel_ranks, layers
from pruning.figures.method_style import CUT, LOOKS, PALETTE, colour, look
from pruning.terms import title
from tests.front_door import REPOSITORY

COLOURS = re.compile(r"#[0-9a-fA-F]{6}\b|rgba?\(\d[^)]*\)")
RED_SCALES = re.compile(r"""["'](Rd\w+|Reds|\w*Red\w*|Hot|Inferno|Magma|Plasma|Turbo|Jet|Rainbow)["']""")
SCORES = {"a": np.array([3.0, 1.0, 2.0, 2.0]), "b": np.array([-np.inf, 5.0])}
KEPT = {"a": np.array([0, 2, 3]), "b": np.array([1])}
LAYERS = pd.DataFrame(
    {
        "layer": ["stem", "block.conv1", "block.conv2", "head"],
        "macs": [100, 300, 500, 100],
        "parameters": [10, 30, 50, 110],
        "prunable": [True, True, True, False],
    }
)


def channels(criterion: str = "l1", kept: dict | None = None) -> pd.DataFrame:
    return channel_ranks.channel_table(SCORES, KEPT if kept is None else kept, criterion)


def three() -> pd.DataFrame:
    """l1 cuts a1 and b0, l2 cuts a1 and b1, di cuts a0 and b1."""
    l2, di = {"a": [0, 2, 3], "b": [0]}, {"a": [1, 2, 3], "b": [0]}
    return pd.concat([channels(), channels("l2", l2), channels("di", di)])


def said(figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


# ------------------------------------------------------------------------------------------------- looks


def test_every_criterion_has_a_look_of_its_own():
    assert set(CRITERIA) <= set(LOOKS)
    assert (
        len({colour(name) for name in CRITERIA})
        == len({LOOKS[name][2] for name in CRITERIA})
        == len(CRITERIA)
    )
    assert len(PALETTE) == len(set(PALETTE)) == 10
    assert look("cpot") == {
        "line": {"color": "#3f90da", "dash": "solid"},
        "marker": {"color": "#3f90da", "symbol": "circle"},
    }
    assert title("l1") == "L1 norm" and title("unheard of") == "unheard of"
    assert colour("unheard of") in PALETTE


def test_red_is_what_is_cut_or_wrong_and_nothing_else():
    """Over all colours that are written anywhere in the app: those near its red are that red, and no scale
    of a library's that runs through red is used."""
    kinds = (".py", ".js", ".css", ".html", ".toml")
    folders = (REPOSITORY / name for name in ("pruning/figures", "pruning/ui", ".streamlit"))
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in kinds]
    texts = {path.name: path.read_text(encoding="utf-8") for path in files}
    written = [(name, each) for name, text in texts.items() for each in COLOURS.findall(text)]
    assert len(written) > 60 and [each for name, each in written if each.lower() == CUT]
    assert not [(name, each) for name, each in written if reddish(each) and each.lower() != CUT]
    assert not [name for name, text in texts.items() if RED_SCALES.search(text)]
    told = tomllib.loads(texts["config.toml"])["theme"]["chartCategoricalColors"]
    assert tuple(told) == PALETTE  # native charts draw in the same ten


def reddish(colour: str) -> bool:
    """Whether a colour, #rrggbb or rgb(...), would be taken for the red of what is cut."""
    if colour.startswith("#"):
        parts = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    else:
        parts = [float(part) for part in re.findall(r"[\d.]+", colour)[:3]]
    hue, _, saturation = colorsys.rgb_to_hls(*(part / 255 for part in parts))
    return saturation > 0.35 and not 15 <= 360 * hue <= 330


# ------------------------------------------------------------------------------------------------- ranks


def test_a_channel_is_ranked_within_its_group():
    table = channels()
    assert table["rank"].tolist() == [1, 0, 0.5, 0.5, 0, 1]
    assert table["cut"].tolist() == [False, True, False, False, True, False]
    assert channel_ranks.ranks(np.array([7.0])).tolist() == [1.0]


def test_the_map_outlines_what_is_cut_and_tells_the_group_of_a_square():
    figure = channel_ranks.rank_map(channels(), {"a": "sum of |weight|", "b": "share"}, opened="b")
    stays, cut = (trace for trace in figure.data if trace.customdata is not None)
    assert list(zip(cut.y, cut.x, strict=True)) == [("a", 1), ("b", 0)]
    assert cut.marker.line.width > stays.marker.line.width == 0
    assert [point[0] for point in stays.customdata] == ["a", "a", "a", "b"]
    assert "channel 1" in cut.hovertemplate[0] and "1 sum of |weight|" in cut.hovertemplate[0]
    assert figure.layout.yaxis.categoryarray == ("b", "a")  # the first group on top
    assert "<b>b</b>" in figure.layout.yaxis.ticktext


def test_a_wide_group_is_drawn_in_fewer_squares():
    table = channel_ranks.channel_table({"wide": np.arange(300.0)}, {"wide": np.arange(2, 300)}, "l1")
    drawn = channel_ranks.squares(table, widest=100)
    assert len(drawn) == 100
    assert drawn.iloc[0][["first", "last", "cut", "score"]].tolist() == [0, 2, 2, 1.0]
    assert "2 of 3 cut" in channel_ranks.hover(drawn[:1], {"wide": "units"}, "cut")[0]


def test_ranks_in_words():
    assert "cuts 2 of 6 channels, in 2 of 2 groups, the most in b (50 %)" in channel_ranks.ranks_in_words(
        channels()
    )
    assert channel_ranks.ranks_in_words(channels(kept={})).startswith(
        "Nothing is cut: all 6 channels of 2 groups"
    )


# ------------------------------------------------------------------------------------------------- one group


def test_bars_stand_in_the_order_in_which_channels_go():
    figure = channel_group.ranked_bars(channels().query("group == 'a'"), "units")
    assert figure.layout.xaxis.categoryarray == ("1", "3", "2", "0")
    cut, stays = figure.data
    assert list(cut.x) == ["1"] and list(stays.x) == ["3", "2", "0"]  # of equals the lower stays
    assert cut.marker.pattern.shape and not stays.marker.pattern.shape


def test_a_histogram_counts_every_channel_once_in_shared_bins():
    cut, stays = channel_group.score_histogram(channels().query("group == 'a'"), "units").data
    assert sorted([*cut.x, *stays.x]) == [1, 2, 2, 3]
    assert cut.xbins == stays.xbins


def test_a_group_in_words():
    words = channel_group.group_in_words(channels().query("group == 'a'"))
    assert words.startswith("a: 1 of 4 channels cut. ") and "a clear step (50.0 %" in words
    words = channel_group.group_in_words(channels().query("group == 'b'"), "conv2; conv4")
    assert ", pruned together with conv2, conv4." in words and "cut first: 1" in words
    assert channel_group.spread_in_words(channels().query("group == 'a'"), "units") == (
        "From 1 to 3 units, median 2."
    )


# ------------------------------------------------------------------------------------------------- agreement


def test_differences_count_what_the_other_would_keep():
    table = agreement.differences(three(), "l1")
    assert table.to_dict("records") == [
        {"criterion": "l2", "differ": 1, "of": 2},
        {"criterion": "di", "differ": 2, "of": 2},
    ]
    assert agreement.disagreement_in_words(table, "l1").startswith(
        "L2 norm agrees most with L1 norm: of the 2 channels cut here it would keep 1; DI agrees least"
    )
    tied = pd.DataFrame({"criterion": ["l2", "fpgm", "di"], "differ": [1, 1, 2], "of": 2})
    assert agreement.disagreement_in_words(tied, "l1").startswith(
        "L2 norm and FPGM agree most with L1 norm: of the 2 channels cut here they would keep 1; DI agrees"
    )
    bars = agreement.disagreement(table, chosen="di").data[0]
    assert list(bars.x) == [1, 2] and [point[0] for point in bars.customdata] == ["l2", "di"]
    assert bars.text == ("1", "<b>2</b>") and bars.marker.color == (colour("l2"), colour("di"))


def test_swaps_are_the_channels_cut_by_one_of_two():
    table = agreement.swaps(three(), "l1", "di")
    found = set(zip(table["group"], table["channel"], table["cut_by"], strict=True))
    assert found == {("a", 0, "DI"), ("a", 1, "L1 norm"), ("b", 0, "L1 norm"), ("b", 1, "DI")}
    assert "2 channels cut by L1 norm alone and 2 by DI alone" in agreement.swaps_in_words(table, "l1", "di")
    drawn = {trace.name: len(trace.x) for trace in agreement.swap_map(three(), "l1", "di").data}
    assert drawn == {"both keep": 2, "both cut": 0, "only L1 norm cuts": 2, "only DI cuts": 2}


def test_spearman_is_scipys_averaged_over_groups():
    from scipy.stats import spearmanr

    random = np.random.default_rng(0)
    one = {"a": random.normal(size=20), "b": random.normal(size=7)}
    two = {"a": random.normal(size=20), "b": -one["b"]}
    both = pd.concat([channel_ranks.channel_table(one, {}, "l1"), channel_ranks.channel_table(two, {}, "di")])
    matrix = agreement.spearman(both)
    expected = np.mean([spearmanr(one[name], two[name]).statistic for name in one])
    assert matrix.loc["l1", "di"] == matrix.loc["di", "l1"] == pytest.approx(expected, abs=1e-12)
    assert matrix.loc["l1", "l1"] == pytest.approx(1)
    assert "L1 norm and DI" in agreement.spearman_in_words(matrix)
    assert agreement.spearman_map(matrix).data[0].z.shape == (2, 2)


def test_a_criterion_that_calls_all_channels_equal_has_no_correlation():
    flat = {"a": np.ones(4)}
    both = pd.concat([channels().query("group == 'a'"), channel_ranks.channel_table(flat, {}, "random")])
    assert np.isnan(agreement.spearman(both).loc["l1", "random"])
    assert agreement.spearman_map(agreement.spearman(both)).data[0].text[0][1] == ""


# ------------------------------------------------------------------------------------------------- layers


def test_a_treemap_adds_up():
    trace = layers.treemap(LAYERS, "macs").data[0]
    boxes = dict(zip(trace.ids, trace["values"], strict=True))
    assert boxes == {"stem": 100, "block": 800, "block.conv1": 300, "block.conv2": 500, "head": 100}
    assert dict(zip(trace.ids, trace.parents, strict=True))["block.conv1"] == "block"
    colours = dict(zip(trace.ids, trace.marker.colors, strict=True))
    assert colours["stem"] == colours["block.conv1"] != colours["head"]  # the head cannot be cut
    deep = layers.nested(LAYERS.assign(layer=["f.0.0", "f.1.conv.0", "f.1.conv.2", "c.1"]), "macs")
    assert deep[["path", "label", "parent"]].to_numpy().tolist() == [
        *(["f", "f", ""], ["f.0.0", "0.0", "f"], ["f.1.conv", "1.conv", "f"]),
        *(["f.1.conv.0", "0", "f.1.conv"], ["f.1.conv.2", "2", "f.1.conv"], ["c.1", "c.1", ""]),
    ]
    assert layers.treemap_in_words(LAYERS, "macs").startswith("block holds 80 % of the 1,000 MACs")
    assert "head with 55.0 %" in layers.treemap_in_words(LAYERS, "parameters")


# ------------------------------------------------------------------------------------------------- nothing


def test_an_empty_table_says_why():
    none, nothing = channel_ranks.channel_table({}, {}), LAYERS[:0]
    assert said(channel_ranks.rank_map(none, {})) == ["No group of this network can be cut"]
    assert said(channel_group.ranked_bars(none, "units")) == said(
        channel_group.score_histogram(none, "units")
    )
    assert said(agreement.disagreement(agreement.differences(none, "l1")))[0].startswith("No other criterion")
    assert said(agreement.swap_map(none, "l1", "di")) == ["Two criteria are needed"]
    assert said(agreement.spearman_map(agreement.spearman(none))) == ["No criterion has been computed yet"]
    assert said(layers.treemap(nothing)) == ["This network has no convolution or linear layer"]
    words = [
        channel_ranks.ranks_in_words(none),
        channel_group.group_in_words(none),
        channel_group.spread_in_words(none, "units"),
    ]
    words += [agreement.disagreement_in_words(agreement.differences(none, "l1"), "l1")]
    words += [agreement.swaps_in_words(agreement.swaps(none, "l1", "di"), "l1", "di")]
    words += [agreement.spearman_in_words(agreement.spearman(none)), layers.treemap_in_words(nothing)]
    assert all(sentence.endswith(".") for sentence in words)
