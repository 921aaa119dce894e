"""What a visitor does and sees, whatever the page: wait until it rests, read it, take its picture."""

import os
import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

import pruning
from pruning.train import evaluate

RUNNING = '[data-testid="stApp"]:not([data-test-script-state="notRunning"])'


def rest(page: Page, seconds: float = 600) -> Page:
    """Waits until the script has run and nothing unfilled is left; an exception's box is a failure."""
    expect(page.locator('[data-testid="stApp"]')).to_be_visible(timeout=seconds * 1000)
    expect(page.locator(RUNNING)).to_have_count(0, timeout=seconds * 1000)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=seconds * 1000)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    return page


def go(page: Page, name: str) -> Page:
    """To another page by the sidebar, until it rests there."""
    page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
    expect(page).to_have_url(re.compile(rf"/{'' if name == 'Start' else name}(\?|$)"))
    return rest(page)


def picture(page: Page, name: str):
    """A picture of the whole page as SCREENSHOTS/name.png, where that folder is named in the environment."""
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    # the page scrolls inside the window, so the window is made as tall as what it holds
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    size = page.viewport_size
    page.set_viewport_size({"width": size["width"], "height": max(size["height"], height)})
    page.wait_for_timeout(500)  # charts follow the window
    page.screenshot(path=Path(folder) / f"{name}.png")
    page.set_viewport_size(size)


def metric(page: Page, label: str) -> Locator:
    """The box of one figure with its label, such as MACs; while a page runs again, the newer one."""
    exact = page.get_by_test_id("stMetricLabel").filter(has_text=re.compile(f"^{re.escape(label)}$"))
    return page.get_by_test_id("stMetric").filter(has=exact).first


def take_away(page: Page, folder: Path, what: str = "Network (zip)") -> Path:
    """The network's zip, or another button's file, as it is downloaded into a folder."""
    with page.expect_download() as download:
        page.get_by_role("button", name=what).click()
    download.value.save_as(folder / download.value.suggested_filename)
    return folder / download.value.suggested_filename


def right_of_digits(file: Path) -> float:
    """Loads such a network here, far from the server: the share of digits' test pictures it has right."""
    small, data = pruning.load(file), pruning.load_data("digits")
    return evaluate(small, data.test, normalization=small.origin.normalization).value


def wall(page: Page) -> Locator:
    """The canvas with the test pictures."""
    return page.get_by_role("img", name=re.compile("test images"))


WRONG = re.compile(r"(\d+) of \d+ wrong")


def wrong(page: Page) -> int:
    """How many of the pictures the wall shows as wrong, by the name it has for those who cannot see it.

    A page that rests may have a wall that is not drawn yet: it draws itself once the browser has its data.
    """
    expect(wall(page)).to_have_attribute("aria-label", WRONG)
    return int(WRONG.search(wall(page).get_attribute("aria-label"))[1])
