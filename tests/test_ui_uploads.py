"""Uploads: found by the engine while a session holds them, gone when the last one that does has ended."""

import hashlib
import os

import pytest

from pruning.experiment.sources import located
from pruning.ui.uploads import Held, Store


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
