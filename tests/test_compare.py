"""Comparisons: a list of recipes of which nothing is lost and nothing done twice, whatever ends whom."""

import csv
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pruning
from pruning.html_report.comparison_words import in_page_terms
from pruning.jobs import connection
from pruning.models import weights_digest
from pruning.runs import Comparison, RunStore
from pruning.runs.cluster import Keys, cluster
from pruning.runs.compare import compare
from pruning.runs.controls import epochs_of, new_weights
from pruning.runs.dispatch import Dispatcher, Work
from pruning.runs.product import CONTROLS
from pruning.runs.worker_call import Call, answered
from tests import errands
from tests.front_door import REPOSITORY, cli, forked
from tests.processes import until
from tests.reported import Read
from tests.small_data import arrays

TINY = pruning.Recipe(model="resnet20", data="digits", criterion="l1", calibration=20, threads=1)
FEW = {"checkpoint": "none", "size": 16, "calibration": 20, "batch_size": 32, "threads": 1}


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> str:
    """A data set of a few small images."""
    path = tmp_path_factory.mktemp("few") / "few.npz"
    np.savez(path, **arrays())
    return str(path)


# ------------------------------------------------------------------------------------------ what is compared


def test_a_comparison_is_the_product_of_its_lists_with_the_baselines():
    asked = Comparison(criteria=("cpot:temperature=2", "l1"), cuts=(0.3, 0.5), seeds=(0, 1), epochs=(1,))
    entries = list(asked.entries())
    assert len(entries) == asked.size == 4 * 2 * 2  # random and energy are added
    recipes = [entry.recipe for entry in entries]
    assert {r.criterion for r in recipes} == {"cpot", "l1", "random", "energy"} and asked.with_controls
    assert {dict(r.options)["temperature"] for r in recipes if r.criterion == "cpot"} == {2.0}
    assert [r.seed for r in recipes] == sorted(r.seed for r in recipes)  # what shares a network is together
    assert Comparison.from_json(asked.to_json()) == asked
    assert replace(asked, controls="none").size == 2 * 2 * 2


def test_what_makes_no_recipe_is_an_entry_with_its_reason():
    asked = Comparison(criteria=("l1",), allocations=("gates", "uniform"), controls="none")
    one, other = asked.entries()
    assert one.recipe is None and "trains no gates" in one.error and other.recipe.allocation == "uniform"


BAD = {
    "a criterion that is none": ("--criteria l2x", "did you mean 'l2'"),
    "an option that is none": ("--criteria cpot:warmth=2", "there is no option of cpot 'warmth'"),
    "a repair that is none": ("--repairs mend", "there is no repair 'mend'"),
    "too many": ("--seeds " + " ".join(map(str, range(1000))) + " --cuts " + " ".join(
        f"{k / 1000:g}" for k in range(1, 1000)), "more than the 100,000"),
    "a key alone": ("--tls-key {here}", "needs three files"),
    "a file that is gone": ("--tls-ca gone.pem", "there is no file gone.pem"),
    "another comparison": ("--out {other}", "holds another comparison"),
    "a folder of other things": ("--out {full}", "holds other files"),
}  # fmt: skip


@pytest.mark.parametrize("words, told", BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence_and_nothing_is_half_made(words, told, tmp_path):
    full, other = tmp_path / "full", tmp_path / "other"
    for folder in (full, other):
        folder.mkdir()
    (full / "letter.txt").write_text("Dear")
    (other / "comparison.json").write_text(Comparison().to_json())
    words = words.format(full=full, other=other, here=__file__).split()
    out = [] if "--out" in words else ["--out", tmp_path / "out"]
    done = forked("compare", "--datasets", "digits", "--controls", "none", *words, *out)
    assert done.returncode == 2 and told in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "out").exists()


def test_a_scheduler_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr(connection, "PATIENCE", 0.3)
    with pytest.raises(ValueError, match="no scheduler answers at tcp://127.0.0.1:9"):
        with cluster("tcp://127.0.0.1:9", Keys(), 1):
            pass


@pytest.mark.parametrize("place", ["a file", "of another version"])
def test_a_store_that_cannot_be_used_is_one_sentence(place, tmp_path):
    folder = tmp_path / "store"
    if place == "a file":
        folder.write_text("")
    else:
        folder.mkdir()
        (folder / "runs.db").write_text("no database")
    out = tmp_path / "out"
    done = forked("compare", "--datasets", "digits", "--out", out, env={"PRUNING_RUNS": str(folder)})
    assert done.returncode == 2 and "the store of runs at" in done.stderr and "PRUNING_RUNS" in done.stderr
    assert not out.exists()


