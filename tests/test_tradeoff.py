"""Accuracy against the share that is cut: what lies between tried cuts, how far one can go, its picture."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers, lists

from pruning import Recipe
from pruning.figures.cut_curve import cut_curve, cut_curve_in_words, live_rows
from pruning.inspection import AccuracyNow, accuracy_now
from pruning.inspection.tradeoff import COARSE, MIDDLES, between, curve, expected_at, largest_within
from pruning.tasks import DEFAULT, PIXELWISE


def counted(raw: int, repaired: int | None, error: float | None = None) -> AccuracyNow:
    """raw, repaired: right answers of 100."""
    shares = (raw / 100, None if repaired is None else repaired / 100)
    return AccuracyNow(DEFAULT.name, 100, "hold-out", False, 0.92, *shares, "reconstruct", 2.0, error)


FOUND = {0.5: counted(40, 90), 0.3: counted(80, 92), 0.7: counted(10, 84), 0.9: counted(10, None)}
ERRORS = {0.3: 0.05, 0.5: 0.1, 0.7: 0.3, 0.9: 0.9}
BY_ERROR = {cut: replace(now, error=ERRORS[cut]) for cut, now in FOUND.items()}


def test_every_cut_is_a_row_and_the_whole_network_the_first():
    points = curve(FOUND)
    assert points["cut"].tolist() == [0.0, 0.3, 0.5, 0.7, 0.9]
    assert points["repaired"].fillna(-1).tolist() == [0.92, 0.92, 0.9, 0.84, -1]
    assert points["raw"].tolist() == [0.92, 0.8, 0.4, 0.1, 0.1] and not points["low"].notna().any()
    assert curve({}).empty and between(curve({}), 0.5) is None and largest_within(curve({})) is None


def test_between_two_cuts_the_curve_is_a_straight_line_and_beyond_the_last_it_says_nothing():
    points = curve(FOUND)
    read = between(points, 0.6)
    assert (read.raw, read.repaired) == (pytest.approx(0.25), pytest.approx(0.87))
    assert (read.low, read.high) == (pytest.approx(0.84), pytest.approx(0.90))
    late = between(points, 0.8)
    assert late.repaired is None and late.raw == pytest.approx(0.10)
    assert between(points, 0.95) is None


@given(lists(integers(0, 100), min_size=2, max_size=9), floats(0, 0.9))
def test_what_is_read_lies_between_its_neighbours(right, cut):
    cuts = np.linspace(0.1, 0.9, len(right))
    read = between(curve({float(c): counted(r, r) for c, r in zip(cuts, right, strict=True)}), cut)
    assert read.low - 1e-9 <= read.repaired <= read.high + 1e-9


@given(lists(integers(0, 100), min_size=2, max_size=9), floats(0, 20))
def test_up_to_the_largest_cut_no_more_is_lost_than_was_allowed(right, lost):
    cuts = np.linspace(0.1, 0.9, len(right))
    points = curve({float(c): counted(r, r) for c, r in zip(cuts, right, strict=True)})
    largest = largest_within(points, lost)
    tried = points["cut"] <= largest
    assert (points["repaired"][tried] >= 0.92 - lost / 100 - 1e-8).all()
    assert between(points, largest).repaired >= 0.92 - lost / 100 - 1e-6
    if largest < 0.9:  # within a hundredth more it is too far
        beyond = min(largest + 0.0101, 0.9)
        places = [*np.linspace(largest, beyond, 3), *(cut for cut in cuts if largest < cut < beyond)]
        assert min(between(points, place).repaired for place in places) < 0.92 - lost / 100 + 1e-6


def test_the_drawing_has_what_was_counted_and_what_was_expected():
    points = curve(BY_ERROR)
    largest = largest_within(points)
    assert largest == 0.4
    figure = cut_curve(points, "MACs", 0.5, largest, task=DEFAULT)
    lines = {line.name: line for line in figure.data}
    assert list(lines["after repair"].y) == pytest.approx([92, 92, 90, 84])
    assert lines["after repair"].text[3] == "84.0 % (84 of 100 right)"
    assert figure.layout.yaxis.title.text == "accuracy on the hold-out images (%)"
    assert list(lines["after the cut"].x) == pytest.approx([0, 30, 50, 70, 90])
    assert len(lines["expected"].y) == 8  # there and back over the four
    assert [line.x0 for line in figure.layout.shapes if line.x0 == line.x1] == [50, 40]
    words = cut_curve_in_words(points, largest, DEFAULT.metric)
    assert "within 1 point of its 92.0 % up to a cut of 40 %" in words
    assert "brings 10.0 % back to 84.0 %" in words
    empty = cut_curve(curve({}), "MACs", 0.5, None, task=DEFAULT)
    assert "No cut has been measured" in empty.layout.annotations[0].text


def test_a_metric_that_counts_nothing_has_its_own_name_and_noise():
    found = {cut: replace(now, task=PIXELWISE.name, noise=0.05) for cut, now in BY_ERROR.items()}
    points = curve(found)
    figure = cut_curve(points, "MACs", 0.5, None, task=PIXELWISE)
    assert figure.layout.yaxis.title.text == "mean IoU on the hold-out images (%)"
    assert figure.data[-2].text[0] == "92.0 % (100 images)"
    assert cut_curve_in_words(points.head(1), None, PIXELWISE.metric).startswith("Hold-out mean IoU at each")
    told = expected_at(found, 0.5, 0.1)
    closer = expected_at({cut: replace(now, noise=0.01) for cut, now in found.items()}, 0.5, 0.1)
    assert told["high"] - told["low"] > closer["high"] - closer["low"]


def test_the_growing_chart_is_told_the_same():
    rows = live_rows(curve(BY_ERROR), 0.5, 0.4, DEFAULT.metric)
    assert rows["what"].value_counts().to_dict() == {
        **{"raw": 5, "repaired": 4, "expected": 4, "full": 1, "slider": 1, "largest": 1}
    }
    assert rows.loc[rows["what"] == "full", "value"].tolist() == [92.0]
    assert live_rows(curve({}), 0.5, None, DEFAULT.metric)["what"].tolist() == ["slider"]


def test_what_is_expected_of_a_cut_comes_from_the_others():
    told = expected_at(BY_ERROR, 0.5, 0.1)
    assert 0.84 < told["accuracy"] < 0.92 and told["low"] < told["accuracy"] < told["high"]
    unseen = replace(BY_ERROR[0.5], repaired=0.03)
    assert expected_at(BY_ERROR | {0.5: unseen}, 0.5, 0.1) == told  # its own count has no say
    assert expected_at(BY_ERROR, 0.5, 0.1, matched=True)["accuracy"] > told["accuracy"]
    line = expected_at(FOUND, 0.5, None)
    assert line == {"accuracy": pytest.approx(0.88), "low": 0.84, "high": 0.92}
    lucky = {cut: replace(now, repaired=now.baseline + 0.01) for cut, now in FOUND.items() if now.repaired}
    assert expected_at(lucky, 0.5, None)["high"] == 0.92  # more than the full network's is by chance
    assert expected_at(FOUND, 0.5, None, matched=True) is None
    assert expected_at({0.3: FOUND[0.3], 0.9: FOUND[0.9]}, 0.5, None) is None  # one alone is repaired


def test_the_coarse_cuts_come_first_and_none_twice():
    assert COARSE == (0.5, 0.3, 0.7, 0.1, 0.9) and len({*COARSE, *MIDDLES}) == len(COARSE + MIDDLES)


def test_a_cut_is_counted_as_it_is_and_repaired_as_asked():
    recipe = Recipe(data="digits", criterion="l1", cut=0.6, calibration=100, threads=1)
    raw = accuracy_now(recipe, "", True)
    assert raw.repaired is None and raw.how == "reconstruct"
    mended, norms = accuracy_now(recipe), accuracy_now(recipe, "recalibrate")
    assert (mended.raw, norms.raw) == (raw.raw, raw.raw) and mended.baseline == raw.baseline
    assert raw.raw < norms.repaired <= mended.repaired and mended.repair_seconds > 0
    whole = accuracy_now(recipe.but(cut=0.0))
    assert whole.raw == whole.repaired == whole.baseline
