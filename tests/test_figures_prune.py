"""The figures of the Prune page by their values: structure, trade-off, training and what changed."""

from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest

from pruning.figures import prediction_changes, structure, tradeoff, training
from pruning.figures.method_style import CUT, look
from pruning.tasks import DEFAULT

METRIC = DEFAULT.metric
WIDTHS = pd.DataFrame(
    {
        "group": ["a", "b", "c"],
        "before": [16, 32, 8],
        "after": [8, 24, 8],
        "share_cut": [0.5, 0.25, 0.0],
        "inner": [True, True, False],
        "tied_to": ["", "", "d; e"],
    }
)
RUNS = pd.DataFrame(
    [
        ("first", "l1", "baseline", 40_000_000, 0.9, 100),
        ("first", "l1", "cut", 20_000_000, 0.1, 100),
        ("second", "cpot", "baseline", 40_000_000, 0.9, 100),
        ("second", "cpot", "cut", 10_000_000, 0.2, 100),
        ("second", "cpot", "tuned", 10_000_000, 0.8, 100),
    ],
    columns=tradeoff.COLUMNS,
)
HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "loss": [1.0, 0.6, 0.5],
        "holdout_loss": [0.9, 0.7, 0.8],
        "holdout_accuracy": [0.7, 0.8, 0.79],
        "kept": [False, True, False],
    }
)
CLASSES = pd.DataFrame(
    {"class": ["cat", "dog", "owl"], "baseline": [0.9, 0.8, None], "final": [0.7, 0.85, None]}
)


def event(stage: str, done: int, total: int, **values):
    return SimpleNamespace(stage=stage, done=done, total=total, values=values)


