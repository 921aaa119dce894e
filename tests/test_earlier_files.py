"""Results written into a folder that had some: nothing that was made of those before is left beside them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from pruning.export.formats import FORMATS
from tests.front_door import TINY, forked
from tests.small_data import arrays
from tests.test_saved_results import SAVED

SMALL = ("--calibration", "20")


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


@pytest.fixture(scope="module")
def made_once(tmp_path_factory) -> Path:
    """A saved run with a report and files for other runtimes, and a person's own files beside them."""
    out = Path(shutil.copytree(SAVED / "plain", tmp_path_factory.mktemp("made") / "out"))
    for words in (("export", out, "--format", "exported", "pytorch"), ("report", out)):
        done = forked(*words)
        assert done.returncode == 0, done.stderr
    for name in ("notes.txt", "network.onnx", "network.xml"):
        (out / name).write_text("a file of yours")
    return out


@pytest.fixture
def exported(made_once, tmp_path) -> Path:
    return Path(shutil.copytree(made_once, tmp_path / "out"))


def test_files_made_of_an_earlier_run_go_once_another_is_saved(exported):
    made, before = {"network.pt2", "network.py", "network.safetensors", "report.html"}, names(exported)
    assert made < before and FORMATS["exported"].endings == (".pt2",)
    done = forked("run", *TINY, *SMALL, "--out", exported)
    assert done.returncode == 0 and all(name in done.stderr for name in made), done.stderr
    assert names(exported) == before - made
    done = forked("run", *TINY, *SMALL, "--out", exported, "--report", "--export", "pytorch")
    assert done.returncode == 0, done.stderr
    assert names(exported) == before - {"network.pt2"}


def test_a_run_from_the_store_takes_the_place_of_another_one_s_files_too(exported, tmp_path):
    store = {"PRUNING_RUNS": str(tmp_path / "runs")}
    words = ("run", *TINY, *SMALL, "--keep", "--out")
    assert forked(*words, tmp_path / "first", env=store).returncode == 0
    done = forked(*words, exported, env=store)
    assert "from the store" in done.stdout and not names(exported) & {"network.py", "report.html"}
    assert (exported / "network.onnx").read_text() == "a file of yours"


def test_a_run_that_can_t_be_done_leaves_the_earlier_one_whole(exported):
    before = names(exported)
    done = forked("run", *TINY, "--cut", "0.97", "--out", exported)
    assert done.returncode == 2 and names(exported) == before, done.stderr


def test_a_report_of_earlier_results_of_a_comparison_goes_and_one_that_still_holds_stays(tmp_path):
    np.savez(tmp_path / "few.npz", **arrays())
    words = ["compare", "--datasets", tmp_path / "few.npz", "--criteria", "l1", "--controls", "none"]
    words += ["--checkpoint", "none", "--size", "16", *SMALL, "--threads", "1", "--out", tmp_path / "out"]
    store = {"PRUNING_RUNS": str(tmp_path / "runs")}
    assert forked(*words, "--report", env=store).returncode == 0
    assert forked(*words, env=store).returncode == 0 and "report.html" in names(tmp_path / "out")
    done = forked(*words, "--again", env=store)
    assert done.returncode == 0 and "report.html" in done.stderr
    assert "report.html" not in names(tmp_path / "out")
