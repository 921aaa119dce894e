"""A look at data before anything is run, on the command line and in the app; and docs/voc.md's commands on a
small folder."""

import json
import shlex

import numpy as np
import pytest

import pruning
from pruning.__main__ import app, main
from pruning.data import normalization_of
from pruning.experiment.uploaded_files import located
from pruning.tasks import IGNORED, PIXELWISE
from pruning.train.evaluation import evaluate
from tests.front_door import REPOSITORY
from tests.mask_data import drawn, packed, write_masks, write_voc
from tests.page_door import link_of, open_page, said
from tests.test_ui_uploads import give, open_own, served


def answer(capsys, *words) -> str:
    """What a command that succeeds prints; in this process, which has imported torch."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert not ended.value.code
    return capsys.readouterr().out


def test_the_command_tells_how_often_each_class_occurs(tmp_path, capsys):
    folder = write_masks(tmp_path / "set")
    told = json.loads(answer(capsys, "data", folder, "--json"))
    masks = np.stack([drawn(k)[1] for k in range(10)])
    assert told["images"] == {"train": 7, "holdout": 1, "test": 2} and told["task"] == PIXELWISE.name
    for number, row in enumerate(told["classes"]):
        assert row["train_images"] + row["test_images"] == (masks == number).any((1, 2)).sum()
    data = pruning.load_data(folder)
    counted = data.test.labels[data.test.labels != IGNORED]
    assert told["classes"][1]["test_share"] == pytest.approx((counted == 1).mean())
    assert told["uncounted"]["test"] == pytest.approx((data.test.labels == IGNORED).mean())
    table = answer(capsys, "data", "digits")
    assert "of training images" in table and "do not count" not in table
    (folder / "masks" / "03.png").unlink()
    assert main(["data", str(folder)]) == 2
    said_there = capsys.readouterr()
    assert len(said_there.err.splitlines()) == 1 and not said_there.out


def test_the_app_shows_what_was_given_before_it_is_opened(workers, tmp_path):
    folder = write_masks(tmp_path / "set")
    (folder / "classes.txt").write_text("road\ncar\nsky")
    app = open_page()
    app.selectbox(key="own model").select("deeplabv3plus_small").run()
    app = served(
        give(app, "or data of your own", packed(folder, tmp_path / "set.zip")).run(), workers, "Data"
    )
    assert "set.zip: segmentation, 3 classes, images of 32 x 32 pixels: 8 for training" in said(app)
    (table,) = [frame.value for frame in app.dataframe if "class" in frame.value]
    assert table["class"].tolist() == ["road", "car", "sky"] and not app.error
    drawn_masks = [
        element.proto.body for element in app.get("html") if "does not count" in element.proto.body
    ]
    assert len(drawn_masks) == 1 and "sky" in drawn_masks[0]
    app.checkbox(key="own random").check()
    link = link_of(served(open_own(app), workers, "Opening"))
    assert link["model"] == "deeplabv3plus_small" and link["data"].endswith("#set.zip")
    data = pruning.load_data(located(link["data"], "data"))
    assert data.digest == pruning.load_data(folder).digest


def test_the_commands_of_voc_md_run_on_a_small_folder(tmp_path, monkeypatch, capsys):
    text = (REPOSITORY / "docs" / "voc.md").read_text()
    lines = [shlex.split(line)[3:] for line in text.splitlines() if line.startswith("python -m pruning ")]
    small = [words for words in lines if "VOC" in words and "40" in words]
    for words in lines:
        app.parse_args(words, exit_on_error=False, print_error=False)  # every flag is one that is there
    write_voc(tmp_path / "VOC")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRUNING_TIMING_SECONDS", "0.5")
    told = [answer(capsys, *words) for words in small]
    assert "VOC: segmentation, 21 classes" in told[0] and "test mean IoU" in told[1]
    report = pruning.load_report("small-gdp")
    assert report["macs"]["final"] <= 0.41 * report["macs"]["baseline"]
    cut, data = pruning.load("small-gdp"), pruning.load_data("VOC", size=40)
    test = evaluate(cut, data.test, normalization=normalization_of(cut, data))
    assert test.value == report["values"]["cut"] and (tmp_path / "small-gdp" / "report.html").exists()
