"""Files, texts and links from people who mean harm: one sentence, in bounded memory, and nothing is left."""

import shutil
import tempfile
from pathlib import Path

import pytest

import pruning
from pruning.error_messages import for_the_person
from pruning.flags import read_recipe
from pruning.latency import LatencyTable
from pruning.models import load_model
from pruning.ui import state
from tests.hostile_files import HOSTILE, SAVED, WEIGHTS

BOUND = 512 * 2**20  # bytes that reading may take above what the process had
LONGEST = 700  # letters of a sentence


def report(path: Path):
    path.rename(path.with_name("report.json"))
    return pruning.load_report(path.parent)


def saved(path: Path):
    for name in ("model.safetensors", "recipe.json"):
        shutil.copy(SAVED / name, path.with_name(name))
    path.rename(path.with_name("plan.json"))
    return pruning.load(path.parent)


DOORS = {
    "data": pruning.load_data,
    "weights": lambda path: load_model("resnet20", "digits", path),
    "recipe": read_recipe,
    "latency": LatencyTable.read,
    "report": report,
    "saved": saved,
    "link": lambda path: state.read_link(dict([path.read_text().split("=")])),
}
ENDINGS = {"data": ".zip", "weights": ".safetensors"}


@pytest.fixture(scope="module", autouse=True)
def ready():
    """What is imported and built once is not counted to the first file."""
    import torchvision  # noqa: F401 (it makes an empty folder for torch's compiler)

    DOORS["weights"](WEIGHTS)
    pruning.load_data("digits")


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_one_sentence_in_bounded_memory_and_leaves_nothing(name, tmp_path, monkeypatch):
    given = HOSTILE[name]
    place, scratch = tmp_path / "given", tmp_path / "scratch"
    place.mkdir(), scratch.mkdir()
    ending = ".npz" if name.startswith("npz") else ENDINGS.get(given.door, ".json")
    given.write(place / f"a{ending}")
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = len(list(place.iterdir()))
    resident = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the highest is counted from now on
    with pytest.raises(ValueError) as refused:
        DOORS[given.door](place / f"a{ending}")
    assert memory("VmHWM") - resident < BOUND
    told = str(refused.value)
    assert given.told in told and len(told.splitlines()) == 1 and len(told) < LONGEST, told
    assert for_the_person(refused.value)
    assert not list(scratch.iterdir())
    assert len(list(place.iterdir())) == before + (2 if given.door == "saved" else 0)


def memory(kind: str) -> int:
    """Bytes of this process: VmRSS, what it has now; VmHWM, the most that it had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(kind))


def test_there_are_enough():
    assert len(HOSTILE) >= 40
