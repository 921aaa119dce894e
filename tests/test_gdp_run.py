"""GDP through the front door: a run with gates, ended and gone on with; its report and files; wrong words."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import pruning
from pruning.experiment.run import run
from pruning.inspection import prediction_changes
from pruning.inspection.reopened_run import reopened_run
from pruning.models.bundled_weights import bundled_file
from pruning.progress import Cancelled
from pruning.train import Saved, evaluate
from tests.front_door import REPOSITORY, forked
from tests.run_reports import assert_same
from tests.small_data import write_npz

TRAINED = "--epochs 4 --gate-epochs 2 --batch-size 32 --cut 0.5"


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def subject(tmp_path_factory) -> list[str]:
    """A trained network and 180 training images of 16 x 16 pixels, in 6 steps an epoch."""
    file = write_npz(tmp_path_factory.mktemp("data") / "small.npz", train=20)
    weights = bundled_file("resnet20", "digits")
    return f"--model resnet20 --data {file} --checkpoint {weights} --size 16 --threads 1".split()


@pytest.fixture(scope="module")
def recipe(subject) -> pruning.Recipe:
    """The same in Python."""
    given = dict(zip(subject[::2], subject[1::2], strict=True))
    where = {"data": given["--data"], "checkpoint": given["--checkpoint"]}
    how = {"criterion": "gdp", "epochs": 4, "gate_epochs": 2, "batch_size": 32}
    return pruning.Recipe(**where, **how, model="resnet20", size=16, threads=1)


def words(subject, out: Path, more: str = TRAINED) -> list[str]:
    return ["run", "--criterion", "gdp", *subject, *more.split(), "--out", str(out)]


@pytest.fixture(scope="module")
def whole(subject, tmp_path_factory) -> Path:
    """What a run from its beginning to its end leaves."""
    out = tmp_path_factory.mktemp("whole")
    done = forked(*words(subject, out))
    assert done.returncode == 0, done.stderr
    return out


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text())


# ----------------------------------------------------------------------------------------- what it leaves


def test_the_report_tells_what_gates_left_and_that_nothing_was_lost(whole):
    report, recipe = read(whole, "report.json"), read(whole, "recipe.json")
    gates, accuracy = report["gates"], report["accuracy"]
    assert recipe["allocation"] == "gates" and recipe["gate_epochs"] == gates["epochs"] == 2
    assert accuracy["cut"] == gates["accuracy"] and accuracy["tuned"] is not None
    assert 0 <= gates["absorb_difference"] < 1e-5 and 0 <= gates["between"] <= 1
    assert gates["trained_macs"] == report["macs"]["final"] < 0.7 * report["macs"]["baseline"]
    assert report["seconds"]["gates"] > 0 and report["seconds"]["tune"] > 0
    said = np.load(whole / "predictions.npz")
    assert np.array_equal(said["gates_classes"], said["cut_classes"])
    assert {file.name for file in whole.iterdir()} == {
        *("gates.npz", "model.safetensors", "plan.json", "predictions.npz", "recipe.json", "report.json")
    }


def test_what_is_saved_is_cut_again_from_its_plan_and_says_the_same(whole):
    small, said = pruning.load(whole), np.load(whole / "predictions.npz")
    data = pruning.load_data(read(whole, "recipe.json")["data"], size=16)
    found = evaluate(small, data.test, normalization=small.origin.normalization)
    assert np.array_equal(found.statistics["classes"], said["tuned_classes"])
    report = read(whole, "report.json")
    assert sum(p.numel() for p in small.parameters()) == report["parameters"]["final"]


def test_the_gates_are_a_file_of_plain_arrays_whose_end_is_the_plan(whole):
    with np.load(whole / "gates.npz", allow_pickle=False) as file:
        gates = dict(file)
    plan = read(whole, "plan.json")
    ends = np.cumsum(gates["sizes"])
    for name, own in zip(gates["groups"], np.split(gates["scaled"][-1], ends[:-1]), strict=True):
        assert np.flatnonzero(own).tolist() == plan["kept"][str(name)]
    assert gates["step"][-1] == gates["steps"] == 2 * gates["steps_per_epoch"] == 12
    assert len(gates["scaled"]) == len(gates["left"]) and gates["scaled"].shape[1] == ends[-1]
    assert np.ptp(gates["scaled"][0]) == 0 and len(np.unique(gates["scaled"][-1])) > 2
    closed = [change["group"] for change in plan["changes"]]
    assert closed == [name for name, kept in plan["kept"].items() if not kept]


# ---------------------------------------------------------------------------------- ended and gone on with


def test_a_run_that_was_ended_twice_goes_on_to_the_same_end(subject, whole, tmp_path):
    out = tmp_path / "out"
    interrupted = ended_while_gates_train(words(subject, out), out / "state" / "gates.state.safetensors")
    assert interrupted == f"stopped; continue with: run --resume {out}"
    assert [file.name for file in out.iterdir()] == ["state"]
    kept, told = pruning.Recipe(**read(out / "state", "recipe.json")), []

    def ended_while_tuning(stage, done, total, **values):
        told.append((stage, done))
        if stage == "tune" and done == 9:  # of 6 steps an epoch
            raise Cancelled

    with pytest.raises(Cancelled):
        run(kept, ended_while_tuning, out / "state")
    assert min(done for stage, done in told if stage == "gates") >= 6  # not from the beginning
    told.clear()
    with pytest.raises(Cancelled):
        run(kept, ended_while_tuning, out / "state")
    assert {done for stage, done in told if stage == "gates"} <= {12}  # those are trained
    assert forked("run", "--resume", out).returncode == 0
    found, wanted = (load_file(folder / "model.safetensors") for folder in (out, whole))
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[name], tensor) for name, tensor in wanted.items())
    assert read(out, "plan.json") == read(whole, "plan.json") and not (out / "state").exists()
    assert read(out, "report.json")["gates"] == read(whole, "report.json")["gates"]
    again = forked("run", "--resume", out)
    assert again.returncode == 2 and "no run to continue" in again.stderr and "has ended" in again.stderr


def ended_while_gates_train(typed: list[str], state: Path) -> str:
    """Interrupts the command line as Ctrl-C does, once a state is kept; its last words."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pruning", *typed],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    until = time.monotonic() + 100
    while not state.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=600)[1]
    assert process.returncode == 130, told
    return told.splitlines()[-1]