def test_a_disk_that_is_full_is_one_sentence_and_costs_no_row_that_is_there(tmp_path):
    asked = Comparison(datasets=("digits",), controls="none")
    (tmp_path / "comparison.json").write_text(asked.to_json())
    (tmp_path / "results.csv").write_text("what is there\n")
    (tmp_path / "results.writing").symlink_to("/dev/full")
    with pytest.raises(ValueError, match="No space left on device.; what was finished stays"):
        compare(asked, tmp_path)
    assert (tmp_path / "results.csv").read_text() == "what is there\n"


# --------------------------------------------------------------------------------------------- dispatching


@pytest.fixture(scope="module")
def client():
    with cluster(None, Keys(), threads=1) as client:
        yield client


def dispatched(client, function, works, more=lambda work, answer: []):
    answers, begun = [], []

    def ended(work, answer, status, why):
        answers.append((work.payload, answer, status))
        return more(work, answer)

    dispatcher = Dispatcher(client, function, begun.append, ended)
    dispatcher.add(works)
    dispatcher.run()
    return answers, begun


def test_every_work_is_answered_once_and_groups_stay_together(client):
    works = [Work((group, number), group) for number in range(6) for group in "ab"]
    answers, begun = dispatched(client, errands.whose, works)
    assert sorted(payload for payload, _, _ in answers) == sorted(work.payload for work in works)
    assert len(begun) == 12 and {status for _, _, status in answers} == {"finished"}
    processes = {payload[0]: set() for payload, _, _ in answers}
    for payload, process, _ in answers:
        processes[payload[0]].add(process)
    assert sum(len(each) for each in processes.values()) <= 3  # one at the end may help the other


def test_files_of_the_sender_s_are_sent_once_and_found_by_workers(client, few):
    recipe = TINY.but(data="/only/here.npz", **FEW)
    answers = []
    dispatcher = Dispatcher(
        client, answered, lambda work: None, lambda work, answer, *_: answers.append(answer) or []
    )
    dispatcher.sent = client.scatter({"/only/here.npz": Path(few).read_bytes()}, broadcast=True, hash=False)
    dispatcher.add([Work(Call(recipe.to_dict()))])
    dispatcher.run()
    assert answers[0].status == "finished", answers[0].error
    assert answers[0].report["values"] == pruning.run(TINY.but(data=few, **FEW)).report["values"]


def test_what_an_answer_makes_possible_is_done_as_well(client):
    def more(work, answer):
        return [Work(work.payload - 1)] if work.payload else []

    assert sorted(payload for payload, _, _ in dispatched(client, abs, [Work(3)], more)[0]) == [0, 1, 2, 3]


def test_what_is_at_work_is_the_last_once_others_have_to_have_their_turn(client):
    answers: list = []
    how = {"pauses": lambda: bool(answers)}
    dispatcher = Dispatcher(
        client, abs, lambda work: None, lambda work, answer, *_: answers.append(answer) or [], **how
    )
    dispatcher.add(Work(-number) for number in range(20))
    dispatcher.run()
    assert 1 <= len(answers) < 20 and not dispatcher.flying
    left = [work.payload for group in dispatcher.waiting.values() for work in group]
    assert sorted([*answers, *(-number for number in left)]) == list(range(20))


def test_a_killed_worker_s_work_is_handed_out_again_and_a_killer_is_lost(client, tmp_path):
    note = tmp_path / "note"
    works = [Work((str(note), 1)), Work((str(note), 0))]
    answers, begun = dispatched(client, errands.kill_worker, works)
    assert {payload[1]: status for payload, _, status in answers} == {0: "finished", 1: "finished"}
    answers, begun = dispatched(
        client, errands.kill_worker, [Work((str(tmp_path / "other"), 99)), Work((str(note), 0))]
    )
    assert {payload[1]: status for payload, _, status in answers} == {99: "lost", 0: "finished"}
    assert len((tmp_path / "other").read_text()) == 3 and len(begun) == 2


# ------------------------------------------------------------------------------------------ the whole of it


