"""The whole and the cut network side by side on Prune: searched, walked by keyboard, scrolled, clicked."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.walk import picture, rest

LINK = "/Prune?data=digits&calibration=60&criterion=l1&allocation=uniform&repair=recalibrate&cut=0.5"


def side(page: Page, name: str) -> Locator:
    """One of the two drawings: whole or cut."""
    return page.locator(f"svg[data-side={name}]")


def layer(page: Page, name: str, of: str) -> Locator:
    return side(page, of).locator(f'[data-layer="{name}"]')


def scrolled(page: Page) -> list[float]:
    """How far down both are."""
    return [side(page, name).evaluate("svg => svg.parentElement.scrollTop") for name in ("whole", "cut")]


def test_both_networks_are_searched_walked_scrolled_and_clicked_together(visit):
    page = visit(LINK)
    page.get_by_text("The whole and the cut network, layer by layer").click()
    expect(side(page, "cut")).to_be_visible()
    rest(page)
    assert page.locator(".sides h4").all_inner_texts() == [
        "Whole network: 40.6 M MACs, 270 k parameters",
        "Planned network: 20.3 M MACs, 133 k parameters",
    ]
    assert scrolled(page) == [0, 0]
    page.get_by_label("Find a layer").fill("layer3.1")
    expect(page.locator("output.found")).to_have_text("1 of 3")
    one, other = scrolled(page)
    assert one == other > 500
    page.keyboard.press("ArrowDown")  # into the drawing, then on from layer to layer
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    standing = side(page, "whole").locator("[tabindex='0']")
    expect(standing).to_be_focused()
    assert standing.get_attribute("aria-label") == "Whole: layer3.1.conv2, convolution, 64 channels"
    page.keyboard.press("/")
    expect(page.get_by_label("Find a layer")).to_be_focused()
    side(page, "whole").evaluate("svg => { svg.parentElement.scrollTop = 200; }")
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].flatMap(e => e.shadowRoot ? "
        "[...e.shadowRoot.querySelectorAll('.scroll')] : []).every(e => e.scrollTop === 200)"
    )
    layer(page, "layer1.1.conv1", "cut").click()
    for of in ("whole", "cut"):
        expect(layer(page, "layer1.1.conv1", of)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".told")).to_contain_text("8 of 16 (50 %) channels")
    assert float(page.locator(".sides").get_attribute("data-click-ms")) > 0
    expect(page).to_have_url(re.compile("group=layer1.1.conv1"))
    rest(page)
    picture(page, "layers-side-by-side")
    page.get_by_role("link", name="Open layer1.1.conv1 on Channels").click()
    expect(page.get_by_role("combobox", name=re.compile("Group"))).to_have_value("layer1.1.conv1")
