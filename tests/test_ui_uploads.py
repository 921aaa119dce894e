"""Uploads: found by the engine while a visitor uses them, and opened by nobody else; networks of one's own;
and files that are not what they say."""

import hashlib
import os
from pathlib import Path

import pytest
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest
from torchvision.models import get_model

from pruning.experiment.uploaded_files import located
from pruning.inspection import FullAccuracy
from pruning.models.build import new_model
from pruning.tasks import DEFAULT
from pruning.ui import preview_cache, state, uploads
from pruning.ui.uploads import KEPT, Store
from tests.faults import FAULTY
from tests.front_door import REPOSITORY
from tests.inline_workers import InlineWorkers
from tests.mask_data import drawn, packed, write_masks
from tests.page_door import link_of, open_page, said

TOLD = FullAccuracy(DEFAULT.name, 0.617, 2000, 2000)
WEIGHTS = REPOSITORY / "assets" / "resnet20-digits.safetensors"
FIELDS = {"weights": "Weights", "data": "or data of your own"}


MINE, YOURS = "one visitor", "another visitor"


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(monkeypatch, clock):
    monkeypatch.setenv("PRUNING_UPLOADS", "")  # put back as it was afterwards
    store = Store(each=100, all=150, clock=clock)
    yield store
    store.close()


def files(store: Store) -> set[str]:
    return {path.name for path in store.folder.path.rglob("*") if path.is_file()} - {"lock"}


def test_an_upload_is_named_by_its_digest_and_found_by_the_engine(store):
    text, gone = store.keep(MINE, "my weights.th", b"weights")
    assert text == f"sha256:{hashlib.sha256(b'weights').hexdigest()}#my weights.th" and not gone
    assert os.environ["PRUNING_UPLOADS"] == str(store.folder.path)
    with open(located(text, "checkpoint"), "rb") as file:
        assert file.read() == b"weights"


def test_who_knows_the_digest_alone_holds_nothing(store):
    text, _ = store.keep(MINE, "a.npz", b"same")
    assert store.holds(MINE, text) and not store.holds(YOURS, text)
    assert not store.holds(MINE, text.replace("a.npz", "../lock"))
    assert store.keep(YOURS, "a.npz", b"same")[0] == text and store.holds(YOURS, text)


def test_a_file_lasts_as_long_as_somebody_uses_it(store, clock):
    text, alone = (store.keep(MINE, name, name.encode())[0] for name in ("a.npz", "b.npz"))
    store.keep(YOURS, "a.npz", b"a.npz")
    clock.now += KEPT
    assert store.holds(YOURS, text)  # a page shows it
    store.let_go(clock() - KEPT)
    assert not store.holds(MINE, text) and located(text, "data").endswith("a.npz")
    with pytest.raises(ValueError, match="b.npz"):
        located(alone, "data")
    store.let_go(clock(), YOURS)
    assert not files(store) and not store.held


def test_beyond_the_quota_the_longest_unused_goes_first_and_is_named(store):
    first, second = (store.keep(MINE, name, name.encode() * 9)[0] for name in ("a.npz", "b.npz"))  # 45 each
    assert store.holds(MINE, first)
    _, gone = store.keep(MINE, "c.npz", b"c" * 45)
    assert gone == ["b.npz"] and not store.holds(MINE, second) and store.holds(MINE, first)
    store.keep(YOURS, "d.npz", b"d" * 80)  # beyond what all may have together: somebody's oldest goes
    assert files(store) == {"a.npz", "d.npz"}
    with pytest.raises(ValueError, match="large.npz has .* give at most"):
        store.keep(MINE, "large.npz", bytes(101))


def test_a_name_with_a_path_in_it_stays_in_the_folder(store):
    text, _ = store.keep(MINE, "../../etc/passwd", b"x")
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


def write_classes(folder: Path, number: int) -> Path:
    """Folders a, b and c of pictures."""
    for k in range(number):
        (folder / "abc"[k % 3]).mkdir(parents=True, exist_ok=True)
        drawn(k)[0].save(folder / "abc"[k % 3] / f"{k}.png")
    return folder


def give(app: AppTest, label: str, path: Path) -> AppTest:
    (box,) = [box for box in app.file_uploader if box.label == label]
    box.set_value((path.name, path.read_bytes(), "application/octet-stream"))
    return app


def open_own(app: AppTest) -> AppTest:
    return app.button(key="open own").click().run()


def served(app: AppTest, workers: InlineWorkers, *titles: str) -> AppTest:
    """The page once the worker has done what it was asked under these titles, and no wall."""
    for job in [job for job in workers.waiting if job.title in titles]:
        workers.waiting.remove(job)
        workers.do(job)
    app.run()
    assert not app.exception
    return app


@pytest.mark.parametrize("name", NO_FILES)
def test_a_file_that_is_none_is_a_sentence_in_the_form(name, workers, tmp_path):
    kind, told = NO_FILES[name]
    FAULTY[name](tmp_path / name)
    app = open_page()
    for field, path in {"weights": WEIGHTS, kind: tmp_path / name}.items():
        give(app, FIELDS[field], path)
    (error,) = served(open_own(app), workers, "Opening").error
    assert told in error.value and "checkpoint" not in app.query_params  # what was open stays open
    assert not (tmp_path / "ran").exists()
    assert name not in files(uploads.store()), "what was refused is still kept"
    app.switch_page("pages/1_Channels.py").run()  # the server lives on
    assert not app.exception


