"""A U-Net from a file of one's own: typed into the form of an app that takes code, cut, and taken home."""

import subprocess
import sys

from playwright.sync_api import expect

from tests.browser.walk import go, metric, picture, rest, take_away
from tests.front_door import REPOSITORY
from tests.mask_data import write_masks
from tests.own_code import write_unet

CHEAP = "/?data=data&checkpoint=none&model=deeplabv3plus_small&criterion=l1&allocation=uniform&cut=0.3"
CHEAP += "&repair=recalibrate&calibration=20&threads=1&tour=off"
LOADED = """
import sys
import pruning
from pruning.train import evaluate
from unet import unet

small, data = pruning.load(sys.argv[1], model=unet(3)), pruning.load_data("data")
said = evaluate(small, data.test, normalization=small.origin.normalization)
print(said.task.metric.in_words(said.value))
"""


def test_a_unet_from_a_file_is_typed_cut_and_says_the_same_in_a_fresh_process(visit_with_code, tmp_path):
    write_unet(tmp_path)
    write_masks(tmp_path / "data", 20)
    page = visit_with_code(CHEAP)
    page.get_by_text("Your own network, data or seed").click()
    rest(page)
    page.get_by_role("textbox", name="or code of your own").fill("unet.py:unet")
    page.get_by_role("textbox", name="or code of your own").press("Tab")
    rest(page)
    page.locator(".st-key-open-own").get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text("unet of unet.py on data classifies every pixel of up to 60")).to_be_visible()
    picture(rest(page), "start-own-code")
    go(page, "Channels")
    expect(page.get_by_role("heading", name="Coupled layers", exact=True)).to_be_visible()
    go(page, "Prune")
    page.get_by_role("button", name="Prune", exact=True).click()
    expect(page.get_by_role("heading", name="Take it away", exact=True)).to_be_visible()
    picture(rest(page), "prune-own-code")
    told, file = metric(page, "Repaired").inner_text(), take_away(page, tmp_path)
    assert f'pruning.load("{file.name}", model=unet(...))' in page.inner_text("body")
    command = [sys.executable, "-c", LOADED, str(file)]
    there = {"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=there, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in told
