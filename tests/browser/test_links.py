"""What a link opens, what is handed over, and what is refused; sessions side by side."""

import contextlib
import re

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, TimeoutError, expect

from pruning import terms
from tests.browser.walk import go, metric, picture, rest, wall, wrong
from tests.faults import FAULTY
from tests.front_door import REPOSITORY

DIGITS = "?data=digits&calibration=60&criterion=l1"
# more of both in tests/test_ui_state.py and test_ui_uploads.py
WRONG_LINKS = {"/?cut=1.5": "give a share", "/Channels?criterion=l1&rho=0.1": "rho"}
NO_FILES = {"code.pth": "could run code", "climbs-out.zip": "../escaped.png"}


def test_channels_opens_by_its_link_on_a_server_just_started(first_visit):
    page = first_visit("/Channels" + DIGITS + "&criterion=fpgm&group=layer2.1.conv1")
    expect(page.get_by_role("heading", name="Which channels are cut?")).to_be_visible()
    expect(page.get_by_text("layer2.1.conv1").first).to_be_visible()
    rest(page)
    assert "criterion=fpgm" in page.url and "group=layer2.1.conv1" in page.url


def test_every_page_is_dark_for_those_who_like_it_dark(visit):
    page = visit("/" + DIGITS + "&size=16", color_scheme="dark")
    names = page.get_by_test_id("stSidebar").get_by_role("link").all_inner_texts()
    assert names[0] == "Start" and {"Channels", "Prune", "Compress"} <= set(names)
    for name in names:
        go(page, name)
        expect(page.get_by_test_id("stMain").get_by_role("heading").first).to_be_visible()
        shade = page.get_by_test_id("stApp").evaluate("app => getComputedStyle(app).backgroundColor")
        assert max(map(int, re.findall(r"\d+", shade)[:3])) < 60
        picture(page, f"{name.lower()}-dark")


def test_back_goes_to_the_page_before_with_all_that_was_chosen_since_and_a_tour_goes_along(visit):
    page = visit("/" + DIGITS)
    page.get_by_role("button", name="Take the tour").click()
    card = page.locator(".st-key-tour")
    expect(card).to_contain_text("Tour, 1 of 4: See what breaks.")
    expect(wall(page)).to_be_visible()  # nothing lies over what the step is about
    card.get_by_role("button", name="Next step").click()
    expect(card).to_contain_text("2 of 4")
    card.get_by_role("button", name="Next step").click()
    expect(page.get_by_role("heading", name="Which channels are cut?")).to_be_visible()
    expect(card).to_contain_text("3 of 4")
    rest(page)
    for name in ("l2", "fpgm"):
        choose(page, page.get_by_role("combobox", name="Criterion"), terms.titled(name))
        expect(page).to_have_url(re.compile(f"criterion={name}"))
        rest(page)
    page.go_back()
    expect(page).to_have_url(re.compile(r"/\?.*criterion=fpgm"))  # one step, and the choice stays
    expect(wall(page)).to_be_visible()
    expect(card).to_contain_text("This step is on the page Channels.")
    card.get_by_role("button", name="End the tour").click()
    expect(card).to_have_count(0)


@pytest.mark.parametrize("link", WRONG_LINKS)
def test_a_link_that_is_wrong_is_a_sentence(link, visit):
    page = visit(link)
    expect(page.get_by_text("This link cannot be opened")).to_contain_text(WRONG_LINKS[link])
    page.get_by_role("button", name="Go on without it").click()
    expect(page.get_by_text("This link cannot be opened")).to_have_count(0)


def test_two_visitors_see_each_their_own_network(visit):
    small = visit("/Prune" + DIGITS + "&cut=0.3")
    large = visit("/Prune" + DIGITS + "&model=resnet56&checkpoint=none&cut=0.7")
    for page, macs, cut in ((small, "of 40.6 M", "-30"), (large, "of 125 M", "-70")):
        expect(metric(page, "MACs")).to_contain_text(macs)
        expect(metric(page, "MACs")).to_contain_text(cut)
        expect(metric(page, "Full network")).to_contain_text("%")
    assert "97." in metric(small, "Full network").inner_text()
    assert not re.search("[4-9][0-9].[0-9]%", metric(large, "Full network").inner_text())  # never trained


def choose(page: Page, box: Locator, text: str):
    """Picks from a list; one that closed while the page ran again is opened again, as anybody would."""
    option = page.get_by_role("option", name=text, exact=True)
    for _ in range(30):
        box.click()
        with contextlib.suppress(TimeoutError):
            option.click(timeout=2000)
            return expect(box).to_have_value(text)
    pytest.fail(f"the list never offered {text}")


def open_own(page: Page, **given) -> Page:
    """Fills the form for one's own network and data, and opens it."""
    page.get_by_text("Your own network, data or seed", exact=True).click()
    form = page.get_by_test_id("stExpander").filter(has_text="Your own network, data or seed")
    for label in ("Network", "Pixels are normalised by", "Data"):
        if label in given:
            choose(page, form.get_by_role("combobox", name=label), given[label])
    for place, kind in enumerate(("weights", "data")):
        if kind in given:
            give(page, form.locator("input[type=file]").nth(place), given[kind])
            expect(form.get_by_test_id("stFileChipName").last).to_have_attribute("title", given[kind].name)
    rest(page)
    form.locator(".st-key-open-own button").click()
    return rest(page)


def give(page: Page, place: Locator, file):
    """Hands a file over, until it has arrived; one given while the page drew the form anew is given again, as
    anybody would who sees nothing come of it."""
    for _ in range(6):
        rest(page)
        with contextlib.suppress(TimeoutError):
            with page.expect_response(lambda answer: "upload_file" in answer.url, timeout=20_000):
                place.set_input_files(file)
            return
    pytest.fail(f"{file} never arrived")


def test_a_network_and_pictures_of_ones_own(visit, public_data, tmp_path):
    with np.load(public_data / "cifar10_subset.npz") as all_pictures:
        few = {name: all_pictures[name][: 400 if "train" in name else 100] for name in all_pictures.files}
    np.savez(tmp_path / "few.npz", **few)
    own = {"Network": "ResNet-56", "Pixels are normalised by": "imagenet"}
    own |= {"weights": public_data / "resnet56-4bfd9763.th", "data": tmp_path / "few.npz"}
    page = open_own(visit("/?cut=0&calibration=60&criterion=l1"), **own)
    expect(metric(page, "MACs of one image")).to_contain_text("125")
    expect(page.get_by_text("few.npz").first).to_be_visible()
    expect(wall(page)).to_be_visible()
    assert wrong(page) <= 8  # it has 92.7 % of the test images
    picture(page, "start-own")


@pytest.mark.parametrize("name", NO_FILES)
def test_a_file_that_is_none_is_a_sentence(name, visit, tmp_path):
    FAULTY[name](tmp_path / name)
    own = {"weights": REPOSITORY / "assets" / "resnet20-digits.safetensors"}
    own["weights" if "pth" in name else "data"] = tmp_path / name
    page = open_own(visit("/" + DIGITS), **own)
    expect(page.get_by_test_id("stAlert").first).to_contain_text(NO_FILES[name])
    assert "Traceback" not in page.inner_text("body")
    assert not (tmp_path / "ran").exists()