def test_a_refusal_goes_with_what_it_was_about_and_new_data_are_looked_at(workers, tmp_path):
    app = open_page()
    app.selectbox(key="own model").select("resnet44").run()
    assert "There are no bundled weights for ResNet-44" in open_own(app).error[0].value
    assert app.run().error  # it stays while the form stays
    app.selectbox(key="own data").select("digits").run()
    assert not app.error

    (tmp_path / "text.pth").write_text("no weights")
    served(open_own(give(app, "Weights", tmp_path / "text.pth")), workers, "Opening")
    assert len(app.error) == 1 and app.run().error
    data = packed(write_classes(tmp_path / "data", 12), tmp_path / "data.zip")
    give(app, "or data of your own", data).run()
    assert not app.error and [job.title for job in workers.waiting if job.title == "Data"]


def test_weights_of_another_network_open_as_that_one(workers, tmp_path):
    save_file(new_model("resnet32", 10).state_dict(), tmp_path / "deep.safetensors")
    app = open_own(give(open_page(), "Weights", tmp_path / "deep.safetensors"))
    served(app, workers, "Opening")
    assert "does not fit resnet20" in app.error[0].value and "resnet32" in app.error[0].value
    assert app.selectbox(key="own model").value == "resnet20"
    served(app.button(key="open as resnet32").click().run(), workers, "Opening")
    link = link_of(app)
    assert link["model"] == "resnet32" and not app.error and link["checkpoint"].endswith("#deep.safetensors")

    preview_cache._kept(
        "full_accuracy", preview_cache.digest(state.read_link(link)[0], preview_cache.NETWORK)
    )["value"] = TOLD
    again = open_page(**link)  # a reload, or another tab
    assert "1,234 of 2,000 test images" in said(again)
    assert not again.file_uploader[0].label.startswith("Give") and not again.info
    wrong = served(open_page(**link | {"model": "resnet44"}), workers, "Structure")
    assert "resnet32" in wrong.error[0].value
    assert served(wrong, workers, "Opening").button(key="open as resnet32")

    stranger = open_page(token="of-another-browser", **link)
    assert "deep.safetensors" in stranger.info[0].value and not stranger.title
    assert "1,234" not in said(stranger)  # nothing that was found out about it either
    stranger.button(key="open bundled").click().run()
    assert stranger.title and "checkpoint" not in stranger.query_params
    stranger = open_page(token="of-another-browser", **link)
    give(stranger, "Give deep.safetensors", tmp_path / "deep.safetensors").run()
    assert stranger.title and not stranger.info


def test_torchvisions_networks_can_be_chosen(workers):
    app = open_page()
    app.selectbox(key="own model").select("torchvision:squeezenet1_1").run()
    open_own(app)
    assert "There are no bundled weights for squeezenet1_1 on scenes" in app.error[0].value
    assert app.selectbox(key="own model").value == "torchvision:squeezenet1_1"
    app.checkbox(key="own random").check()
    app.number_input(key="own size").set_value(48)
    served(open_own(app), workers, "Opening")
    told = {"model": "torchvision:squeezenet1_1", "checkpoint": "none", "size": "48"}
    assert told.items() <= link_of(app).items() and not app.error
    assert "48 x 48" in {metric.value for metric in served(app, workers, "Structure").metric}
    assert "torchvision:squeezenet1_1" in open_page(model="torchvision:squeezenet11").error[0].value


def test_while_another_network_is_opened_nobody_goes_on_with_the_one_before(workers, tmp_path):
    save_file(new_model("resnet44", 10).state_dict(), tmp_path / "deep.safetensors")

    def next_steps(app):
        return {button.label: button.disabled for button in app.button if "Open" not in button.label}

    app, steps = open_page(), ("See which channels", "Prune it")
    assert not any(next_steps(app)[step] for step in steps)
    open_own(give(app, "Weights", tmp_path / "deep.safetensors"))
    assert all(next_steps(app)[step] for step in steps)
    served(app, workers, "Opening")
    assert app.error  # they do not fit: nothing is opened
    assert not any(next_steps(app)[step] for step in steps)
    app.button(key="open as resnet44").click().run()
    assert all(next_steps(app)[step] for step in steps)
    served(app, workers, "Opening")
    assert link_of(app)["model"] == "resnet44" and not any(next_steps(app).get(step) for step in steps)


TORCHVISIONS = {  # name, options of its builder: what makes a zip of data for it
    "squeezenet1_1": ({}, write_classes),
    "lraspp_mobilenet_v3_large": ({"weights_backbone": None}, write_masks),
}


@pytest.mark.parametrize("name", TORCHVISIONS)
def test_torchvisions_networks_open_with_weights_and_data_from_files(name, workers, tmp_path):
    options, write = TORCHVISIONS[name]
    made = get_model(name, weights=None, num_classes=3, **options)
    save_file(made.state_dict(), tmp_path / "w.safetensors")
    data = packed(write(tmp_path / "data", 12), tmp_path / "data.zip")
    app = open_page(criterion="l1", allocation="uniform", calibration="4")
    app.selectbox(key="own model").select(f"torchvision:{name}").run()
    give(give(app, "Weights", tmp_path / "w.safetensors"), "or data of your own", data)
    served(open_own(app), workers, "Opening")
    link = link_of(app)
    assert not app.error and link["model"] == f"torchvision:{name}" and link["data"].endswith("#data.zip")
    served(app, workers, "Structure")
    parameters = sum(tensor.numel() for tensor in made.parameters())
    assert any(f"{parameters:,}" in (metric.help or "") for metric in app.metric)
