"""A run that was ended while it trained, gone on with: all that was asked for beside its recipe is done."""

import json
from types import SimpleNamespace

import pytest

import pruning
from pruning.experiment.run import run
from pruning.progress import Cancelled
from pruning.run_command import Wanted, only_run
from pruning.targets import Found, Target
from pruning.targets.target import Candidate
from pruning.tasks import DEFAULT
from pruning.train.training_state import ASKED, DATA
from tests.front_door import TINY, forked

RECIPE = pruning.Recipe(
    model="resnet20",
    data="digits",
    size=16,
    criterion="l1",
    calibration=20,
    epochs=2,
    threads=1,
    device="cpu",
)
FOUND = Found(
    RECIPE,
    Target("points_below", 3.0),
    DEFAULT.metric,
    (Candidate(0.3, 0.7, 0.9, -0.01, -0.02, 0.005), Candidate(0.5, 0.5, 0.8, 0.02, 0.01, 0.03)),
    sure=0.8,
    holdout=143,
    messages=("candidates are judged without fine-tuning",),
)


@pytest.fixture
def ended(tmp_path):
    """A run that was ended in its second epoch of fine-tuning."""

    def ends(stage, done, total, **values):
        if stage == "tune" and done == total - 1:
            raise Cancelled

    wanted = Wanted(keep=True, report=True, export=("pytorch",), found=FOUND)
    with pytest.raises(Cancelled):
        run(RECIPE, ends, tmp_path / "out" / "state", beside={ASKED: wanted.to_json()})
    return tmp_path / "out"


def test_what_was_asked_for_beside_the_recipe_is_done_when_it_goes_on(ended, tmp_path):
    assert {ASKED, DATA, "recipe.json"} < {file.name for file in (ended / "state").iterdir()}
    (ended / "state" / DATA).write_text("0" * 64)  # as of other images
    done = forked("run", "--resume", ended, env={"PRUNING_RUNS": str(tmp_path / "runs")})
    assert done.returncode == 0, done.stderr
    names = {file.name for file in ended.iterdir()}
    assert {"report.html", "network.py", "model.safetensors"} < names and "state" not in names
    told = json.loads((ended / "report.json").read_text())
    assert told["target"] == FOUND.told() and told["messages"][0] == FOUND.in_words()
    assert any("digits has changed since this run was stopped" in message for message in told["messages"])
    assert any((tmp_path / "runs").rglob("model.safetensors"))  # and it is kept


def test_what_was_found_for_a_target_comes_back_as_it_was():
    again = Found.from_dict(json.loads(json.dumps(FOUND.to_dict())))
    assert again == FOUND
    above, below = (SimpleNamespace(**vars(FOUND) | {"recipe": RECIPE.but(cut=cut)}) for cut in (0.3, 0.5))
    assert "1.0 points above the full network (2.0 above to 0.5 below)" in found_in_words(above)
    assert "2.0 points below the full network (1.0 below to 3.0 below)" in found_in_words(below)


def found_in_words(told) -> str:
    return Found(**vars(told)).in_words()


@pytest.mark.parametrize("told", ["", "[]", "{}", '{"keep": 1, "report": 2, "export": 3, "found": {"a": 1}}'])
def test_what_was_asked_for_is_not_believed_where_it_is_no_such_thing(told, tmp_path):
    (tmp_path / "state").mkdir()
    assert Wanted.of_state(tmp_path) == Wanted()  # of an earlier version
    (tmp_path / "state" / ASKED).write_text(told)
    with pytest.raises(ValueError, match=r"asked.json does not say what was asked for .* delete it"):
        Wanted.of_state(tmp_path)


def test_a_second_process_is_not_let_into_the_folder_of_a_run(tmp_path, monkeypatch):
    with only_run(tmp_path / "out"):
        done = forked("run", *TINY, "--out", tmp_path / "out")
        assert done.returncode == 2 and "another process is at a run in" in done.stderr
        assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PRUNING_CACHE", str(tmp_path / "file"))  # where no lock can lie
    with only_run(tmp_path / "out"), only_run(tmp_path / "out"):
        pass


def test_a_run_whose_files_the_store_has_lost_is_run_again(tmp_path):
    store = {"PRUNING_RUNS": str(tmp_path / "runs")}
    words = ("run", *TINY, "--size", "16", "--calibration", "20", "--keep", "--out")
    assert forked(*words, tmp_path / "first", env=store).returncode == 0
    (lost,) = (tmp_path / "runs").rglob("model.safetensors")
    lost.unlink()
    done = forked(*words, tmp_path / "second", env=store)
    assert done.returncode == 0 and "from the store" not in done.stdout and "run again" in done.stderr
    assert (tmp_path / "second" / "model.safetensors").is_file()
    again = forked(*words, tmp_path / "third", env=store)
    assert "from the store" in again.stdout and (tmp_path / "third" / "model.safetensors").is_file()
