"""How long a run takes: from measured speeds and the recipe, and from its own course while it runs."""

from types import SimpleNamespace

import pytest

from pruning.experiment import Recipe
from pruning.experiment.duration import (
    Left,
    Pace,
    about,
    in_words,
    pace_now,
    seconds_of,
    steps_of,
    time_left,
)
from tests.small_data import write_npz

IMAGES = {"train": 10_000, "holdout": 1_000, "test": 2_000}
PACE = Pace(forward=1000.0, train=250.0, images=IMAGES)
BUSY = Pace(forward=100.0, train=25.0, images=IMAGES)


def test_epochs_take_what_a_step_was_measured_to_take():
    recipe = Recipe(criterion="l1", cut=0.5, epochs=3)
    small = time_left(recipe)
    assert steps_of(recipe, PACE)["tune"] == pytest.approx(small * (3 * 10_000 / 250 + 4 * 1_000 / 1000))
    assert steps_of(recipe, PACE)["evaluate baseline"] == 2.0
    without = recipe.but(epochs=0)
    tuning = steps_of(recipe, PACE)["tune"] + steps_of(recipe, PACE)["evaluate tuned"]
    assert seconds_of(recipe, PACE) - seconds_of(without, PACE) == pytest.approx(tuning)
    half = recipe.but(batch_size=32, seed=3)  # of no consequence beside the speed
    assert seconds_of(half, PACE) == seconds_of(recipe, PACE)


def test_a_busy_machine_takes_longer_and_a_larger_cut_less():
    recipe = Recipe(epochs=2)
    assert seconds_of(recipe, BUSY) > 9 * seconds_of(recipe, PACE)
    assert seconds_of(recipe.but(cut=0.7), PACE) < seconds_of(recipe, PACE)
    more = [{"repair": "match", "match_steps": 400}, {"distill": True}, {"bits": 4, "bits_epochs": 1}]
    for changes in more:
        assert seconds_of(recipe.but(**changes), PACE) > seconds_of(recipe, PACE)
    assert seconds_of(recipe.but(repair="reconstruct"), PACE) < seconds_of(recipe, PACE)
    assert "gates" in steps_of(Recipe(criterion="gdp", epochs=5), PACE)


def test_it_is_said_in_words():
    recipe = Recipe(criterion="l1", epochs=2)
    assert about(seconds_of(recipe, PACE)) in in_words(recipe, PACE) and "search" not in in_words(
        recipe, PACE
    )
    assert "search" in in_words(recipe.but(allocation="greedy"), PACE)
    assert [about(s) for s in (0.2, 11.7, 43, 200, 9000)] == ["1 s", "12 s", "45 s", "3 min", "2.5 h"]


def test_what_is_left_falls_as_steps_go_by(monkeypatch):
    now, told = [100.0], []
    clock = SimpleNamespace(perf_counter=lambda: now[0])
    monkeypatch.setattr("pruning.experiment.duration.time", clock)
    left = Left(lambda stage, done, total, **values: told.append(values.get("run_seconds_left")))
    left.expected = {"statistics": 1.0, "evaluate baseline": 1.0, "evaluate cut": 1.0, "tune": 8.0}
    left.begin("statistics")
    left("statistics", 0, 10)
    now[0] += 30.0  # what solves more than it passes images through says nothing once another step does
    left.begin("evaluate baseline")
    left("evaluate", 0, 10)
    now[0] += 2.0
    left("evaluate", 5, 10)  # half of it in 2 s: the whole is ten times that
    now[0] += 2.0
    left.begin("evaluate cut")
    left("evaluate", 0, 10)
    now[0] += 4.0
    left.begin("tune")
    now[0] += 1.0
    left("tune", 1, 64, seconds_left=21.0)  # a stage that tells how long it takes is believed
    assert told == [None, 30.0 * 10, 2.0 + 36.0, 36.0, 21.0]


def test_the_pace_is_measured_and_leaves_the_network_alone(tmp_path):
    from pruning.experiment.loaded_networks import loaded
    from pruning.models import weights_digest

    recipe = Recipe(data=str(write_npz(tmp_path / "small.npz", train=10)), checkpoint="none", threads=1)
    before = weights_digest(loaded(recipe).model)
    pace = pace_now(recipe)
    assert pace.images == {"train": 90, "holdout": 10, "test": 30} and 0 < pace.train < pace.forward
    model = loaded(recipe).model
    assert weights_digest(model) == before and not model.training
    assert all(p.grad is None for p in model.parameters())
