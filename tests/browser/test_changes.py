"""A visitor in a hurry: what is asked for changes again and again while the page still computes."""

from contextlib import suppress

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from pruning.terms import titled
from pruning.ui import guard
from tests.browser.walk import rest

LINK = "?data=digits&calibration=60&threads=1&criterion=cpot"


def choose(page: Page, label: str, criterion: str):
    """Picks from a list without waiting for the page; one that closed as the page was drawn anew is opened
    again."""
    for _ in range(10):
        with suppress(TimeoutError):
            page.get_by_role("combobox", name=label).first.click(timeout=5000)
            return page.get_by_role("option", name=titled(criterion), exact=True).click(timeout=5000)
        page.keyboard.press("Escape")  # what an open list covers cannot be reached
    pytest.fail(f"{criterion} was never offered")


def hurry(page: Page, label: str, *criteria: str):
    """Changes a moment apart: shorter than a preview takes, longer than a run needs to begin."""
    for criterion in criteria:
        choose(page, label, criterion)
        page.wait_for_timeout(150)
    for side in ("Right", "Left", "Right"):
        page.get_by_role("slider", name="Cut (%)").first.press(f"Arrow{side}")
        page.wait_for_timeout(150)


def test_changes_while_it_computes_end_in_a_page_without_a_fault(visit):
    page = visit("/Channels" + LINK + "&beside=l1&group=layer2.1.conv1")
    hurry(page, "Criterion", "di", "catro", "cpot", "di")
    for name in ("Prune", "Compress", "Channels", "Gates", "Start", "Prune"):
        page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
        page.wait_for_timeout(200)
    hurry(page, "Criterion", "cpot", "taylor")
    page.go_back()
    page.go_forward()
    rest(page)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    words = page.inner_text("body")
    assert not [told for told in (guard.PAGE, guard.PART, guard.CALLBACK) if told in words]