def rows(folder: Path) -> list[dict]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def compared(tmp_path_factory, few):
    """The command, killed once in its middle and typed again, in a store of its own."""
    place = tmp_path_factory.mktemp("compared")
    words = ["compare", "--datasets", few, "--criteria", "l1", "fpgm", "--cuts", "0.5"]
    words += ["--allocations", "uniform", "gates", "--epochs", "0", "1", "--controls", "none"]
    words += [f"--{name.replace('_', '-')}={value}" for name, value in FEW.items()]
    words += ["--out", str(place / "out"), "--report"]
    env = os.environ | {"PRUNING_RUNS": str(place / "runs"), "PYTHONPATH": str(REPOSITORY)}
    first = subprocess.Popen(
        [sys.executable, "-m", "pruning", *words], cwd=REPOSITORY, env=env, stderr=(place / "told").open("w")
    )
    until(lambda: (place / "out" / "results.csv").exists() and len(finished_rows(place / "out")) >= 1)
    first.kill()
    first.wait()
    before = rows(place / "out")
    done = cli(*words, env={"PRUNING_RUNS": str(place / "runs")})
    assert done.returncode == 0, done.stderr
    return place, before, done.stdout, words


def finished_rows(out: Path) -> list[dict]:
    return [row for row in rows(out) if row["status"] == "finished"]


def test_after_a_kill_the_same_command_has_every_row_and_repeats_none(compared):
    place, before, told, _ = compared
    now = rows(place / "out")
    assert len(now) == 2 * 2 * 2
    kept = {row["run"] for row in before if row["status"] == "finished"}
    assert kept <= {row["run"] for row in now} and "from the store" in told
    store = RunStore(place / "runs")
    finished = [run.key for run in store.runs() if run.status == "finished"]
    assert len(finished) == len(set(finished)) == 4  # four recipes cannot be: gates with l1 and fpgm
    assert not [run for run in store.runs() if run.status == "running"]
    store.close()


def test_a_row_says_what_a_run_alone_says_and_why_there_is_none(compared, few):
    place, _, _, _ = compared
    now = {
        (row["criterion"], row["cut"], row["allocation"], row["epochs"]): row for row in rows(place / "out")
    }
    row = now["l1", "0.5", "uniform", "1"]
    alone = pruning.run(TINY.but(data=few, cut=0.5, epochs=1, **FEW)).report
    assert float(row["accuracy_tuned"]) == alone["values"]["tuned"] and row["labels"] == row["images"]
    assert (
        int(row["macs_final"]) == alone["macs"]["final"]
        and row["kind"] == "recipe"
        and row["metric"] == "accuracy"
    )
    assert int(row["gradient_steps"]) == alone["looked_at"]["gradient_steps"]
    wrong = now["l1", "0.5", "gates", "1"]
    assert wrong["status"] == "failed" and "trains no gates" in wrong["error"] and not wrong["macs_final"]


def test_who_leads_under_the_same_terms_is_said_and_written(compared):
    place, _, told, _ = compared
    assert [line.partition(":")[0] for line in told.splitlines()[:2]] == ["epochs 0", "epochs 1"]
    assert "new images, not for new seeds" in told
    with (place / "out" / "differences.csv").open(newline="") as file:
        pairs = list(csv.DictReader(file))
    assert len(pairs) == 2 and {(row["a"], row["b"]) for row in pairs} == {("l1", "fpgm")}


def test_its_report_says_every_row_and_what_failed(compared):
    place, _, told, _ = compared
    read = Read((place / "out" / "report.html").read_text())
    for row in finished_rows(place / "out"):
        ((value, _),) = read.numbers[f"{row['run']}.accuracy_cut"]
        assert float(value) == float(row["accuracy_cut"])
    asked = Comparison.from_json((place / "out" / "comparison.json").read_text())
    leads = in_page_terms(told.splitlines()[0], asked)
    assert read.text.count("trains no gates") == 4 and "L1 norm" in leads and leads in read.text


def test_a_dry_run_counts_and_runs_nothing(compared):
    place, _, _, words = compared
    done = forked(*words, "--dry-run", env={"PRUNING_RUNS": str(place / "runs")})
    assert done.stdout.startswith(
        "8 recipes, 4 in the store already, 4 that can't be done, nothing to run"
    ), done


def test_controls_have_new_weights_the_recipe_s_widths_and_as_much_computation():
    data = pruning.load_data("digits")
    recipe = TINY.but(criterion="reconstruction", allocation="error", repair="reconstruct", epochs=2)
    same, more = (epochs_of(recipe.but(calibration=1000), control, data) for control in list(CONTROLS)[:2])
    assert same == 2 and more > 2  # what scoring and repair took is spent on training
    model = pruning.load_model("resnet20", "digits")
    one, other = (new_weights(pruning.load_model("resnet20", "digits"), 0) for _ in range(2))
    assert weights_digest(one) == weights_digest(other) != weights_digest(model)
