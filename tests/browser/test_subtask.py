"""A few classes chosen on Start: every page is then about these alone."""

import contextlib
import re

from playwright.sync_api import Page, TimeoutError, expect

from tests.browser.walk import go, metric, picture, rest, wall


def pick(page: Page, name: str):
    """Chooses a class; a click that is lost while the list moves is made again, as anybody would."""
    taken = page.get_by_test_id("stMultiSelect").get_by_text(name, exact=True)
    option = page.get_by_role("option", name=name, exact=True)
    for _ in range(20):
        with contextlib.suppress(TimeoutError, AssertionError):
            if not option.is_visible():
                page.get_by_role("combobox", name=re.compile("Classes")).click(timeout=3000)
            option.click(timeout=3000)
            expect(taken).to_be_visible(timeout=3000)
        if taken.is_visible():
            return
    raise AssertionError(f"class {name} was never taken")


def test_classes_chosen_on_start_hold_on_every_page(visit):
    page = visit("/?data=digits&size=16&criterion=catro&repair=recalibrate&calibration=60")
    expect(wall(page)).to_be_visible()
    expect(metric(page, "Parameters")).to_be_visible()
    expect(page.get_by_text("cuts are there")).to_have_count(0)  # the page runs once more when all are
    page.get_by_text("Only some of the classes").click()
    page.wait_for_timeout(1000)  # it unfolds
    for name in ("3", "5", "8"):
        pick(page, name)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Look at these classes").click()
    expect(page.get_by_text("ResNet-20 on classes 3, 5, 8 of digits classifies")).to_be_visible()
    expect(page).to_have_url(re.compile("subtask=3%2C5%2C8"))
    expect(wall(page)).to_be_visible()
    rest(page)
    picture(page, "subtask-start")
    go(page, "Channels")
    expect(page.get_by_text("classes 3, 5, 8 of digits: each row is a channel group")).to_be_visible()
    go(page, "Prune")
    expect(page.get_by_text("classes 3, 5, 8 of digits: what is cut")).to_be_visible()
    expect(page).to_have_url(re.compile("subtask=3%2C5%2C8"))
    expect(page.get_by_text(re.compile("on 44 hold-out images"))).to_be_visible()
    picture(page, "subtask-prune")
    go(page, "Start")
    page.get_by_role("button", name="Look at all classes").click()
    expect(page).not_to_have_url(re.compile("subtask"))
