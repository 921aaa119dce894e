"""A run for other runtimes: a format is chosen, its file made by a worker, checked, and handed out."""

import io
import shutil
import zipfile
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pruning.export import exported_program
from pruning.export.formats import FORMATS
from tests.page_door import TOKEN, said
from tests.test_saved_results import SAVED


def page(folder: str):
    """The panel of a run that was opened again."""
    from pathlib import Path

    from pruning.inspection.reopened_run import reopened_run
    from pruning.ui.prune import take_away

    take_away.panel(reopened_run(folder), Path(folder))


def opened(folder: Path) -> AppTest:
    app = AppTest.from_function(page, args=(str(folder),), default_timeout=600)
    app.session_state["visitor"] = TOKEN
    return app.run()


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def downloads(app: AppTest) -> list[str]:
    return [element.proto.label for element in app.get("download_button")]


def choose(app: AppTest, name: str) -> AppTest:
    return app.segmented_control(key="export format").set_value(name).run()


def test_a_file_is_made_when_it_is_asked_for_and_says_what_was_checked(workers):
    app = opened(SAVED / "plain")
    assert [button.label for button in app.button] == [
        "Time both networks in every runtime",
        "Make the file: ONNX",
    ]
    choose(app, "pytorch")
    assert FORMATS["pytorch"].meaning in said(app)
    press(app, "Make the file: Plain PyTorch")
    (job,) = workers.jobs("measurement")
    assert "Cancel" in [button.label for button in app.button]
    assert not [label for label in downloads(app) if "Download" in label]
    workers.work()
    app.run()
    assert "**Checked**: 0." in said(app)
    assert "same answers on 359 of 359 images, no difference at all; one image takes" in said(app)
    file = "Download resnet20-digits-l1-pytorch.zip"
    assert file in downloads(app)
    with zipfile.ZipFile(io.BytesIO(job.result().content)) as archive:
        assert archive.namelist() == ["network.py", "network.safetensors"]
    choose(choose(app, "onnx"), "pytorch")  # kept: nobody waits for it twice
    assert file in downloads(app) and workers.jobs("measurement") == [job]
    assert not (SAVED / "plain" / "network.py").exists()  # a run's folder is only read


def test_what_can_t_be_had_is_one_sentence_and_a_way_to_try_again(workers, monkeypatch, tmp_path):
    folder = shutil.copytree(SAVED / "plain", tmp_path / "plain")
    monkeypatch.setattr(exported_program, "opened", lambda path: lambda *given: [given[0].sum((2, 3))])
    app = choose(opened(folder), "exported")
    press(app, "Make the file: Exported program (PyTorch)")
    workers.work()
    app.run()
    assert len(app.error) == 1 and "the file answers" in app.error[0].value
    assert "Try again" in [button.label for button in app.button]


@pytest.mark.skipif(not FORMATS["openvino"].missing, reason="OpenVINO is installed here")
def test_a_format_that_needs_a_package_says_how_to_install_it(workers):
    app = choose(opened(SAVED / "plain"), "openvino")
    assert "OpenVINO needs openvino, not installed here; run: pip install openvino." in said(app)
    assert [button.label for button in app.button] == ["Time both networks in every runtime"]