def said(figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


# ------------------------------------------------------------------------------------------- structure


def test_every_channel_is_in_one_bar():
    bars = {bar.name: dict(zip(bar.y, bar.x, strict=True)) for bar in structure.structure(WIDTHS).data}
    assert bars == {"not cut": {"c": 8}, "kept": {"a": 8, "b": 24}, "cut": {"a": 8, "b": 8}}
    texts = [text for bar in structure.structure(WIDTHS).data for text in bar.hovertext]
    assert "pruned together with d, e" in texts and "coupled to no other layer" in texts


def test_the_structure_in_words():
    words = structure.structure_in_words(WIDTHS)
    assert (
        "16 of 56 channels are cut in 2 groups" in words
        and "a (8 of 16 are kept)" in words
        and "1 group is not cut" in words
    )
    whole = WIDTHS.assign(after=WIDTHS["before"], share_cut=0.0)
    assert structure.structure_in_words(whole) == "Nothing is cut: all 56 channels of 3 groups are kept."


# ------------------------------------------------------------------------------------------- trade-off


def test_a_run_is_a_line_at_its_macs_and_the_baseline_a_star():
    figure = tradeoff.tradeoff(RUNS, DEFAULT)
    star, *lines = figure.data
    assert (star.x.tolist(), star.y.tolist(), star.name) == ([40.0], [pytest.approx(90)], "full network")
    assert [line.x.tolist() for line in lines] == [[20.0], [10.0, 10.0]]
    assert lines[1].y.tolist() == pytest.approx([20, 80])
    assert lines[1].line.color == look("cpot")["line"]["color"]
    assert list(lines[1].text) == ["cut: 20.0 % (20 of 100 right)", "fine-tuned: 80.0 % (80 of 100 right)"]


def test_a_criterion_stands_in_the_legend_once():
    twice = pd.concat([RUNS, RUNS.assign(run="third", macs=RUNS["macs"] // 2)])
    shown = [line.name for line in tradeoff.tradeoff(twice, DEFAULT).data if line.showlegend is not False]
    assert len(shown) == len(set(shown)) == 3


def test_the_trade_off_in_words_is_the_last_run_s():
    words = tradeoff.tradeoff_in_words(RUNS, DEFAULT)
    assert (
        ("75.0 % of the MACs removed, 80 of 100") in words
        and "all of them 90" in words
        and "it was 20" in words
    )


def test_stages_come_into_the_live_chart_as_they_are_told():
    events = [event("plan", 1, 1, macs=10e6, macs_before=40e6), event("evaluate", 5, 100, message="baseline")]
    assert tradeoff.stage_points(events, METRIC).empty
    events += [event("evaluate", 100, 100, message="baseline", accuracy=0.9)]
    events += [
        event("evaluate", 100, 100, message="cut", accuracy=0.25),
        event("evaluate", 2, 2, message="latency"),
    ]
    points = tradeoff.stage_points(events, METRIC)
    assert points.values.tolist() == [["full network", 40, 90], ["cut", 10, 25]]


# ------------------------------------------------------------------------------------------- training


def test_curves_from_events():
    steps = [event("tune", n, 20, epoch=1 + (n - 1) // 10, epochs=2, loss=1 / n) for n in range(1, 21)]
    over = event("tune", 20, 20, epoch=2, epochs=2, loss=0.05, accuracy=0.5)
    start = event("tune", 0, 20, epoch=0, accuracy=0.4, holdout_loss=1.0)
    events = [event("evaluate", 1, 2), start, *steps, event("tune", 20, 20), over]
    loss = training.loss_curve(events)
    assert len(loss) == 21 and loss.iloc[0].tolist() == [0.1, 1.0] and loss.iloc[-1].tolist() == [2.0, 0.05]
    assert training.metric_curve(events, METRIC).values.tolist() == [[0, 40.0], [2, 50.0]]


def test_a_long_curve_is_thinned_and_keeps_its_end():
    events = [event("tune", n, 5000, epochs=50, loss=float(n)) for n in range(1, 5001)]
    loss = training.loss_curve(events)
    assert (
        len(loss) <= training.DRAWN
        and loss["loss"].iloc[-1] == 5000
        and loss["epoch"].is_monotonic_increasing
    )


def test_training_afterwards():
    loss, holdout, accuracy = training.training(HISTORY, METRIC).data
    assert loss.y.tolist() == pytest.approx([1.0, 0.6, 0.5]) and holdout.yaxis == "y"
    assert accuracy.yaxis == "y2" and accuracy.y.tolist() == pytest.approx([70, 80, 79])
    words = training.training_in_words(HISTORY, METRIC)
    assert "epoch 2 of 3" in words and "80.0 %" in words
    assert "stayed as it was" in training.training_in_words(HISTORY.assign(kept=False), METRIC)


# ------------------------------------------------------------------------------------------- what changed


def test_classes_are_ordered_by_what_they_lost():
    lines = [trace for trace in prediction_changes.by_class(CLASSES, DEFAULT).data if trace.mode == "lines"]
    assert [line.y[0] for line in lines] == ["cat", "dog"]  # an owl is in no test image
    assert lines[0].line.color == CUT != lines[1].line.color
    words = prediction_changes.by_class_in_words(CLASSES, DEFAULT)
    assert (
        "cat lost most: accuracy 90.0 % before" in words
        and ("dog gained most: 80.0 % before, 85.0 % now") in words
    )
    assert (
        prediction_changes.by_class_in_words(CLASSES.assign(final=CLASSES["baseline"]), DEFAULT)
        == "No class lost any accuracy."
    )


def test_equal_accuracy_can_be_made_of_other_errors():
    assert "the accuracy is the same" in prediction_changes.changed_in_words(3, 3, 100, 0.9, task=DEFAULT)
    assert "2 fewer right in all" in prediction_changes.changed_in_words(3, 1, 100, 0.9, task=DEFAULT)
    assert "No prediction turned right or wrong on the 100" in prediction_changes.changed_in_words(
        0, 0, 100, 1.0, task=DEFAULT
    )


@pytest.mark.parametrize(
    ("draw", "words", "table"),
    [
        (structure.structure, structure.structure_in_words, WIDTHS),
        (partial(tradeoff.tradeoff, task=DEFAULT), partial(tradeoff.tradeoff_in_words, task=DEFAULT), RUNS),
        (
            partial(training.training, metric=METRIC),
            partial(training.training_in_words, metric=METRIC),
            HISTORY,
        ),
        (
            partial(prediction_changes.by_class, task=DEFAULT),
            partial(prediction_changes.by_class_in_words, task=DEFAULT),
            CLASSES,
        ),
    ],
    ids=["structure", "tradeoff", "training", "classes"],
)
def test_an_empty_figure_says_why(draw, words, table):
    empty = table.iloc[:0]
    assert len(said(draw(empty))) == 1 and words(empty)
    assert not said(draw(table))
