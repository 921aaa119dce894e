"""The Gates page from its link to a network without zeros, with a reload in the middle of the training."""

import re

from playwright.sync_api import Page, expect

import pruning
from pruning.terms import percent
from pruning.train import evaluate
from tests.browser.walk import metric, picture, rest
from tests.processes import held

LINK = "/Gates?data=digits&size=16&epochs=2&threads=1"
HISTOGRAM = "Histogram of the gates"
HEAPS = """plot => plot._fullData.filter(bars => bars.type == 'bar').map(
    bars => [bars.name, bars.xaxis, Array.from(bars.x), Array.from(bars.y)])"""


def heaps(page: Page, axis: str) -> list[tuple[float, float]]:
    """(place, share in percent) of the bars of one histogram in the figure of the whole training."""
    plot = page.get_by_label("Histograms of the gates at the start").locator(".js-plotly-plot")
    bars = [bars for bars in plot.first.evaluate(HEAPS) if bars[1] == axis]
    return [pair for _, _, x, y in bars for pair in zip(x, y, strict=True)]


def test_gates_are_trained_seen_again_after_a_reload_and_their_zeros_removed(visit, server, tmp_path):
    page = visit(LINK)
    expect(page.get_by_role("heading", name="Gates that close channels in training")).to_be_visible()
    expect(page.get_by_label("The gate over t, and its slope").first).to_be_visible()
    picture(page, "gates-start")
    page.get_by_role("button", name="Train the gates").click()
    expect(page.get_by_label(HISTOGRAM).first).to_be_visible()
    with held(server.process.children(recursive=True)):  # else it might end while the page loads
        page.reload()
        expect(page).to_have_url(re.compile("job=.*"))
        chart = page.get_by_label(HISTOGRAM).locator("canvas, svg").first
        expect(chart).to_be_visible()
        drawn, before = chart.element_handle(), metric(page, "eps").inner_text()
    expect(metric(page, "eps")).not_to_have_text(before, use_inner_text=True)
    assert drawn.evaluate("chart => chart.isConnected")  # it moved, and was not mounted anew
    picture(page, "gates-middle")

    remove = page.get_by_role("button", name="Remove the zeros")
    expect(remove).to_be_visible()
    rest(page)
    first, last = heaps(page, "x"), heaps(page, "x3")
    assert sum(share for place, share in first if 0.4 < place < 0.6) > 99
    assert sum(share for place, share in last if 0.05 < place < 0.5) <= 2
    assert sum(share for place, share in last if place < 0.05) > 10
    picture(page, "gates-end")
    remove.click()
    expect(page.get_by_text("Largest difference of any output before and after")).to_be_visible()
    expect(page.get_by_role("heading", name="Take it away", exact=True)).to_be_visible()
    rest(page)
    picture(page, "gates-removed")
    right = re.compile(r"[\d.]+ %")
    gated, after = (right.search(metric(page, name).inner_text())[0] for name in ("Gated", "Zeros removed"))
    assert gated == after
    expect(metric(page, "MACs")).to_contain_text(re.compile("-(49|50|51)"))

    with page.expect_download() as download:
        page.get_by_role("button", name="Network (zip)").click()
    download.value.save_as(tmp_path / "small.zip")
    small, data = pruning.load(tmp_path / "small.zip"), pruning.load_data("digits", size=16)
    assert percent(evaluate(small, data.test, normalization=small.origin.normalization).value) == after
