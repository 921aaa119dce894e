"""A generator of one's own that takes picture and domain apart, as StarGAN's published code does, and folders
of domains: listed, trained, cut, and opened in the app."""

import json

import pytest
import torch
from PIL import Image

import pruning
from pruning.data import inputs_of
from pruning.models import own_code, write_checkpoint
from pruning.tasks import TRANSLATED
from pruning.train.from_scratch import described
from tests.front_door import forked
from tests.page_door import link_of, open_page, said
from tests.test_ui_uploads import open_own, served

OWN = """
import torch
from torch import nn

class Own(nn.Module):
    def __init__(self, c_dim=2):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3 + c_dim, 8, 3, padding=1), nn.InstanceNorm2d(8, affine=True)
        self.last = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, x, c):
        maps = c.view(c.size(0), c.size(1), 1, 1).repeat(1, 1, x.size(2), x.size(3))
        return torch.tanh(self.last(torch.relu(self.norm(self.first(torch.cat([x, maps], 1))))))
"""
ASKED = ("--model", "own.py:Own", "--data", "faces", "--task", TRANSLATED.name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """own.py, and faces/ with pictures of three domains and a judge of random weights."""
    folder = tmp_path_factory.mktemp("translator")
    (folder / "own.py").write_text(OWN)
    pictures = pruning.load_data("scenes").train.images
    for number in range(60):
        place = folder / "faces" / ("blue", "green", "red")[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures[number]).save(place / f"{number}.png")
    classes = pruning.load_data(str(folder / "faces"))
    judge = pruning.load_model("resnet20", classes, "none")
    write_checkpoint(
        folder / "faces" / "judge.safetensors", judge.state_dict(), described(judge.origin, classes)
    )
    return folder


@pytest.fixture(autouse=True)
def allowed(monkeypatch, folder):
    """As outside of a server, whose pages other tests open in this process; in the folder with the file."""
    monkeypatch.setenv(own_code.ALLOWED, "1")
    monkeypatch.chdir(folder)


def test_its_two_inputs_are_joined_and_its_weights_keep_their_names(folder):
    data = pruning.load_data(str(folder / "faces"), task=TRANSLATED)
    model = pruning.load_model("own.py:Own", data)
    assert model.origin.normalization.name == "half" and model.state_dict()["first.weight"].shape[1] == 6
    inputs = inputs_of(data.test, slice(4), model.origin.normalization)
    with torch.no_grad():
        apart = type(model).__bases__[0].forward(model, inputs[:, :3], inputs[:, 3:, 0, 0])
        assert torch.equal(model(inputs), apart)
    asked = {"model": "own.py:Own", "data": "faces", "task": TRANSLATED.name, "checkpoint": None}
    report = pruning.run(pruning.Recipe(**asked, criterion="l1", cut=0.4, calibration=20, threads=1)).report
    assert report["macs"]["final"] < 0.7 * report["macs"]["baseline"]


def test_it_is_listed_trained_and_cut_from_the_command_line(folder):
    listed = forked("list", "groups", "--json", *ASKED, cwd=folder)
    groups = {row["name"]: row["size"] for row in json.loads(listed.stdout) if not row["fixed"]}
    assert groups == {"first": 8}, listed.stderr
    words = ("--epochs", 1, "--threads", 1, "--out", "trained.safetensors")
    done = forked("train", *ASKED, *words, cwd=folder)
    assert done.returncode == 0 and "domain accuracy" in done.stdout, done.stderr
    words = ("--criterion", "l1", "--cut", 0.4, "--threads", 1, "--calibration", 20, "--out", "small")
    done = forked("run", *ASKED, "--checkpoint", "trained.safetensors", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    report = json.loads((folder / "small" / "report.json").read_text())
    assert report["task"] == TRANSLATED.name and report["classes"] == ["blue", "green", "red"]
    assert report["macs"]["final"] < 0.7 * report["macs"]["baseline"]


def test_a_task_that_the_data_do_not_ask_for_is_refused_before_it_trains(folder):
    words = ("--data", "scenes_masks", "--task", "classification", "--epochs", 1, "--out", "x.safetensors")
    done = forked("train", "--model", "own.py:Own", *words, cwd=folder)
    assert done.returncode == 2 and "scenes_masks asks for a class for every pixel" in done.stderr
    done = forked("list", "groups", "--model", "resnet20", "--data", "digits", *ASKED[-2:], cwd=folder)
    assert done.returncode == 2 and "domain" in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_form_opens_it_with_folders_of_domains_where_the_task_is_named(workers, folder):
    app = open_page(model="resnet20", data="faces", checkpoint="none", criterion="l1")
    app.text_input(key="own code").set_value("own.py:Own").run()
    app.selectbox(key="own task").select(TRANSLATED.name)
    served(app.run(), workers, "Data")
    assert "faces: translation, 3 domains, images of 32 x 32 pixels" in said(app)
    served(open_own(app), workers, "Opening")
    link = link_of(app)
    assert not app.error and (link["model"], link["task"]) == ("own.py:Own", TRANSLATED.name)
    assert "translates up to 60 test images, each to another domain" in said(app)
    again = open_page(**link)
    assert again.selectbox(key="own task").value == TRANSLATED.name
    again.button(key="card resnet20 digits").click().run()
    assert "task" not in link_of(again) and not again.error  # a listed network has a task of its own
