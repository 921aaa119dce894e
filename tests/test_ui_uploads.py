"""Uploads: found by the engine while a session holds them, gone when the last one that does has ended; and
files that are not what they say."""

import hashlib
import os

import pytest

from pruning.experiment.sources import located
from pruning.ui.uploads import Held, Store
from tests.faults import FAULTY
from tests.front_door import REPOSITORY
from tests.page_door import look_until, open_page

WEIGHTS = REPOSITORY / "assets" / "resnet20-digits.safetensors"
FIELDS = {"weights": "Weights", "data": "or data of your own"}


@pytest.fixture
def store(monkeypatch):
    monkeypatch.setenv("PRUNING_UPLOADS", "")  # put back as it was afterwards
    store = Store()
    yield store
    store.folder.remove()


def test_an_upload_is_named_by_its_digest_and_found_by_the_engine(store):
    text = Held(store).keep("my weights.th", b"weights")
    assert text == f"sha256:{hashlib.sha256(b'weights').hexdigest()}#my weights.th"
    assert os.environ["PRUNING_UPLOADS"] == str(store.folder.path)
    with open(located(text, "checkpoint"), "rb") as file:
        assert file.read() == b"weights"


def test_a_file_lasts_as_long_as_a_session_that_holds_it(store):
    one, other = Held(store), Held(store)
    text, alone = one.keep("a.npz", b"same"), one.keep("b.npz", b"alone")
    assert other.keep("a.npz", b"same") == text
    one.release()
    assert located(text, "data").endswith("a.npz")
    with pytest.raises(ValueError, match="b.npz"):
        located(alone, "data")
    other.release()
    assert not [path for path in store.folder.path.iterdir() if path.is_dir()]


def test_a_name_with_a_path_in_it_stays_in_the_folder(store):
    text = Held(store).keep("../../etc/passwd", b"x")
    assert text.endswith("#passwd")
    assert located(text, "data").startswith(str(store.folder.path))


# how it is handed over, beside right weights for data, and what the sentence holds
NO_FILES = {
    "noise.pth": ("weights", "no PyTorch file"),
    "code.pth": ("weights", "could run code"),
    "noise.npz": ("data", "noise.npz"),
    "climbs-out.zip": ("data", "../escaped.png"),
    "no-image.zip": ("data", "dog/1.png"),
}


@pytest.mark.parametrize("name", NO_FILES)
def test_a_file_that_is_none_is_a_sentence_on_the_page(name, server, tmp_path):
    kind, told = NO_FILES[name]
    FAULTY[name](tmp_path / name)
    app = open_page(data="digits", calibration="60")
    for field, path in {"weights": WEIGHTS, kind: tmp_path / name}.items():
        (box,) = [box for box in app.file_uploader if box.label == FIELDS[field]]
        box.set_value((path.name, path.read_bytes(), "application/octet-stream"))
    next(button for button in app.button if button.form_id == "own").click().run()
    look_until(app, lambda app: app.error)
    assert {error.value for error in app.error} == {app.error[0].value} and told in app.error[0].value
    assert not (tmp_path / "ran").exists()
