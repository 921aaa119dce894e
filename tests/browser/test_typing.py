"""What is typed while a page still fills: it is there when the page is."""

from playwright.sync_api import expect

from tests.browser.walk import rest

RANDOM = (
    "/?model=resnet20&data=digits&checkpoint=none&criterion=l1&repair=recalibrate&calibration=20&tour=off"
)


def test_a_form_stays_open_and_keeps_what_is_typed_while_the_page_fills(first_visit):
    """On a server that has just started: its workers have to start too before the figures above are there."""
    page = first_visit(RANDOM)
    page.get_by_text("Your own network, data or seed").click()
    seed = page.get_by_label("Seed", exact=True)
    seed.fill("7")
    expect(page.get_by_role("figure", name="Treemap of the layers")).to_be_visible()
    rest(page)
    expect(seed).to_be_visible()
    expect(seed).to_have_value("7")
    expect(seed).to_be_focused()
