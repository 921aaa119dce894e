"""Runs that are kept: found again with all that they left, and marked where their process was ended."""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pruning
from pruning.experiment.shared_steps import SharedSteps
from pruning.models import weights_digest
from pruning.runs import Comparison, RunStore, run_key
from pruning.runs import store as runs_store
from pruning.runs.comparison_text import reasons_in_words
from pruning.runs.forecast import foresee, measured_seconds
from tests.front_door import REPOSITORY, forked
from tests.small_data import arrays

TINY = pruning.Recipe(model="resnet20", data="digits", criterion="l1", calibration=20, threads=1)
FEW = {"checkpoint": "none", "size": 16, "calibration": 20, "batch_size": 32, "threads": 1}


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> str:
    """A data set of a few small images."""
    path = tmp_path_factory.mktemp("few") / "few.npz"
    np.savez(path, **arrays())
    return str(path)


# -------------------------------------------------------------------------------------------------- the store


@pytest.fixture(scope="module")
def finished(tmp_path_factory, few):
    """A run, and the folder that it was saved into."""
    folder = tmp_path_factory.mktemp("finished")
    result = pruning.run(TINY.but(data=few, **FEW))
    result.save(folder)
    return result, folder


CHILD = """
import sys
from pruning.runs import RunStore
from pruning import Recipe
store = RunStore(sys.argv[1])
store.begin(Recipe(criterion="l1", seed=int(sys.argv[2])), "key" + sys.argv[2])
print("begun", flush=True)
sys.stdin.read()
"""


def child(folder: Path, number: int) -> subprocess.Popen:
    how = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "cwd": REPOSITORY, "text": True}
    return subprocess.Popen([sys.executable, "-c", CHILD, str(folder), str(number)], **how)


def test_processes_that_start_at_once_share_a_new_store_and_a_killed_one_is_marked(tmp_path):
    folder = tmp_path / "runs"
    children = [child(folder, number) for number in (0, 1)]
    assert [one.stdout.readline() for one in children] == ["begun\n", "begun\n"]
    os.kill(children[0].pid, signal.SIGKILL)
    children[0].wait()
    store = RunStore(folder)
    states = {run.key: run.status for run in store.runs()}
    assert states == {"key0": "interrupted", "key1": "running"}
    children[1].communicate()
    store.close()


def test_a_finished_run_is_found_again_with_all_that_it_left(finished, tmp_path):
    result, folder = finished
    store, key = RunStore(tmp_path / "runs"), run_key(TINY)
    assert store.finished(key) is None
    id = store.begin(TINY, key)
    assert store.finished(key) is None  # it is under way
    store.finish(id, folder, result.report, 1.5, [{"epoch": 1, "loss": 0.5}])
    found = store.finished(key)
    assert found.seconds == 1.5 and found.params["criterion"] == "l1" and found.metrics["loss"] == 0.5
    assert found.metrics["cut"] == result.report["values"]["cut"]
    assert json.loads(store.fetch(found, "report.json").read_text()) == result.report
    assert weights_digest(pruning.load(store.fetch(found, "", tmp_path))) == weights_digest(result.model)
    store.end(store.begin(TINY.but(seed=1), "other"), "failed", "no reason")
    assert {run.status for run in store.runs()} == {"finished", "failed"}
    store.close()


def test_a_loss_that_diverged_is_no_number_in_the_store(finished, tmp_path):
    """MLflow would tell it as 1.8e308 (findings/mlflow_infinite_metrics.sh)."""
    result, folder = finished
    with RunStore(tmp_path / "runs") as store:
        id = store.begin(TINY, "diverged")
        epochs = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": math.inf}]
        store.finish(id, folder, result.report, 1.5, epochs)
        assert math.isnan(store.finished("diverged").metrics["loss"])


def test_a_store_that_fails_in_the_middle_says_so_and_goes_on_once_it_can(finished, kept_runs):
    result, folder = finished
    with RunStore(kept_runs) as store:
        id = store.begin(result.recipe, "of a full disk")
        place = kept_runs / "artifacts" / id
        place.parent.mkdir(exist_ok=True)
        place.write_text("")  # where its folder should be
        with pytest.raises(ValueError, match="cannot be written .*the same command goes on once it can"):
            store.finish(id, folder, result.report, 1.0)
        assert store.finished("of a full disk") is None
        place.unlink()
        store.finish(id, folder, result.report, 1.0)
        assert store.finished("of a full disk").id == id


class Gone:
    """A client of a server that does not answer for so many questions."""

    def __init__(self, client, questions: int):
        self.client, self.questions = client, questions

    def __getattr__(self, name: str):
        if self.questions > 0:
            self.questions -= 1
            raise ConnectionError("nobody answers")
        return getattr(self.client, name)