def test_a_run_that_is_asked_to_stop_keeps_what_it_has(recipe, tmp_path):
    state = tmp_path / "state"

    def watch(stage, done, total, **values):
        if stage == "gates" and done == 8:
            Saved(state).ask("stop")

    result = run(recipe, watch, state)
    report = result.report
    assert report["accuracy"]["tuned"] is None and report["accuracy"]["cut"] == report["gates"]["accuracy"]
    assert result.gates.steps == 12 and result.gates.rows["step"].iloc[-1] == 8
    assert any("Stopped after 8 of 12 steps" in told for told in report["messages"])
    assert any("Nothing was fine-tuned (2 epochs asked for)" in told for told in report["messages"])
    assert report["gates"]["trained_macs"] == report["macs"]["final"] <= report["macs"]["baseline"]
    assert not state.exists()


# -------------------------------------------------------------------------------------- gates as scores


def test_gates_are_scores_for_another_allocation(recipe, tmp_path):
    uniform = recipe.but(epochs=2, gate_epochs=1, allocation="uniform", round_to=4)
    found = prediction_changes.run_and_report(uniform, str(tmp_path / "out"))
    assert found.report["gates"]["absorb_difference"] is None
    inner = found.widths[found.widths["inner"]]
    assert (inner["share_cut"] > 0).all() and (inner["after"] % 4 == 0).all()
    assert found.gates.rows["step"].iloc[-1] == found.gates.steps == 6
    assert found.gate_history["epoch"].tolist() == [1] == found.history["epoch"].tolist()
    assert {"left", "target", "between"} <= set(found.gate_history)
    assert_same(found, reopened_run(tmp_path / "out"))


