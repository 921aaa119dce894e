"""A comparison from the page: begun, seen to fill, cut off with its server, gone on with, looked into."""

import re
from contextlib import closing, suppress

import psutil
from playwright.sync_api import Page, expect

from pruning.runs.comparison_folder import RESULTS
from pruning.runs.comparison_points import read_results
from pruning.runs.kept_comparisons import kept_comparison
from tests.browser.conftest import running, visitors
from tests.browser.walk import picture, rest
from tests.processes import held, until

LISTS = "criteria:l1|random;cuts:0.3|0.5;allocations:uniform;repairs:recalibrate;seeds:1;controls:0"
LINK = f"/Compare?data=digits&criterion=l1&threads=1&calibration=300&size=16&lists={LISTS}"


def test_a_comparison_outlives_its_server_and_its_runs_open_on_prune(browser, started, tmp_path):
    with running(tmp_path, started) as server, closing(browser.new_page()) as page:
        page.goto(server.url + LINK)
        rest(page)
        expect(page.get_by_text("Repair makes")).to_be_visible()
        tab(page, "New comparison")
        expect(page.get_by_test_id("stMetricValue")).to_have_text("4")
        page.get_by_role("button", name="Compare", exact=True).click()
        expect(page.get_by_text(re.compile("of 4 runs"))).to_be_visible()
        id = re.search(r"comparison=(\w+)", page.url)[1]
        until(lambda: ended(id))
        everything = [server.process, *server.process.children(recursive=True)]
        with held(everything[1:]):  # else the rest might end while the page loads
            page.reload()
            expect(page.get_by_text(re.compile("^[1-3] finished"))).to_be_visible()
            expect(page.get_by_text(re.compile("[0-3] of 4 runs"))).to_be_visible()
            expect(page.get_by_role("button", name="Cancel")).to_be_visible()
            picture(page, "compare-running")
            server.process.kill()
        psutil.wait_procs(everything, timeout=600)
        until(lambda: not any(process.is_running() for process in everything))

    with running(tmp_path, started) as server, visitors(browser, server) as visit:
        page = visit(f"/Compare?data=digits&comparison={id}")
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("button", name="Cancel")).to_be_visible()
        expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
        expect(page.get_by_role("heading", name="Every choice")).to_be_visible()
        rows = read_results(kept_comparison(id).folder)
        assert len(rows) == rows["run"].nunique() == 4 and set(rows["status"]) == {"finished"}
        rest(page)
        picture(page, "compare-done")
        with page.expect_download() as download:
            page.get_by_role("button", name="All columns as CSV").click()
        assert download.value.path().read_text().count("\n") == 5
        tab(page, "Kept runs")
        expect(page.get_by_text(re.compile("1 to .*, the newest first"))).to_be_visible()
        tab(page, "Results")
        click_point(page)
        is_a_run_on_prune(page)


def is_a_run_on_prune(page: Page):
    expect(page).to_have_url(re.compile("/Prune.*kept="))
    expect(page.get_by_text(re.compile("test accuracy .* full network"))).to_be_visible()
    expect(page.get_by_role("button", name="Network (zip)")).to_be_visible()


def ended(id: str) -> int:
    """How many of a comparison's runs have their row."""
    results = kept_comparison(id).folder / RESULTS
    return results.read_bytes().count(b"\n") - 1 if results.exists() else 0


def tab(page: Page, name: str):
    page.get_by_role("tab", name=name).click()
    rest(page)


def click_point(page: Page):
    """The first point of the chart of points, as one clicks it."""
    chart = page.get_by_role("img", name="Accuracy of every choice")
    points = (chart if chart.count() else page.locator(".js-plotly-plot").nth(1)).locator(".point")
    for _ in range(20):
        points.first.scroll_into_view_if_needed()
        box = points.first.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_timeout(200)
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        with suppress(AssertionError):
            return expect(page).to_have_url(re.compile("/Prune"), timeout=3000)
