"""The command line's contract, through real processes: what it prints, writes and leaves, right or wrong."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import pruning
from pruning.models.build import new_model
from pruning.progress_bars import Bars
from tests.faults import FAULTY
from tests.front_door import REPOSITORY, TINY, cli, forked


def run(**changed) -> list[str]:
    """The words of a tiny run into `out`, with these flags changed or added; None takes one away."""
    flags = dict(zip(TINY[::2], TINY[1::2], strict=True)) | {"--out": "out"}
    flags |= {"--" + name.replace("_", "-"): value for name, value in changed.items()}
    return ["run", *(word for name, value in flags.items() if value for word in (name, value))]


# words typed, and words that the one line of answer holds: what was wrong and what would be right
WRONG_WORDS = {
    "no such command": ("prune", ["prune", "run", "app"]),
    "nearly a command": ("tran", ["did you mean 'train'", "app"]),
    "a group cut and protected": (
        run(protect="layer1.0.conv1", cut_group="layer1.0.conv1=0.5"),
        ["layer1.0.conv1", "out of protect or of cut_group"],
    ),
    "a group cut twice": ([*run(), "--cut-group", "conv1=0.2", "conv1=0.5"], ["conv1", "twice"]),
    "an option where there is none": ("compare --criteria l1:eps=2 --out out", ["there is none"]),
    "again, and nothing kept": ([*run(), "--again"], ["--again", "--keep"]),
    "an empty folder": ([*run(out=None), "--out", ""], ["--out is empty"]),
    "an empty flag": ([*run(out=None), "--out="], ["--out is empty"]),
    "the app on an address that is none": ("app --address 999.1.1.1", ["999.1.1.1", "127.0.0.1"]),
    "no such flag": (run(cutt="0.5"), ["cutt", "cut"]),
    "nothing to list": ("list models2", ["models2", "models"]),
    "unknown network": (run(model="resnet21"), ["resnet21", "resnet20"]),
    "unknown network to list": ("list groups --model resnet21", ["resnet21", "resnet20"]),
    "unknown data": (run(data="scened"), ["scened", "scenes"]),
    "unknown criterion": (run(criterion="l3"), ["l3", "l1"]),
    "unknown option": (run(criterion="cpot", temprature="2"), ["temprature", "temperature"]),
    "option of another": (run(criterion="l1", rho="0.1"), ["rho", "l1"]),
    "value of an option": (run(criterion="cpot", distribution="filtres"), ["filtres", "filters"]),
    "cut of 1.5": (run(cut="1.5"), ["1.5", "0.5"]),
    "cut of -0.1": (run(cut="-0.1"), ["-0.1", "0.5"]),
    "cut of nan": (run(cut="nan"), ["nan", "0.5"]),
    "cut of half": (run(cut="half"), ["half", "cut"]),
    "cut without a value": ([*run(cut=None), "--cut"], ["cut"]),
    "unknown measure": (run(measure="mac"), ["mac", "macs"]),
    "unknown allocation": (run(allocation="unifrom"), ["unifrom", "uniform"]),
    "unknown repair": (run(repair="recalibrat"), ["recalibrat", "recalibrate"]),
    "steps without matching": (run(repair="reconstruct", match_steps="7"), ["reconstruct", "--repair match"]),
    "teaching without a teacher": (
        run(distill_temperature="8"),
        ["distill_temperature", "or give --distill"],
    ),
    "a learning rate and no epochs": (run(lr="0.1"), ["lr does nothing here", "--epochs 1"]),
    "bits by what, and no bits": (run(bits_by="error"), ["bits_by", "--bits 4"]),
    "a search's images and no search": (run(search_images="40"), ["search_images", "--allocation greedy"]),
    "a place that takes no files": (run(out="/proc/out"), ["/proc", "not writable"]),
    "no steps of matching": (run(repair="match", match_steps="0"), ["match_steps", "1"]),
    "widths by error with gates": (run(criterion="gdp", allocation="error", epochs="1"), ["error", "gates"]),
    "negative epochs": (run(epochs="-1"), ["epochs", "-1", "0"]),
    "no threads": (run(threads="0"), ["threads", "1"]),
    "share without a name": (run(cut_group="0.3"), ["0.3", "="]),
    "nowhere to write": (run(out=None), ["out"]),
    "no bundled weights": (run(model="resnet56"), ["resnet56", "resnet20", "scenes", "digits"]),
    "weights that are not there": (run(checkpoint="nowhere.pth"), ["nowhere.pth"]),
    "data that are not there": (run(data="nowhere.npz"), ["nowhere.npz"]),
    "a recipe that is not there": ("run --recipe nowhere.json --out out", ["nowhere.json"]),
    "unknown group": (run(protect="layer1.0.conv7"), ["layer1.0.conv7", "layer1.0.conv1"]),
    "a cut out of reach": (run(cut="0.97"), ["0.97"]),
    "the app on a port that is none": ("app --port 99999", ["99999", "65535"]),
    "the app with a limit that is none": ("app --limit-jobs 0", ["LIMIT_JOBS", "above 0"]),
    "scores of an unknown criterion": ("scores --criterion l3 --out out", ["l3", "l1"]),
    "training for no epochs": ("train --epochs 0 --out out", ["epochs"]),
}
# file handed over -> (how, words that the answer holds)
WRONG_FILES = {
    "noise.safetensors": ("checkpoint", ["noise.safetensors"]),
    "noise.pth": ("checkpoint", ["noise.pth"]),
    "code.pth": ("checkpoint", ["code.pth"]),
    "other-network.safetensors": ("checkpoint", ["resnet20"]),
    "noise.npz": ("data", ["noise.npz"]),
    "noise.zip": ("data", ["noise.zip"]),
    "code.npz": ("data", ["code.npz", "uint8"]),
    "no-x-test.npz": ("data", ["x_test"]),
    "floats.npz": ("data", ["uint8"]),
    "channels-first.npz": ("data", ["x_train"]),
    "one-class.npz": ("data", ["class"]),
    "climbs-out.zip": ("data", ["../escaped.png"]),
    "no-image.zip": ("data", ["dog/1.png"]),
    "empty-class.zip": ("data", ["dog"]),
    "bomb.zip": ("data", ["bomb.zip"]),
    "noise.json": ("recipe", ["recipe"]),
    "list.json": ("recipe", ["recipe"]),
    "unknown-field.json": ("recipe", ["cutt", "cut"]),
}


def refused(words, folder) -> str:
    """The one line of answer to bad input, after seeing that nothing else is left of it."""
    (folder / "temporary").mkdir()
    before = sorted(folder.rglob("*"))
    done = forked(*words, cwd=folder, env={"TMPDIR": str(folder / "temporary")})
    assert done.returncode == 2, done.stderr
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1, done.stderr
    assert sorted(folder.rglob("*")) == before
    return done.stderr


@pytest.mark.parametrize("name", WRONG_WORDS)
def test_wrong_words_are_answered_in_one_line_with_what_would_be_right(name, tmp_path):
    words, told = WRONG_WORDS[name]
    answer = refused(words.split() if isinstance(words, str) else words, tmp_path)
    assert all(word in answer for word in told), answer


@pytest.mark.parametrize("name", WRONG_FILES)
def test_wrong_files_are_answered_in_one_line_and_leave_nothing(name, tmp_path):
    how, told = WRONG_FILES[name]
    FAULTY[name](tmp_path / name)
    words = ["run", "--recipe", name, "--out", "out"] if how == "recipe" else run(**{how: name})
    answer = refused(words, tmp_path)
    assert all(word in answer for word in told), answer


def test_a_place_to_write_that_is_taken_is_refused(tmp_path):
    (tmp_path / "out").write_text("a file of yours")
    assert "out" in refused(run(), tmp_path)
    assert (tmp_path / "out").read_text() == "a file of yours"


@pytest.mark.parametrize("what", ["models", "data", "criteria", "groups"])
def test_lists_say_the_same_as_text_and_as_json(what):
    words = ("list", what, *(("--model", "resnet20") if what == "groups" else ()))
    told = json.loads(forked(*words, "--json").stdout)
    text = forked(*words).stdout
    assert len(told) > 1 and all(row["name"] in text for row in told)


def test_scores_are_a_row_a_channel(tmp_path):
    done = forked("scores", *TINY[:4], "--criterion", "l1", "--out", tmp_path / "scores.csv")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1
    rows = list(csv.DictReader((tmp_path / "scores.csv").open()))
    assert list(rows[0]) == ["group", "channel", "score", "tied_to"]
    mine = [row for row in rows if row["group"] == "layer1.0.conv1"]
    assert [int(row["channel"]) for row in mine] == list(range(16)) and mine[0]["tied_to"] == ""
    assert all(float(row["score"]) > 0 for row in mine)
    assert ";" in next(row["tied_to"] for row in rows if row["group"] == "conv1")  # the residual stream


@pytest.fixture(scope="module")
def first_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("first") / "run"
    words = run(criterion="cpot", measure="macs", epochs="2", out=str(out))
    done = cli(*words, env={"PRUNING_TIMING_SECONDS": ""})
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1, done.stderr
    return out


def test_nothing_said_of_how_is_the_best_combination_resolved(tmp_path):
    words = ("--data", "digits", "--calibration", "100", "--match-steps", "2", "--threads", "1")
    done = forked("run", *words, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    told = report(tmp_path / "run")
    said = {name: told["recipe"][name] for name in ("criterion", "allocation", "repair", "match_steps")}
    assert list(said.values()) == ["reconstruction", "error", "match", 2]
    assert told["accuracy"]["repaired"] > 0.95 > 0.5 > told["accuracy"]["cut"]  # no label, no training


def test_a_stage_that_takes_long_is_drawn_on_standard_error(capsys):
    with Bars() as bars:
        bars.pace = {"delay": 0, "mininterval": 0}
        for done in (0, 1, 2):
            bars("tune", done, 2, loss=0.25)
    told = capsys.readouterr()
    assert told.out == "" and "fine-tuning" in told.err and "2/2" in told.err and "loss=0.25" in told.err


def test_in_a_file_no_line_of_progress_repeats_the_one_before_it(capsys):
    with Bars() as bars:
        bars.pace = {"delay": 0, "mininterval": 0}
        for done in (0, 0, 0, 1, 1, 1, 2):  # as of a batch that is asked between its layers
            bars("repair", done, 2)
    told = re.findall(r"repairing: .*?(\d)/2", capsys.readouterr().err)
    assert told == sorted(told) and told.count("1") == 1


def report(folder) -> dict:
    return json.loads((folder / "report.json").read_text())


def test_half_the_work_goes_and_training_mends_it(first_run):
    told = report(first_run)
    assert 0.49 <= 1 - told["macs"]["final"] / told["macs"]["baseline"] <= 0.51
    assert told["accuracy"]["baseline"] >= 0.98 and told["accuracy"]["tuned"] >= 0.97


def test_the_report_holds_what_the_contract_says(first_run):
    told = report(first_run)
    assert {"metric", "accuracy", "correct", "test_images", "calibration_images", "per_class"} <= set(told)
    assert {"flips", "agreement", "classes", "macs", "parameters", "latency_ms", "widths"} <= set(told)
    assert {"seconds", "gates", "expected", "messages", "recipe", "versions"} <= set(told)
    assert told["metric"] == {"name": "accuracy", "direction": "higher", "unit": "share"}
    assert told["task"] == "classification" and told["test_images"] == 359
    assert told["values"] == told["accuracy"]
    steps = -(-(len(pruning.load_data("digits").train) - 1) // 64)
    assert told["looked_at"]["gradient_steps"] == steps * told["recipe"]["epochs"]
    assert told["latency_ms"]["runs"] == told["latency_ms"]["batch_1"]["runs"] == 20
    assert told["accuracy"]["repaired"] is None  # a stage not done
    for stage in ("baseline", "cut", "tuned"):
        assert told["accuracy"][stage] == told["correct"][stage] / told["test_images"]
    assert all(after <= before for before, after in told["widths"].values())
    assert told["recipe"] == json.loads((first_run / "recipe.json").read_text())


def test_predictions_count_up_to_the_report(first_run):
    told = report(first_run)
    with np.load(first_run / "predictions.npz", allow_pickle=False) as saved:
        kept = dict(saved)
    right = {stage: kept[f"{stage}_classes"] == kept["labels"] for stage in ("baseline", "cut", "tuned")}
    assert {stage: int(hits.sum()) for stage, hits in right.items()} == {
        stage: told["correct"][stage] for stage in right
    }
    broken = int((right["baseline"] & ~right["tuned"]).sum())
    mended = int((~right["baseline"] & right["tuned"]).sum())
    assert told["flips"] == {"broken": broken, "mended": mended}
    assert all(
        ((0 < kept[f"{stage}_probabilities"]) & (kept[f"{stage}_probabilities"] <= 1)).all()
        for stage in right
    )


def test_the_recipe_gives_the_same_numbers_again(first_run, tmp_path):
    done = forked("run", "--recipe", first_run / "recipe.json", "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    once, again = report(first_run), report(tmp_path / "again")
    for part in ("accuracy", "correct", "macs", "parameters", "widths", "flips", "recipe"):
        assert once[part] == again[part]  # to the last digit, so no tolerance
    with np.load(first_run / "predictions.npz") as a, np.load(tmp_path / "again" / "predictions.npz") as b:
        assert set(a) == set(b) and all(np.array_equal(a[name], b[name]) for name in a)
    assert (first_run / "plan.json").read_text() == (tmp_path / "again" / "plan.json").read_text()


def test_the_smaller_network_loads_in_a_fresh_process_and_is_as_good_as_reported(first_run):
    code = (
        "import sys, torch, pruning\n"
        "from pruning import train\n"
        "small = pruning.load(sys.argv[1])\n"
        "data = pruning.load_data('digits')\n"
        "print(train.evaluate(small, data.test, normalization=small.origin.normalization).correct)"
    )
    command = [sys.executable, "-c", code, str(first_run)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)
    assert done.stdout.split() == [str(report(first_run)["correct"]["tuned"])], done.stderr


def test_training_writes_weights_that_run_takes(tmp_path):
    tiny = tmp_path / "tiny.npz"
    images = np.random.default_rng(0).integers(0, 256, (80, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(80) % 2
    np.savez(tiny, x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20])
    weights = tmp_path / "a folder" / "weights.safetensors"  # made, as those of run are
    done = forked("train", "--model", "resnet20", "--data", tiny, "--epochs", "1", "--out", weights)
    assert done.returncode == 0 and weights.exists(), done.stderr
    given = ("--model", "resnet20", "--data", tiny, "--checkpoint", weights, "--criterion", "l1")
    done = forked("run", *given, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert report(tmp_path / "run")["test_images"] == 20


def test_a_network_of_torchvision_comes_with_weights_of_ones_own(tmp_path):
    """The weights as either kind of file; random ones, since what they have learned changes no step."""
    state = new_model("torchvision:resnet18", 10).state_dict()
    torch.save(state, tmp_path / "weights.pth")
    save_file(state, tmp_path / "weights.safetensors")
    named = ("--model", "torchvision:resnet18", "--data", "digits", "--size", "40", "--threads", "1")
    given = (*named, "--calibration", "50", "--criterion", "l1", "--checkpoint")
    done = forked("scores", *given, "weights.pth", "--out", "scores.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    scored = [row["group"] for row in csv.DictReader((tmp_path / "scores.csv").open())]
    assert scored.count("conv1") == scored.count("layer1.0.conv1") == 64

    how = ("--cut", "0.5", "--groups", "all", "--epochs", "0", "--repair", "recalibrate", "--out", "out")
    done = forked("run", *given, "weights.safetensors", *how, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = report(tmp_path / "out")
    assert 0.49 <= 1 - told["macs"]["final"] / told["macs"]["baseline"] <= 0.51
    small = pruning.load(tmp_path / "out")
    assert sum(p.numel() for p in small.parameters()) == told["parameters"]["final"]
    assert small.origin.model == "torchvision:resnet18" and small(torch.zeros(1, 3, 40, 40)).shape == (1, 10)