def test_scores_are_gates_trained_for_all_epochs(subject, tmp_path):
    out = tmp_path / "scores.csv"
    more = "--criterion gdp --epochs 2 --cut 0.4 --measure params --batch-size 32".split()
    done = forked("scores", *subject, *more, "--out", out)
    assert done.returncode == 0, done.stderr
    with out.open() as file:
        rows = list(csv.DictReader(file))
    values = np.array([float(row["score"]) for row in rows])
    assert {row["group"] for row in rows} >= {"layer1.0.conv1", "layer3.2.conv1"} and "conv1" not in {
        row["group"] for row in rows
    }
    assert -1 <= values.min() < 0 < values.max() <= 1


def test_gates_are_no_scores_that_one_can_have_by_looking():
    network = pruning.load_model("resnet20", "digits", "none")
    graph = pruning.ChannelGraph(network, torch.rand(1, 3, 32, 32))
    for look in (pruning.score, lambda *given: pruning.search_plan(*given, "digits")):
        with pytest.raises(ValueError, match="gdp trains gates .* with epochs=1 or more"):
            look(graph, "gdp")


# --------------------------------------------------------------------------------------------- wrong words

DIGITS = "--model resnet20 --data digits --threads 1 --out out"
WRONG = {  # words typed, and what the one line of answer holds
    f"run {DIGITS} --criterion gdp": ["epochs is 0", "--epochs 10"],
    "scores --criterion gdp --epochs 0 --data nowhere --out out": ["epochs is 0", "--epochs 10"],
    f"run {DIGITS} --allocation gates": ["l1 trains no gates", "--criterion gdp"],
    f"run {DIGITS} --epochs 3 --gate-epochs 1": ["gate_epochs", "leave it out"],
    f"run {DIGITS} --criterion gdp --epochs 3 --gate-epochs 4": ["4", "epochs, 3", "fewer"],
    f"run {DIGITS} --criterion gdp --epochs 3 --gate-epochs 0": ["gate_epochs", "1 or more"],
    f"run {DIGITS} --criterion gdp --epochs 3 --allocation greedy": ["greedy", "gates, uniform or global"],
    f"run {DIGITS} --criterion gdp --epochs 3 --round-to 8": ["round_to", "--allocation uniform or global"],
    f"run {DIGITS} --criterion gdp --epochs 3 --cut-group conv1=0.5": ["cut_group", "--allocation uniform"],
    f"run {DIGITS} --criterion gdp --epochs 1 --allocation global --cut-group conv1=0.5": ["conv1", "gates"],
    f"run {DIGITS} --criterion gdp --epochs 1 --distill": ["all of its epochs train gates", "--epochs 2"],
    f"run {DIGITS} --criterion gdp --epochs 1 --eps-end 0.2": ["0.1 to 0.2", "eps_end"],
    f"run {DIGITS} --criterion gdp --epochs 1 --cut 0.999": ["0.999", "largest"],
    f"scores {DIGITS} --epochs 3": ["--epochs", "trains none", "--criterion gdp"],
    "run --resume nowhere": ["no run to continue in nowhere", "--out folder"],
    "run --resume out --epochs 3": ["--epochs", "leave"],
    "run --resume out --out other": ["--out", "leave"],
    "run --criterion gdp --epochs 1": ["no folder to write", "--out"],
}


@pytest.mark.parametrize("typed", WRONG)
def test_wrong_words_about_gates_are_answered_in_one_line(typed, tmp_path):
    done = forked(*typed.split(), cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1, done.stderr
    assert all(word in done.stderr for word in WRONG[typed]), done.stderr
    assert not list(tmp_path.iterdir())
