"""Somebody who has never seen the app: from the first paint to a network that runs elsewhere."""

import re

import numpy as np
from playwright.sync_api import Page, expect

import pruning
from pruning import Recipe
from pruning.terms import percent
from pruning.ui.wall.shown import shipped_for
from tests.browser.walk import metric, picture, rest, right_of_digits, take_away, wall, wrong


def drag(page: Page, share: float) -> tuple[set[str], list[float]]:
    """Drags the slider to a share of its way; the cuts drawn and the milliseconds taken, before release."""
    slider = page.get_by_role("slider", name=re.compile("work cut"))
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    at = int(slider.input_value()) / int(slider.get_attribute("max"))
    page.mouse.move(box["x"] + box["width"] * at, box["y"] + box["height"] / 2)
    page.mouse.down()
    drawn, took = set(), []
    for step in np.linspace(at, share, 20):
        page.mouse.move(box["x"] + box["width"] * step, box["y"] + box["height"] / 2)
        drawn.add(wall(page).get_attribute("data-cut"))
        took.append(float(page.locator(".walls").get_attribute("data-draw-ms")))
    page.mouse.up()
    return drawn, took


def test_the_wall_follows_the_hand_and_repair_turns_pictures_back(visit):
    page = visit("/")
    expect(wall(page)).to_be_visible()
    picture(page, "start")
    assert wrong(page) > 20  # at first sight half of the work is cut
    drawn, took = drag(page, 0.02)
    assert len(drawn) > 5 and np.median(took) < 16  # a frame, while the button is still down
    expect(page.locator(".count")).to_contain_text("full network")
    full = wrong(page)
    assert full <= 8
    drag(page, 0.6)  # of the way, which is half of the work
    raw = wrong(page)
    page.get_by_text("Repair (no labels)").click()
    expect(wall(page)).to_have_attribute("data-state", "repaired")
    assert wrong(page) <= full + 6 < raw - 15  # most pictures come back
    expect(page).to_have_url(re.compile("repaired=1"))  # the link opens exactly this
    shown, cut = page.locator(".all").inner_text(), float(wall(page).get_attribute("data-cut"))
    told = shipped_for(Recipe())
    right = [told.correct[state][told.cuts.index(cut)] for state in (0, 1)]
    assert shown == f"Of 500 test pictures {right[0]} right, repaired: {right[1]}, full network: 466."
    rest(page)
    picture(page, "start-repaired")


def test_from_the_wall_to_a_smaller_network_that_runs_elsewhere(visit, tmp_path):
    page = visit("/")
    card = page.get_by_test_id("stVerticalBlock").filter(has_text="ResNet-20 on digits").last
    card.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text("ResNet-20 on digits looks at 60 test pictures")).to_be_visible()
    page.get_by_role("button", name="See which channels").click()
    expect(page.get_by_role("heading", name="Which channels go?")).to_be_visible()
    expect(page.get_by_text("ResNet-20 on digits: each row is a channel group")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Prune it").click()
    steps = page.get_by_role("spinbutton", name="Steps of matching")
    steps.fill("5")
    steps.press("Enter")
    expect(page).to_have_url(re.compile("match_steps=5"))
    epochs = page.get_by_role("spinbutton", name="Epochs of fine-tuning")
    epochs.fill("1")
    epochs.press("Enter")
    expect(page).to_have_url(re.compile("epochs=1"))
    page.get_by_role("button", name="Prune and fine-tune").click()
    expect(page.get_by_role("heading", name="Take it away", exact=True)).to_be_visible(timeout=180_000)
    rest(page)
    picture(page, "prune-done")
    shown, file = metric(page, "Fine-tuned").inner_text(), take_away(page, tmp_path)
    assert percent(right_of_digits(file)) in shown
    assert sum(weight.numel() for weight in pruning.load(file).parameters()) < 150_000  # of 270,000
