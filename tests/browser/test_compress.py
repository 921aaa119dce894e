"""The Compress page from a link to a network in few bits that runs elsewhere."""

import re
import zipfile

from playwright.sync_api import expect

from pruning.terms import percent
from tests.browser.walk import metric, picture, rest, right_of_digits, take_away

LINK = "/Compress?data=digits&calibration=60&criterion=l1&cut=0.1&bits=3"


def test_from_a_mean_of_bits_to_a_network_that_is_loaded_again(visit, tmp_path):
    page = visit(LINK)
    expect(page.get_by_role("heading", name="How many bits does a weight need?")).to_be_visible()
    expect(metric(page, "In few bits")).to_contain_text("%")
    expect(page.get_by_label("Bits of every channel, one row per layer").first).to_be_visible()
    small = metric(page, "Size").inner_text()
    slider = page.get_by_role("slider", name=re.compile("Mean bits"))
    rest(page)
    slider.press("ArrowRight")
    expect(page).to_have_url(re.compile("bits=3.25"))
    expect(page.get_by_text(re.compile(r"the mean is 3\.2\d bits per weight"))).to_be_visible()
    expect(metric(page, "Size")).not_to_have_text(small)
    assert kilobytes(metric(page, "Size").inner_text()) > kilobytes(small)
    expect(page.get_by_text(re.compile("Large marks: at .* hold-out images"))).to_be_visible()
    page.get_by_role("button", name="Compress", exact=True).click()
    expect(page.get_by_role("heading", name="Take it away", exact=True)).to_be_visible()
    rest(page)
    picture(page, "compress-done")
    file = take_away(page, tmp_path)
    assert percent(right_of_digits(file)) in page.inner_text("body")
    with zipfile.ZipFile(file) as archive:
        assert archive.getinfo("model.safetensors").file_size < 150_000  # of 1,084,544 in float32


def kilobytes(text: str) -> float:
    return float(re.search(r"([\d.,]+) kB", text)[1].replace(",", ""))
