"""From a run on Prune to an ONNX file that a fresh process runs without this project."""

import subprocess
import sys

import numpy as np
from playwright.sync_api import expect

import pruning
from pruning.data import to_tensor
from pruning.models import CIFAR10
from tests.browser.walk import metric, picture, rest, take_away

CHEAP = (
    "/Prune?data=digits&criterion=l1&allocation=uniform&cut=0.4&repair=recalibrate&calibration=100&threads=1"
)
ALONE = """
import sys
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
images, labels = (np.load(sys.argv[2])[name] for name in ("images", "labels"))
print(100 * np.mean(session.run(["logits"], {"image": images})[0].argmax(1) == labels))
assert not {"torch", "pruning"} & set(sys.modules)
"""


def test_an_onnx_file_from_the_page_is_as_good_in_a_process_that_has_only_onnxruntime(visit, tmp_path):
    page = visit(CHEAP)
    page.get_by_role("button", name="Prune", exact=True).click()
    expect(page.get_by_role("heading", name="Take it away", exact=True)).to_be_visible()
    page.get_by_role("button", name="Make the file: ONNX").click()
    expect(page.get_by_text("same answers on")).to_be_visible()
    picture(rest(page), "prune-onnx")
    file = take_away(page, tmp_path, "Download resnet20-digits-l1.onnx")
    told = metric(page, "Repaired").inner_text()

    test = pruning.load_data("digits").test
    np.savez(tmp_path / "test.npz", images=to_tensor(test.images, CIFAR10).numpy(), labels=test.labels)
    words = [sys.executable, "-I", "-c", ALONE, str(file), str(tmp_path / "test.npz")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{float(done.stdout):.1f} %" in told
