"""Large files in the browser: one becomes a data set while its progress is seen, one is refused unread."""

import re
import zipfile
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.walk import picture, rest

LARGE = 150 * 10**6  # bytes; one file of data may have 128 MB


def field(page: Page) -> Locator:
    """The form's field for data of one's own."""
    page.get_by_text("Your own network, data or seed", exact=True).click()
    form = page.get_by_test_id("stExpander").filter(has_text="Your own network, data or seed")
    rest(page)
    return form.get_by_test_id("stFileUploader").nth(1)


def fifth(whole: Path, folder: Path) -> Path:
    """Every fifth picture of a zip, under the same name."""
    with zipfile.ZipFile(whole) as pictures, zipfile.ZipFile(folder / whole.name, "w") as few:
        for one in pictures.infolist()[::5]:
            few.writestr(one, pictures.read(one))
    return folder / whole.name


def test_a_zip_of_150_mb_is_refused_in_the_browser_with_the_limit(visit, tmp_path):
    with (tmp_path / "large.zip").open("wb") as file:
        file.truncate(LARGE)  # of holes: nothing of it is ever read
    page, sent = visit("/?data=digits&criterion=l1&calibration=60"), []
    page.on("request", lambda request: sent.append(request.url) if request.method == "PUT" else None)
    box = field(page)
    expect(box).to_contain_text("128MB per file")
    expect(page.get_by_text("one of data 128 MB")).to_be_visible()
    box.locator("input[type=file]").set_input_files(tmp_path / "large.zip")
    expect(box).to_contain_text(re.compile("128.*MB or smaller"))
    picture(page, "start-too-large")
    assert not sent


def test_a_fifth_of_cifar_as_a_zip_becomes_a_data_set_and_progress_is_seen(visit, public_data, tmp_path):
    page = visit("/?data=digits&criterion=l1&calibration=60")
    box = field(page)
    box.locator("input[type=file]").set_input_files(fifth(public_data / "cifar10_jpeg.zip", tmp_path))
    expect(page.get_by_text(re.compile("Reading images")).first).to_be_visible()
    picture(page, "start-reading")
    told = page.get_by_text(re.compile("cifar10_jpeg.zip.*10 classes")).first
    expect(told).to_be_visible()
    picture(page, "start-cifar-given")
