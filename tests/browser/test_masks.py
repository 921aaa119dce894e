"""From the Start card of a network that says the class of every pixel to the smaller one, taken home."""

import re
import subprocess
import sys

from playwright.sync_api import expect

from tests.browser.walk import metric, picture, rest, take_away
from tests.front_door import REPOSITORY

CHEAP = "/?criterion=l1&allocation=uniform&cut=0.3&repair=recalibrate&calibration=100&threads=1"
LOADED = """
import sys
import pruning
from pruning.train import evaluate

small, data = pruning.load(sys.argv[1]), pruning.load_data("scenes_masks")
said = evaluate(small, data.test, normalization=small.origin.normalization)
print(said.task.metric.in_words(said.value))
"""


def test_masks_from_the_card_to_a_network_that_says_the_same_in_a_fresh_process(visit, tmp_path):
    page = visit(CHEAP)
    card = page.get_by_test_id("stVerticalBlock").filter(has_text="DeepLabV3+ small on scenes_masks").last
    card.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text("DeepLabV3+ small on scenes_masks classifies every pixel of 60")).to_be_visible()
    picture(rest(page), "start-masks")
    page.get_by_role("button", name="Prune it").click()
    expect(page.get_by_text("Hold-out mean IoU")).to_be_visible()
    rest(page)
    page.get_by_role("button", name="Prune", exact=True).click()
    expect(page.get_by_role("heading", name="Take it away", exact=True)).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("changed pixels marked")).first).to_be_attached()
    picture(rest(page), "prune-masks")
    told, file = metric(page, "Repaired").inner_text(), take_away(page, tmp_path)
    assert "accuracy" not in page.get_by_test_id("stMain").inner_text().lower()
    fresh = [sys.executable, "-c", LOADED, str(file)]
    done = subprocess.run(fresh, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() in told
