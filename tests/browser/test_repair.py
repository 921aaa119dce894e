"""What a cut costs once it is repaired: counted while one looks, and only as long."""

import re

from playwright.sync_api import expect

from tests.browser.server import busiest_worker
from tests.browser.walk import go, metric, picture, rest

LINK = "/Prune?data=digits&size=16&calibration=200&criterion=l1&allocation=error&repair=reconstruct&threads=1"
LARGEST = re.compile(r"Largest cut within 1 point: (\d+) %")


def test_the_curve_fills_in_and_its_largest_free_cut_is_one_click_away(visit):
    page = visit(LINK)
    expect(page.get_by_text(re.compile(r"[1-9] cuts? measured, \d of \d repaired"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"cuts? measured, [1-9] of \d repaired"))).to_be_visible()
    picture(page, "prune-curve-grows")
    expect(page.get_by_text(re.compile("brings .* back to"))).to_be_visible()
    expect(page.get_by_text(re.compile("cuts? measured"))).to_have_count(0)  # all are there
    button = page.get_by_role("button", name=LARGEST)
    largest = int(LARGEST.search(button.inner_text())[1])
    button.click()
    expect(page).to_have_url(re.compile(rf"[?&]cut=0\.{largest:02d}".rstrip("0")))
    expect(metric(page, "Repaired")).not_to_contain_text("≈")
    expect(page.get_by_text(re.compile("Expected after least-squares reconstruction"))).to_be_visible()
    picture(rest(page), "prune-curve")


def test_leaving_the_page_ends_what_was_counted_for_it(visit, server):
    page = visit(LINK.replace("calibration=200", "calibration=1000"))
    expect(page.get_by_text(re.compile(r"[1-9] cuts? measured, \d of \d repaired"))).to_be_visible()
    go(page, "Gates")
    page.wait_for_timeout(2000)  # a count that runs looks up between its batches
    assert busiest_worker(server).cpu_percent(1.0) < 40
    go(page, "Prune")
    expect(
        page.get_by_text(re.compile(r"cuts? measured, [1-9] of \d repaired"))
    ).to_be_visible()  # it goes on
