"""Every page in both themes by axe-core: no serious violation of WCAG 2.1 AA. Start by the keyboard alone."""

import importlib.util
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pruning.ui.page import places
from tests.browser.walk import go, rest, wall, wrong

RULES = ["wcag2a", "wcag2aa", "wcag21aa"]
CHECK = """async rules => (await axe.run(document, {runOnly: rules})).violations.map(
  found => [found.impact, found.id, found.nodes[0].html.slice(0, 200)])"""


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core's script, which a development dependency brings along."""
    spec = importlib.util.find_spec("axe_playwright_python")
    if spec is None:
        assert not os.environ.get("CI"), "pip install -r requirements-dev.txt"
        pytest.skip("axe-core is not installed: pip install -r requirements-dev.txt")
    return (Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page, axe: str) -> list[tuple[str, str, str]]:
    page.evaluate(axe)
    return [tuple(found) for found in page.evaluate(CHECK, RULES) if found[0] in ("serious", "critical")]


def test_no_page_has_a_serious_violation(visit, axe):
    found, page = {}, visit("/")
    for name in places():
        if name != "Start":
            go(page, name)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            expect(page.get_by_test_id("stApp")).to_have_css("color-scheme", theme)
            found[name, theme] = violations(rest(page), axe)
    assert not {where: told for where, told in found.items() if told}


def test_a_missing_name_and_faint_text_are_found(browser, axe):
    page = browser.new_page()
    page.set_content('<html lang="en"><title>x</title><p style="color:#aaa">faint</p><input></html>')
    assert {told for _, told, _ in violations(page, axe)} == {"color-contrast", "label"}
    page.close()


def focused(page: Page) -> str:
    """The focused element's own name, also inside a component."""
    return page.evaluate("""() => {
      let at = document.activeElement;
      while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
      return at?.id || at?.innerText?.trim() || '';
    }""")


def tab_to(page: Page, name: str):
    for _ in range(40):
        page.keyboard.press("Tab")
        if focused(page) == name:
            return
    raise AssertionError(f"{name} is not reached by the keyboard")


def test_start_is_walked_by_the_keyboard_alone(visit):
    page = visit("/")
    expect(wall(page)).to_be_visible()
    before = wrong(page)
    tab_to(page, "cut")
    page.keyboard.press("ArrowRight")
    assert wrong(page) != before
    tab_to(page, "repair")
    page.keyboard.press("Space")
    expect(wall(page)).to_have_attribute("data-state", "repaired")
    assert wrong(page) < before
    rest(page)
    tab_to(page, "Prune it")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/Prune"))
