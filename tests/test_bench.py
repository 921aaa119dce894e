"""`bench` as a user runs it: what it prints and writes, and how a side that goes too far is ended."""

import importlib.util
import json
import subprocess
import sys
import tempfile

import pytest

from pruning.bench.measure import watched
from pruning.bench.table import as_table
from tests.front_door import forked

NAME = "mobilenet_v3_large"  # the quickest of them


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """One network, once: the finished process and the JSON that it wrote."""
    file = tmp_path_factory.mktemp("bench") / "new" / "bench.json"
    done = forked("bench", "--networks", NAME, "--repeats", "1", "--json", file)
    assert done.returncode == 0, done.stderr
    return done, json.loads(file.read_text())


def positive(side: dict, phases: set[str]) -> bool:
    figures = [*side["ms"].values(), *side["raw_ms"][0].values(), side["parameters_left"]]
    assert phases <= set(side["ms"]) == set(side["raw_ms"][0]) and len(side["raw_ms"]) == 1
    assert side["refused"] is None and side["broken"] is None
    return all(figure > 0 for figure in figures)


def test_our_side_has_all_its_figures(measured):
    done, found = measured
    (row,) = found["networks"]
    phases = {"trace", "verify", "score", "plan", "cut", "replan", "sum", "sum_without_copy"}
    assert positive(row["sides"]["ours"], phases)
    assert row["network"] == NAME and row["forward_ms"] > 0 and row["parameters"] == 5_483_032
    assert 0.4 < row["sides"]["ours"]["parameters_left"] / row["parameters"] < 0.7  # 30 % of the channels go
    assert found["threads"] == 1 and found["repeats"] == 1 and found["request"]["ratio"] == 0.3
    assert found["versions"]["torch"] and found["machine"]["processor"]
    assert NAME in done.stdout and "ratio" in done.stdout and NAME in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what a process holds")
def test_memory_is_measured(measured):
    sides = measured[1]["networks"][0]["sides"].values()
    assert all(side["peak_mb"] > 0 for side in sides if side["refused"] is None)


def test_the_peer_has_all_its_figures(measured):
    done, found = measured
    (row,) = found["networks"]
    if importlib.util.find_spec("torch_pruning") is None:
        assert row["sides"]["peer"]["refused"] == "not installed" and "not installed" in done.stdout
        pytest.skip("torch-pruning is not installed: requirements-dev.txt names it")
    phases = {"trace", "construct", "copy", "score", "plan", "cut", "replan", "sum", "sum_without_copy"}
    assert positive(row["sides"]["peer"], phases)
    assert row["ratio"] >= row["ratio_without_copy"] > 0


def test_a_side_without_figures_says_why_in_its_row(measured):
    found = json.loads(json.dumps(measured[1]))
    (row,) = found["networks"]
    row["sides"]["peer"] = {"refused": "over 60 s"}
    row["ratio"] = row["ratio_without_copy"] = None
    assert [line for line in as_table(found).splitlines() if line.endswith("  over 60 s")]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what a process holds")
@pytest.mark.parametrize(
    "code, why", [("print(1, flush=True)", "over 0.2 s"), ("x = b'1' * 200_000_000", "over 0.1 GB")]
)
def test_a_process_that_takes_too_much_is_told(code, why):
    command = [sys.executable, "-c", f"{code}; import time; time.sleep(60)"]
    with tempfile.TemporaryFile("w+") as output, subprocess.Popen(command, stdout=output) as process:
        told = watched(process, output, seconds=0.2, gigabytes=0.1)
        process.kill()
    assert told == why


@pytest.mark.parametrize(
    "words, told",
    [
        (("--networks", NAME, "resnet51"), ("resnet51", "did you mean 'resnet50'?")),
        (("--repeats", "0"), ("repeats", "0", "1 or more")),
        (("--json", "."), ("--json", "folder")),
        (("--accuracy", "--criteria", "lamb"), ("lamb", "did you mean 'lamp'?")),
        (("--accuracy", "--cuts", "1.5"), ("cuts", "1.5", "between 0 and 1")),
        (("--accuracy", "--repeats", "2"), ("--repeats", "leave it out")),
        (("--model", "resnet56"), ("--model", "--accuracy")),
        (("--accuracy", "--model", "resnet56", "--data", "digits"), ("resnet56 on digits", "none")),
    ],
)
def test_wrong_words_are_answered_in_one_line(words, told, tmp_path):
    done = forked("bench", *words, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert all(word in done.stderr for word in told)


# ------------------------------------------------------------------------------------------ with --accuracy


SMALL = ("--accuracy", "--data", "digits", "--criteria", "l1", "--widths", "uniform", "--cuts", "0.3")


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """One criterion and cut on a network with shortcut A: the finished process and the JSON it wrote."""
    file = tmp_path_factory.mktemp("accuracy") / "accuracy.json"
    fewer = ("--calibration", "60", "--match-steps", "1", "--threads", "1", "--json", file)
    done = forked("bench", *SMALL, *fewer)
    assert done.returncode == 0, done.stderr
    return done, json.loads(file.read_text())


def test_our_accuracies_stand_at_the_budget_with_every_repair(judged):
    done, found = judged
    rows = {row["repair"]: row for row in found["rows"] if row["by"] == "ours"}
    assert list(rows) == ["none", "recalibrate", "reconstruct", "match"]
    assert all(abs(row["macs_cut"] - 0.3) < 0.01 and row["seconds"] > 0 for row in rows.values())
    right = {name: row["hits"].count("1") for name, row in rows.items()}
    assert len(found["baseline"]) == found["test_images"] == len(rows["none"]["hits"])
    assert right["reconstruct"] > 0.9 * found["test_images"] > right["none"]
    assert f"{100 * right['none'] / found['test_images']:.1f}" in done.stdout and "l1" in done.stderr


def test_the_peer_is_given_the_same_budget_and_its_error_is_its_answer(judged):
    done, found = judged
    if importlib.util.find_spec("torch_pruning") is None:
        assert "pip install torch-pruning" in found["peer_refused"] and found["peer_refused"] in done.stdout
        pytest.skip("torch-pruning is not installed: requirements-dev.txt names it")
    rows = {(row["scope"], row["repair"]): row for row in found["rows"] if row["by"] == "peer"}
    assert len(rows) == 4 and found["peer_refused"] is None
    refused = rows["all", "none"]["refused"]  # where shortcuts are cut, the network no longer fits together
    assert "shapes cannot be multiplied" in refused and refused in done.stdout
    raw, mended = rows["inner", "none"], rows["inner", "recalibrate"]
    assert abs(raw["macs_cut"] - 0.3) < 0.02 and raw["refused"] is None
    assert mended["hits"].count("1") > 0.9 * found["test_images"]
