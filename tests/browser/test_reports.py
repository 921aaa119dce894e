"""Reports of a run and of a comparison in a browser that has no network."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from pruning.html_report.command import write
from pruning.html_report.comparison_tables import ROWS
from tests.reported import expected_of_run
from tests.test_html_report import SAVED, SHIPPED

NUMBERS = "all => all.map(one => [one.dataset.name, one.dataset.value])"
PAPER = "() => getComputedStyle(document.body).backgroundColor"


@pytest.fixture
def opened(browser, tmp_path):
    """opened(folder, scheme): the page of what a folder holds, which has asked for nothing."""
    contexts, asked, said = [], [], []

    def open_page(folder, scheme="light"):
        file = write(folder, tmp_path / f"{folder.name}.html")
        contexts.append(browser.new_context(offline=True, color_scheme=scheme))
        contexts[-1].on("request", lambda request: asked.append(request.url))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not said and {url.partition("?")[0] for url in asked} <= {
        (tmp_path / f"{folder.name}.html").as_uri() for folder in (SAVED / "plain", SHIPPED)
    }


def picture(page, name: str):
    """The whole page as SCREENSHOTS/name.png, where that folder is named in the environment."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("scheme, paper", [("light", "rgb(255, 255, 255)"), ("dark", "rgb(21, 24, 28)")])
def test_a_run_s_report_opens_without_a_network_and_says_its_numbers(opened, scheme, paper):
    page = opened(SAVED / "plain", scheme)
    told = dict(page.eval_on_selector_all("[data-name]", NUMBERS))
    wanted = expected_of_run(json.loads((SAVED / "plain" / "report.json").read_text()))
    assert {name: told[name] for name in wanted} == wanted
    assert page.evaluate(PAPER) == paper
    assert page.get_by_role("img", name="Accuracy against MACs").is_visible()
    picture(page, f"report-run-{scheme}")
    with page.expect_download() as download:
        page.get_by_role("link", name="report.json").click()
    assert download.value.path().read_bytes() == (SAVED / "plain" / "report.json").read_bytes()


def test_a_comparison_s_report_opens_without_a_network_and_says_its_numbers(opened):
    page = opened(SHIPPED)
    told = dict(page.eval_on_selector_all("[data-name]", NUMBERS))
    rows = pd.read_csv(SHIPPED / "results.csv")[:ROWS].to_dict("records")
    for row in rows:
        for name in ("accuracy_cut", "macs_final"):
            assert float(told[f"{row['run']}.{name}"]) == row[name]
    page.get_by_text(f"{len(rows)} runs", exact=True).click()
    assert page.get_by_role("cell", name="finished").first.is_visible()
    picture(page, "report-comparison-light")
