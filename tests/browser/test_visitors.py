"""Two browsers at one server: each has its files and jobs, also after a reload, and none of the other's."""

import re

from playwright.sync_api import Page, expect

from tests.browser.test_links import open_own
from tests.browser.walk import metric, picture, rest
from tests.front_door import REPOSITORY

WEIGHTS = REPOSITORY / "assets" / "resnet20-digits.safetensors"
LONG = "/Prune?data=digits&size=16&calibration=60&cut=0.5&criterion=l1&repair=recalibrate&threads=1"
LONG += "&epochs=200"
GONE = re.compile("This link was made with the weights")


def here(page: Page) -> str:
    """What comes after the server's name in the address bar."""
    return re.sub("^https?://[^/]+", "", page.url)


def test_an_upload_survives_a_reload_and_no_other_browser_opens_it(visit):
    page = open_own(visit("/?data=digits&criterion=l1&calibration=60"), weights=WEIGHTS)
    expect(page).to_have_url(re.compile("checkpoint=sha256"))
    expect(metric(page, "MACs of one image")).to_contain_text("40.6 M")
    picture(page, "start-own-upload")
    page.reload()
    expect(metric(rest(page), "MACs of one image")).to_contain_text("40.6 M")
    expect(page.get_by_text(GONE)).to_have_count(0)
    (cookie,) = [cookie for cookie in page.context.cookies() if cookie["name"] == "pruning_visitor"]
    assert cookie["sameSite"] == "Strict" and len(cookie["value"]) == 43
    assert cookie["value"] not in page.url and "pruning_visitor" not in page.url
    other = visit(here(page))
    expect(other.get_by_text(GONE)).to_contain_text(WEIGHTS.name)
    picture(other, "start-upload-of-another")
    other.get_by_role("button", name="Open ResNet-20 on digits instead").click()
    expect(other.get_by_text(GONE)).to_have_count(0)
    expect(other).not_to_have_url(re.compile("checkpoint="))


def test_jobs_of_others_are_before_ones_own_and_nothing_more_is_told(visit):
    page = visit(LONG)
    page.get_by_role("button", name="Prune and fine-tune").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    other = visit(LONG.replace("cut=0.5", "cut=0.3"))
    expect(other.get_by_text("1 job of other visitors is at work or waiting.")).to_be_visible()
    assert "job=" not in other.url and "50 % of the MACs" not in other.inner_text("body")
    picture(other, "prune-others")
    page.reload()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("This job was cancelled.")).to_be_visible()
