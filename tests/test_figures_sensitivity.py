"""What each group alone can bear, as a map and as curves: their values, their words, and nothing to draw."""

import pandas as pd
import pytest

from pruning.figures.sensitivity import (
    KINDS,
    lost,
    sensitivity_curves,
    sensitivity_in_words,
    sensitivity_map,
)
from pruning.tasks import DEFAULT

ROWS = [
    ("a", "", 0.0, 8, 8, 0.9, 0.9, 0.0),
    ("a", "", 0.5, 4, 8, 0.4, 0.85, 0.02),
    ("b", "c;d", 0.0, 4, 4, 0.9, 0.9, 0.0),
    ("b", "c;d", 0.5, 2, 4, 0.89, 0.9, 0.001),
]
NAMES = ["group", "tied_to", "share", "kept", "channels", "accuracy_raw", "accuracy_repaired", "error"]
METRIC = DEFAULT.metric
TABLE = lost(pd.DataFrame(ROWS, columns=NAMES).assign(images=200), METRIC)


def test_losses_are_points_against_the_whole_network():
    assert TABLE["lost_raw"].tolist() == pytest.approx([0, 50, 0, 1])
    assert TABLE["lost_repaired"].tolist() == pytest.approx([0, 5, 0, 0])
    assert TABLE["lost_error"].tolist() == pytest.approx([0, 2, 0, 0.1])


@pytest.mark.parametrize("kind", KINDS)
def test_the_map_has_a_square_for_every_group_and_share(kind):
    (squares,) = sensitivity_map(TABLE, kind, "b", metric=METRIC).data
    assert list(squares.y) == ["a", "b"] and list(squares.x) == ["50", "50"]
    expected = {"raw": [50, 1], "repaired": [5, 0], "error": [2, 0.1]}[kind]
    assert list(squares.marker.color) == pytest.approx(expected)
    assert squares.customdata[1][0] == "b"  # what a click tells
    assert squares.marker.cmax == pytest.approx(2 if kind == "error" else 50)  # both accuracies on one scale


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("opened", ["a", "b"])
def test_the_opened_group_stands_out_among_the_others(kind, opened):
    lines = sensitivity_curves(TABLE, kind, opened, metric=METRIC).data
    assert len(lines) == (2 if kind == "error" else 3)
    assert [line.name for line in lines if line.showlegend is not False][0] == "the other groups"
    assert lines[-1].name.startswith(opened)


def test_the_words_name_the_group_that_costs_most():
    words = sensitivity_in_words(TABLE, METRIC)
    assert words.startswith("With 50 % of one group cut, a costs most: 50.0 points of accuracy, 5.0 after")
    assert "b costs 1.0" in words and "200 hold-out images, one group at a time (2 groups)" in words


def test_nothing_to_cut_is_said():
    empty = TABLE.iloc[:0]
    for draw in (sensitivity_map, sensitivity_curves):
        figure = draw(empty, "raw", metric=METRIC)
        assert "No group of this network can be cut" in figure.layout.annotations[0].text
    assert sensitivity_in_words(empty, METRIC) == "No group of this network can be cut."
