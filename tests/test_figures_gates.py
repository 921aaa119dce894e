"""The figures of the Gates page by their values: histograms, paths, the budget, the function, two seeds."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pruning.figures import gate_agreement, gate_function
from pruning.figures import gates as figures
from pruning.figures.gates import CLOSED, GHOST, OPEN
from pruning.figures.method_style import CUT
from pruning.gates.gate_trace import COLUMNS, GateTrace
from pruning.terms import told_apart
from pruning.ui.gates import live_charts, training_events
from pruning.ui.gates.gate_function import function_table


def trace(scaled: np.ndarray, sizes=(2, 4), eps=None) -> GateTrace:
    """A trace of these gates [T, N], its eps falling from 0.1 to 0.0001."""
    steps = len(scaled)
    eps = np.geomspace(0.1, 1e-4, steps) if eps is None else eps
    rows = pd.DataFrame({name: np.zeros(steps) for name in COLUMNS})
    rows = rows.assign(
        step=np.arange(steps) * 10, eps=eps, left=np.linspace(1, 0.5, steps), target=0.5, loss=1.0
    )
    names = tuple("abcdefgh"[: len(sizes)])
    return GateTrace(names, tuple(sizes), 10 * steps, 10, rows, np.asarray(scaled, np.float32))


SCALED = np.array([[1.0] * 6, [0.0, 0.1, 1.0, 3.0, 3.0, 9.0], [0.0, 0.0, 20.0, 30.0, 99.0, 1000.0]])
NOTHING = trace(np.zeros((0, 0)), sizes=())


@settings(max_examples=15, deadline=None)
@given(arrays(np.float32, st.integers(1, 30), elements=st.just(0.0) | st.floats(0.03125, 500, width=32)))
def test_every_gate_is_in_one_bin_of_either_histogram(scaled):
    for table in (figures.histogram(scaled**2 / (scaled**2 + 1)), figures.scaled_histogram(scaled)):
        assert table["gates"].sum() == len(scaled) and table["share"].sum() == pytest.approx(100)
        closed = table[table["state"] == CLOSED]
        assert closed["gates"].tolist() == [(scaled == 0).sum()]
        assert (table["low"] < table["high"]).all()


def test_a_gate_that_never_moved_opens_by_the_schedule_alone():
    rows = trace(SCALED).rows
    assert figures.frozen(rows).tolist() == pytest.approx([1, 5.62, 31.6], rel=1e-2)
    s = figures.frozen(rows)
    assert figures.frozen_values(rows).tolist() == pytest.approx((s**2 / (s**2 + 1)).tolist())
    assert figures.frozen_values(rows)[-1] == pytest.approx(0.999, abs=1e-3)


def test_the_line_of_unmoved_gates_is_the_same_where_the_first_steps_are_not_known():
    rows = trace(np.ones((5, 6))).rows
    for figure in (figures.frozen, figures.frozen_values):
        assert figure(rows.iloc[2:]).tolist() == pytest.approx(figure(rows)[2:].tolist())
        assert len(figure(rows.iloc[2:3])) == 1
    late = figures.paths(trace(SCALED)).query("step > 0")
    assert "At step 10 they are between 0 and 0.99;" in figures.paths_in_words(late, 6)


def test_start_middle_and_end_stand_side_by_side_with_the_ghost():
    figure = figures.polarization(trace(SCALED))
    assert [title.text for title in figure.layout.annotations] == ["step 0", "step 10", "step 20"]
    closed = [sum(bar.y) for bar in figure.data if bar.name == CLOSED]
    assert closed == pytest.approx([0, 0, 100 / 6, 100 / 6, 200 / 6, 200 / 6])
    assert {bar.marker.color for bar in figure.data if bar.name == CLOSED} == {CUT}
    ghosts = [line.x[0] for line in figure.data if line.name == GHOST]
    assert (
        ghosts[0] == 0.5 and ghosts[4] == pytest.approx(0.999, abs=1e-3) and ghosts[5] == pytest.approx(1.5)
    )
    words = figures.polarization_in_words(trace(SCALED))
    assert (
        words.startswith("33 % of 6 gates are closed for good and 67 % are above g = 0.9.")
        and "0.999" in words
    )


def test_every_gate_has_its_path_and_its_group_a_colour():
    table = figures.paths(trace(SCALED))
    assert len(table) == 18 and table["gate"].nunique() == 6
    last = table[table["step"] == 20].set_index("gate")
    assert last["group"].tolist() == ["a"] * 2 + ["b"] * 4 and last["channel"].tolist() == [0, 1, 0, 1, 2, 3]
    assert last["g"].tolist() == pytest.approx(trace(SCALED).values[-1].tolist())
    figure = figures.path_figure(table, trace(SCALED).rows)
    lines = {line.name: line for line in figure.data}
    assert list(lines) == ["a", "b", GHOST] and np.isnan(lines["b"].y).sum() == 4
    assert lines["a"].line.color != lines["b"].line.color
    assert "a lost the largest share (100 % closed)" in figures.paths_in_words(table, 6)


def test_long_names_of_groups_are_told_apart_in_the_live_legend():
    groups = ("backbone.layer1.0.conv1", "backbone.layer2.0.conv1", "stem", "backbone.layer12.0.conv1")
    legend = live_charts.path_spec(replace(trace(SCALED, sizes=(1, 1, 2, 2)), groups=groups))
    legend = legend["layer"][0]["encoding"]["color"]["legend"]
    shown = json.loads(legend["labelExpr"].removesuffix("[datum.label]"))
    assert list(shown) == list(groups) and len(set(shown.values())) == 4 and legend["labelLimit"] == 0
    assert shown["stem"] == "stem" and max(map(len, shown.values())) < 23 and "…" in shown[groups[0]]
    twins = told_apart(("a.1.very.long.name", "a.2.very.long.name"), 9)
    assert len(set(twins.values())) == 2


def test_the_step_from_which_on_the_loss_has_no_say_is_drawn_and_told():
    trained = trace(SCALED)  # recorded at steps 0, 10 and 20 of 30: settled at 9
    table = figures.paths(trained)
    assert trained.decided == 9 and "step 9, every gate was decided" in figures.paths_in_words(table, 6, 9)
    (line,) = figures.path_figure(table, trained.rows, trained.decided).layout.shapes
    assert line.x0 == line.x1 == 9
    assert not figures.path_figure(table, trained.rows).layout.shapes
    assert "no longer influences which close" in live_charts.say(trained)
    begun = trace(SCALED[:1])
    assert begun.decided is None and "Until step 3 of 10 the loss influences" in live_charts.say(begun)
    unmoved = trace(np.ones((3, 6)))
    assert unmoved.decided is None  # a frozen t
    started = figures.paths(trace(np.array([[0.5, 1, 1, 1, 1, 2.0], [0, 0, 1, 9, 9, 9]])))
    assert "They start between 0.2 and 0.8" in figures.paths_in_words(started, 6)


def test_a_large_network_s_paths_are_drawn_evenly():
    wide = trace(np.ones((250, 1000)), sizes=(400, 600))
    table = figures.paths(wide, gates=50, points=40)
    assert len(table) == 2000 and {0, 999} <= set(table["gate"]) and table["step"].max() == 2490
    assert table.drop_duplicates("gate")["group"].value_counts().to_dict() == {"a": 20, "b": 30}
    assert figures.paths_in_words(table, 1000).startswith("One line per gate, 50 of 1,000 drawn evenly")


def test_the_budget_is_drawn_in_percent_and_told():
    figure = figures.budget(trace(SCALED).rows, "MACs")
    lines = {line.name: list(line.y) for line in figure.data}
    assert lines == {"target": [50, 50, 50], "MACs left": [100, 75, 50], "task loss": [1, 1, 1]}
    assert "50.0 % is the target" in figures.budget_in_words(trace(SCALED).rows, 0.5, "MACs")


def test_where_nothing_was_trained_every_figure_says_so():
    table, rows = figures.paths(NOTHING), NOTHING.rows
    drawn = (figures.polarization(NOTHING), figures.path_figure(table, rows), figures.budget(rows, "MACs"))
    told = (figures.polarization_in_words(NOTHING), figures.paths_in_words(table, 0))
    assert {figure.layout.annotations[-1].text for figure in drawn} == {"No gate has been trained yet"}
    assert set(told) == {"No gate has been trained yet."} and not figures.picked(NOTHING)


@pytest.mark.parametrize("eps", [0.1, 0.01, 1e-4])
def test_the_slope_is_the_curve_s_and_largest_at_the_dots(eps):
    table = function_table(eps)
    t, g = table["t"], table["gate"]
    assert g.tolist() == pytest.approx((t**2 / (t**2 + eps)).tolist())
    slope = (t + 1e-7) ** 2 / ((t + 1e-7) ** 2 + eps) - (t - 1e-7) ** 2 / ((t - 1e-7) ** 2 + eps)
    assert table["slope"].tolist() == pytest.approx((slope / 2e-7).tolist(), abs=1e-3 / eps)
    steepest = t[table["slope"].idxmax()]
    assert steepest == pytest.approx(np.sqrt(eps / 3), rel=0.1)
    figure = gate_function.gate_function(table, eps)
    assert {abs(dot.x[0]) for dot in figure.data if dot.mode == "markers"} == {np.sqrt(eps / 3)}
    assert f"{np.sqrt(eps / 3):.2g}" in gate_function.gate_function_in_words(table, eps)


def test_what_two_seeds_have_in_common_stands_against_chance():
    first, second = SCALED.copy(), SCALED.copy()
    second[-1] = [0.0, 5.0, 0.0, 30.0, 99.0, 9.0]
    table = gate_agreement.fates(trace(first), trace(second))
    assert (
        table[["first", "second"]].sum().tolist() == [2, 2] and (table["first"] & table["second"]).sum() == 1
    )
    assert gate_agreement.by_chance(table) == pytest.approx(2 * 1 / 2 + 0 * 1 / 4)
    figure = gate_agreement.agreement(table, ("seed 0", "seed 1"))
    counts = {mark.name: len(mark.x) for mark in figure.data}
    assert counts == {"both open": 3, "both closed": 1, "only seed 0 closed": 1, "only seed 1 closed": 1}
    words = gate_agreement.agreement_in_words(table, ("seed 0", "seed 1"))
    assert (
        words.startswith("Seed 0 has closed 2 of 6 channels, seed 1 2, 1 of them the same.")
        and "chance" in words
    )
    other = gate_agreement.fates(trace(SCALED), trace(SCALED, sizes=(3, 3)))
    assert other.empty and gate_agreement.agreement(other, ("seed 0", "seed 1")).layout.annotations


# ---------------------------------------------------------------------------------- from a job's events


def event(step: int, gates=None, stage="gates", **values):
    values |= {name: 0.5 for name in COLUMNS[1:]} | {"epoch": 1, "epochs": 2}
    values |= {"scaled": gates, "groups": ["a", "b"], "sizes": [1, 2]} if gates else {}
    return SimpleNamespace(stage=stage, done=step, total=8, values=values)


def job(*events, id="", after=""):
    return SimpleNamespace(events=list(events), id=id, after=after)


def test_events_make_the_trace_and_what_is_resumed_goes_on_in_it():
    first = job(event(2, [1, 1, 1]), event(3), event(4, [2, 0, 1]), event(5, [3, 0, 1]), id="one")
    second = job(event(5), event(6, [9, 0, 1]), event(1, stage="tune"), id="two", after="one")
    known = {"one": first, "two": second}
    workers = SimpleNamespace(job=known.get)
    chain = training_events.jobs_of(workers, second)
    assert chain == [first, second] and training_events.jobs_of(workers, job(after="forgotten"))
    told = training_events.trace_of(training_events.told(chain))
    assert told.rows["step"].tolist() == [2, 4, 5, 6] and told.groups == ("a", "b") and told.sizes == (1, 2)
    assert told.scaled[-1].tolist() == [9, 0, 1] and (told.steps, told.steps_per_epoch) == (8, 4)
    again = job(event(3), event(4, [7, 7, 7]), id="three", after="one")  # from an earlier step
    kept = training_events.trace_of(training_events.told([first, again]))
    assert kept.rows["step"].tolist() == [2, 4] and kept.scaled[-1].tolist() == [7, 7, 7]
    assert training_events.latest(training_events.told([first]))["left"] == 0.5
    assert training_events.latest([]) is None and training_events.trace_of([]).rows.empty


def test_before_its_first_step_a_training_has_gates_and_no_loss():
    start = event(0, [1, 1, 1])
    del start.values["loss"]
    told = training_events.trace_of([start, event(1, [1, 1, 1])])
    assert told.rows["step"].tolist() == [0, 1] and np.isnan(told.rows["loss"].iloc[0])
    assert told.rows.dtypes.map(lambda kind: kind.kind).tolist() == [*"ii", *"f" * 7]


def test_a_bin_says_what_is_open():
    assert figures.histogram(np.array([0.0, 0.5, 1.0]))["state"].tolist() == [CLOSED, *[OPEN] * 20]