def test_a_server_that_is_started_anew_is_waited_for_and_one_that_stays_away_is_a_sentence(
    finished, kept_runs, monkeypatch
):
    monkeypatch.setattr(runs_store, "LOOK", 0)
    with RunStore(kept_runs) as store:
        client, store.uri = store.client, "http://team"
        store.client = Gone(client, 5)
        id = store.begin(finished[0].recipe, "of a server")
        assert store.client.questions == 0 and next(store.runs(most=1)).id == id
        monkeypatch.setattr(runs_store, "PATIENCE", 0)
        store.client = Gone(client, 10**9)
        with pytest.raises(
            ValueError, match="store of runs at http://team cannot be written .nobody answers"
        ):
            store.end(id, "failed", "because")
        with pytest.raises(ValueError, match="store of runs at http://team cannot be used"):
            store.finished("of a server")
        store.client, store.uri = client, None
        store.end(id, "failed", "because")


def test_a_key_follows_the_recipe_the_control_and_the_files_that_it_names(tmp_path):
    file = tmp_path / "digits.npz"
    file.write_bytes(b"one")
    named = TINY.but(data=str(file))
    keys = [run_key(TINY), run_key(TINY.but(seed=1)), run_key(TINY, "narrower"), run_key(named)]
    file.write_bytes(b"another")
    assert len({*keys, run_key(named)}) == 5 and run_key(TINY) == keys[0]


# ---------------------------------------------------------------------------------------------- shared steps


def test_recipes_that_share_their_steps_give_the_numbers_that_they_give_alone(few):
    changes = [
        {},
        {"repair": "reconstruct"},
        {"repair": "match", "match_steps": 2},
        {"epochs": 1},
        {"cut": 0.7},
    ]
    recipes = [TINY.but(data=few, allocation="error", **FEW, **change) for change in changes]
    shared = SharedSteps()
    for recipe in recipes:
        one, other = pruning.run(recipe), pruning.run(recipe, shared=shared)
        assert (
            one.report["values"] == other.report["values"]
            and one.report["expected"] == other.report["expected"]
        )
        assert one.plan.to_json() == other.plan.to_json()
        assert weights_digest(one.model) == weights_digest(other.model)
        assert all(np.array_equal(one.predictions[name], other.predictions[name]) for name in one.predictions)


def test_what_cannot_be_loaded_is_foreseen(tmp_path):
    """Known only once it is tried: a listed network without weights for these data."""
    asked = Comparison(models=("resnet20", "resnet56"), datasets=("digits",), settings={"calibration": 60})
    with RunStore(tmp_path) as store:
        found = foresee(asked, store, measured_seconds)
    assert (found.recipes, found.failed) == (6, 3) and found.seconds > 0  # random and energy beside L1
    assert len(found.reasons) == 1 and "resnet56" in found.reasons[0]


FAILS = {
    "no recipe at all": ("--allocations gates", ["trains no gates", "--criterion gdp"]),
    "no recipe at all, asked first": ("--allocations gates --dry-run", ["trains no gates"]),
    "nothing loads": ("--models resnet56", ["resnet56"]),
    "nothing would load": ("--models resnet56 --dry-run", ["resnet56"]),
}


@pytest.mark.parametrize("words, told", FAILS.values(), ids=FAILS)
def test_a_comparison_of_which_nothing_can_be_done_says_why(words, told, tmp_path):
    asked = ("compare", "--datasets", "digits", "--controls", "none", *words.split(), "--threads", "1")
    done = forked(*asked, "--out", tmp_path / "out", env={"PRUNING_RUNS": str(tmp_path / "runs")})
    assert done.returncode == 2 and not done.stdout, done.stdout
    assert all(word in done.stderr for word in ("not one of 1 recipe can be done", *told)), done.stderr
    assert (tmp_path / "out").exists() == (words == "--models resnet56")  # rows with their reason


def test_a_comparison_says_why_some_of_it_can_t_be_done(tmp_path):
    asked = ["compare", "--datasets", "digits", "--controls", "none", "--calibration", "20", "--threads", "1"]
    asked += ["--models", "resnet20", "resnet56", "--allocations", "uniform", "gates"]
    for words in (["--dry-run"], []):
        done = forked(*asked, *words, "--out", tmp_path / "out", env={"PRUNING_RUNS": str(tmp_path / "runs")})
        assert done.returncode == 0 and "3 that can't be done: " in done.stdout, done.stderr
        assert done.stdout.count("trains no gates") == 1 and "resnet56" in done.stdout


def test_of_many_reasons_the_first_are_told():
    assert reasons_in_words([f"reason {k}." for k in range(4)]) == (
        "reason 0; reason 1; reason 2; and 1 more reason"
    )
    assert reasons_in_words(["one."]) == "one"
