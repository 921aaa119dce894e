"""A lesson in a browser: what it hides is gone, and its exercises lead to a network that is taken home."""

import re
import time
from pathlib import Path

from playwright.sync_api import Page, expect

from pruning.terms import percent
from pruning.ui.learn import answers
from pruning.ui.learn.exercises import EXERCISES
from tests.browser.walk import go, metric, picture, rest, right_of_digits, take_away, wall, wrong

LESSON = "lesson=Monday&hide=criterion,tour"


def do(page: Page, name: str) -> Page:
    """From the list of exercises to where one leads."""
    exercise = page.locator(f".st-key-exercise-{name}")
    exercise.get_by_role("link", name="Open it on").click()
    expect(page).to_have_url(re.compile("lesson=Monday"))
    return rest(page)


def answer(page: Page, name: str):
    """Back on Learn, where the list still stands."""
    go(page, "Learn")
    exercise = page.locator(f".st-key-exercise-{name}")
    exercise.get_by_text("Answer", exact=True).click()
    plain = re.sub(r"[*]", "", answers.AT_ONCE[name]())
    expect(exercise).to_contain_text(plain)


def test_a_lesson_with_three_exercises_ends_with_a_network_taken_home(visit, tmp_path: Path, record_property):
    begun = time.monotonic()
    page = visit(f"/Learn?article=exercises&{LESSON}")
    do(page, "wreck")
    expect(page.locator(".count")).to_contain_text("60 % of the work cut")
    assert wrong(page) > 40
    expect(page.locator(".st-key-network")).to_be_hidden()  # the class has one network
    expect(page.locator(".st-key-widget-criterion")).to_be_hidden()
    page.get_by_text("Repair (no labels)").click()
    expect(wall(page)).to_have_attribute("data-state", "repaired")
    assert wrong(page) < 10
    picture(page, "lesson-start")
    go(page, "Learn")
    expect(page.locator(".st-key-exercise-equal-accuracy")).to_be_visible()
    do(page, "equal-accuracy")
    expect(wall(page)).to_have_count(2)
    answer(page, "equal-accuracy")
    do(page, "repair-or-train")
    page.get_by_role("button", name=re.compile("^Prune and fine-tune$")).click()
    expect(page.get_by_role("heading", name="Take it away", exact=True)).to_be_visible()
    rest(page)
    file = take_away(page, tmp_path)
    told = f"{time.monotonic() - begun:.0f} s from the link through three exercises to a network taken home"
    record_property("counted", told)
    assert percent(right_of_digits(file)) in metric(page, "Fine-tuned").inner_text()
    assert EXERCISES["repair-or-train"].recipe.epochs == 1


def test_a_projector_shows_larger_type(visit):
    sizes = []
    for query in ("", "&projector=1"):
        page = visit(f"/Learn?article=di{query}")
        sizes.append(float(page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")))
    assert sizes[1] > sizes[0] * 1.2
    picture(page, "learn-projector")
