"""Undo by its keys, which take back what was typed where one types."""

import re

from playwright.sync_api import expect

from tests.browser.walk import picture, rest


def test_keys_undo_a_choice_and_in_a_text_field_what_was_typed(visit):
    page = visit("/Prune?data=digits&criterion=l1&cut=0.3&calibration=60&threads=1&epochs=0")
    page.get_by_role("slider", name="Cut (%)").first.press("ArrowRight")
    expect(page).to_have_url(re.compile("cut=0.31"))
    expect(page.get_by_role("button", name=re.compile("^Undo"))).to_be_enabled()
    rest(page)
    epochs = page.get_by_role("spinbutton", name="Epochs of fine-tuning")
    epochs.press("End")
    epochs.press_sequentially("7")
    epochs.press("Control+z")
    expect(epochs).to_have_value("0")
    epochs.blur()
    rest(page)
    expect(page).to_have_url(re.compile("cut=0.31"))
    page.keyboard.press("Control+z")
    expect(page).to_have_url(re.compile("cut=0.3(&|$)"))
    expect(page.get_by_role("button", name=re.compile("^Redo"))).to_be_enabled()
    rest(page)  # the link is that of now before the page has drawn its buttons
    page.keyboard.press("Control+Shift+z")
    expect(page).to_have_url(re.compile("cut=0.31"))
    picture(rest(page), "undo")
