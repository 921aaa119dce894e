"""A comparison's figures: every point in its place, the frontier, shares, and nothing to draw yet."""

import pandas as pd
import pytest

from pruning.comparison_statistics import shares_of_variance
from pruning.figures.comparison import (
    COSTS,
    FADED,
    against_cost,
    by_choice,
    choices_in_words,
    factor_in_words,
)
from pruning.figures.factors import factor_shares, factors_in_words
from pruning.runs.comparison_points import FACTORS, POINT
from pruning.tasks import DEFAULT

SAME = dict.fromkeys(FACTORS, "") | {"model": "resnet20", "data": "digits", "measure": "macs", "epochs": 0}
SAME |= {"allocation": "uniform", "seeds": 3, "cost_whole": 40e6, "accuracy_whole": 0.95}
ROWS = [
    ("l1", 0.3, "none", 0.6, 28e6, True),
    ("l1", 0.5, "none", 0.4, 20e6, True),
    ("random", 0.3, "recalibrate", 0.9, 28e6, False),
    ("random", 0.5, "recalibrate", 0.8, 20e6, False),
]
TABLE = pd.DataFrame(
    SAME | dict(zip(("criterion", "cut", "repair", "accuracy", "cost", "dominated"), row, strict=True))
    for row in ROWS
).assign(low=lambda t: t["accuracy"] - 0.02, high=lambda t: t["accuracy"] + 0.01, run=list("abcd"))
METRIC, VARIED = DEFAULT.metric, ["criterion", "repair", "cut"]


def test_against_cost_a_line_a_choice_dominated_points_faded_and_the_frontier():
    figure = against_cost(TABLE, VARIED, "macs", METRIC, pinned=0.9)
    lines = {trace.name: trace for trace in figure.data}
    chance = lines["Random, batch norm recalibration"]
    assert list(chance.x) == [20, 28] and list(chance.y) == pytest.approx([80, 90])
    assert list(chance.error_y.arrayminus) == pytest.approx([2, 2], abs=1e-4)
    assert [seen[0] for seen in chance.customdata] == ["d", "c"]  # the run that a click opens
    assert list(chance.marker.opacity) == [1, 1]
    assert list(lines["L1 norm, no repair"].marker.opacity) == [FADED, FADED]
    steps = list(zip(lines["frontier"].x, lines["frontier"].y, strict=True))
    assert steps == [pytest.approx(step) for step in ((20, 80), (28, 80), (28, 90))]
    assert list(lines["full network"].x) == [40] and figure.layout.shapes[0].y0 == pytest.approx(90)


def test_by_choice_the_best_is_on_top():
    figure = by_choice(TABLE[TABLE["cut"] == 0.5], ["criterion", "repair"], METRIC)
    assert figure.layout.yaxis.categoryarray == ("L1 norm", "Random")  # drawn from below
    assert {trace.name for trace in figure.data} == {"no repair", "batch norm recalibration"}
    assert by_choice(TABLE, ["cut"], METRIC).data[0].y[0] == "30 % cut"


@pytest.mark.parametrize("cost", COSTS)
def test_what_is_not_there_is_said(cost):
    empty = pd.DataFrame(columns=[*FACTORS, *POINT])
    for figure in (against_cost(empty, VARIED, cost, METRIC), by_choice(empty, VARIED, METRIC)):
        assert "No run has finished yet" in figure.layout.annotations[0].text
    assert choices_in_words(empty, VARIED, METRIC, cost) == "No run has finished yet."
    assert "Two choices" in factor_shares(pd.DataFrame()).layout.annotations[0].text


def test_the_words_name_the_best_the_last_and_the_frontier():
    words = choices_in_words(TABLE, VARIED, METRIC, "macs")
    assert words.startswith(
        "Best accuracy: Random, batch norm recalibration, 30 % cut, 90.0 % with 70.0 % of"
    )
    assert (
        "last: L1 norm, no repair, 50 % cut, 40.0 %" in words and "2 of 4 points are on the frontier" in words
    )
    assert factor_in_words("criterion", "cpot:temperature=2") == "CPOT (temperature=2)"


def test_shares_are_bars_in_percent_and_the_largest_is_named():
    many = pd.concat(
        [TABLE.assign(seed=seed, accuracy=TABLE["accuracy"] + 0.001 * seed) for seed in range(3)]
    )
    shares = shares_of_variance(many, ["criterion", "cut"], "accuracy")
    (bars,) = factor_shares(shares).data
    assert sum(bars.x) == pytest.approx(100, abs=0.1)
    assert factors_in_words(shares).startswith("Criterion makes 8")
