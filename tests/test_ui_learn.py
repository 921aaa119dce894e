"""The Learn page without a browser: articles, exercises, the glossary, and lessons."""

import re
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import pytest

from pruning.experiment import Recipe
from pruning.figures.method_style import CUT, LOOKS
from pruning.inspection.label_shuffling import LabelTest
from pruning.inspection.repair_against_tuning import repaired_and_tuned
from pruning.runs.kept_comparisons import BUNDLED
from pruning.shipped import questions, store
from pruning.tasks import Difference
from pruning.terms import GLOSSARY, percent, title
from pruning.ui import criterion_duel
from pruning.ui.compress import subtask, worker_questions
from pruning.ui.learn import answers, glossary
from pruning.ui.learn.articles import TITLES, article
from pruning.ui.learn.exercises import EXERCISES
from pruning.ui.page import places
from pruning.ui.prune import cut_preview
from pruning.ui.state import read_link
from tests.page_door import link_of, open_page, said
from tests.shipped_walls import shipped_wall
from tests.small_data import write_npz


@pytest.mark.parametrize("name", TITLES)
def test_an_article_opens_by_its_link(name):
    page = open_page("6_Learn", article=name)
    assert not page.exception
    assert page.header[0].value == article(name).title
    assert article(name).before in said(page) and article(name).after in said(page)
    assert link_of(page).get("article", "channel") == name


def test_an_article_is_chosen_on_the_page():
    page = open_page("6_Learn")
    assert page.header[0].value == article("channel").title
    page.segmented_control(key="widget article").set_value("di").run()
    assert page.header[0].value == article("di").title and link_of(page)["article"] == "di"


def test_a_link_to_no_article_is_told_what_would_be_right():
    page = open_page("6_Learn", article="cpott")
    assert "cpot" in page.error[0].value and not page.exception


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_is_a_link_that_sets_the_app(name):
    exercise = EXERCISES[name]
    recipe, looked = read_link(exercise.query)
    assert recipe == exercise.recipe and looked == exercise.look
    assert exercise.page in places() and exercise.question.endswith((".", "?"))
    assert (name in answers.MEASURED) == exercise.measured != (name in answers.AT_ONCE)


def test_the_page_shows_every_answer_that_is_there():
    page = open_page("6_Learn", article="exercises")
    for name in answers.AT_ONCE:
        page.session_state[f"answer {name}"] = True
    page.run()
    assert not page.exception
    for name in answers.AT_ONCE:
        assert EXERCISES[name].question in said(page) and answers.AT_ONCE[name]() in said(page)


def counted(criterion: str, state: int, cut: float) -> int:
    wall = shipped_wall(Recipe().but(criterion=criterion))
    return round(wall.values[state][wall.cuts.index(cut)] * wall.asked)


def test_two_criteria():
    text = answers.two_criteria()
    before = f"CATRO has {counted('catro', 0, 0.5):,} right and L1 norm {counted('l1', 0, 0.5):,}"
    assert before in text
    assert f"{counted('catro', 1, 0.5):,} against {counted('l1', 1, 0.5):,}" in text
    runs = pd.read_csv(BUNDLED / "scenes" / "results.csv").query(
        "allocation == 'error' and repair == 'recalibrate'"
    )
    means = runs.groupby("criterion")["accuracy_repaired"].mean()
    told = float(re.search(r"comparison says: ([+-][\d.]+) %", text)[1])
    assert told == pytest.approx(100 * (means["catro"] - means["l1"]), abs=0.051)
    assert "no difference shown" in text


def test_good_widths():
    table, text = pd.read_csv(BUNDLED / "scenes" / "results.csv"), answers.good_widths()
    table["ended"] = table["accuracy_repaired"].fillna(table["accuracy_cut"])
    mean = table.groupby(["criterion", "allocation", "repair"])["ended"].mean()
    for repair in ("none", "recalibrate", "match"):
        for criterion in ("random", "l1"):
            good, plain = mean[criterion, "error", repair], mean[criterion, "uniform", repair]
            assert percent(good) in text and percent(plain) in text
            helped = repair == "recalibrate" or (criterion, repair) == ("l1", "none")
            assert good > plain + 0.01 if helped else abs(good - plain) < 0.005
    for repair in ("none", "recalibrate"):  # what the last sentences claim
        assert mean["random", "error", repair] < mean["l1", "uniform", repair] - 0.1
    assert abs(mean["random", "error", "match"] - mean["l1", "uniform", "match"]) < 0.01


def test_equal_accuracy():
    text, cut = answers.equal_accuracy(), 0.5
    assert counted("reconstruction", 0, cut) == counted("l1", 0, cut)
    walls = [shipped_wall(Recipe().but(criterion=name)) for name in ("reconstruction", "l1")]
    ours, theirs = (wall.right[0][wall.cuts.index(cut)] for wall in walls)
    assert f"{sum(ours != theirs)} images on which they differ" in text


def test_work_time_and_a_wreck():
    table = pd.read_csv(BUNDLED / "scenes" / "results.csv")
    time = np.median(table["latency_final"] / table["latency_baseline"])
    assert f"{percent(time, 0)} of the time" in answers.macs_and_time() and time > 0.6
    text = answers.wreck()
    assert f"{counted('reconstruction', 0, 0.6):,} of 2,000" in text
    assert f"repaired, {counted('reconstruction', 1, 0.6):,}; the full network has 1,888" in text


def test_a_gate_that_never_moves_opens_by_the_schedule_alone():
    t = np.sqrt(0.1)
    start, end = (t**2 / (t**2 + eps) for eps in (0.1, 1e-4))
    text = answers.schedule_alone()
    assert f"every gate is {start:.2f}" in text and f"every gate is {end:.3f}" in text


def test_few_bits():
    recipe, text = Recipe(bits=2.25), answers.few_bits()
    ways = store.value(recipe, questions.bits(recipe).place).ways
    assert ways["uniform"].value < ways["di"].value - 0.1  # below four bits it matters who gets them
    assert f"2.25 bits: {percent(ways['di'].value)} with bits by DI, {percent(ways['uniform'].value)}" in text


def test_repair_is_compared_with_fine_tuning(monkeypatch, tmp_path):
    monkeypatch.setenv("PRUNING_TIMING_SECONDS", "0.1")
    data = str(write_npz(tmp_path / "digits.npz"))
    recipe = Recipe(data=data, checkpoint="none", criterion="l1", repair="recalibrate", epochs=1, threads=1)
    found = repaired_and_tuned(recipe)
    assert found.images > 0 and found.labels > 0 and found.steps == -(-found.labels // 64)
    assert found.lead.mean == pytest.approx(found.repaired - found.tuned)
    assert percent(found.repaired) in answers.repair_or_train(found)
    with pytest.raises(ValueError, match="at least one epoch"):
        repaired_and_tuned(recipe.but(epochs=0))


def test_what_is_measured_here_is_what_the_other_pages_measure():
    assert answers.MEASURED["shuffled-labels"][0] is criterion_duel.ask_labels
    assert answers.MEASURED["three-classes"] == (worker_questions.subtask, subtask.in_words)
    shuffles = pd.DataFrame({"seed": [0], "cut": [40], "differ": [6], "true": [0.5], "shuffled": [0.6]})
    test = LabelTest("di", 100, shuffles, Difference(0.1, 0.05, 0.15), 0.01, False)
    assert "6 of the 40 cut channels" in answers.shuffled_labels(test)


def test_the_glossary_says_what_tooltips_say():
    page = open_page("6_Learn", article="glossary")
    assert not page.exception
    for heading, known in glossary.entries().items():
        assert heading in [element.value for element in page.subheader]
        for told in known.values():
            assert told in said(page).replace("**", "") and told.endswith("."), told
    assert Recipe.__dataclass_fields__["cut"].metadata["help"] in said(page).replace("**", "")
    assert GLOSSARY["MACs"] == cut_preview.MACS


def test_every_page_says_what_the_colours_mean():
    page = open_page("6_Learn")
    shown = "".join(element.proto.body for element in page.sidebar.get("html"))
    assert CUT in shown and all(title(name) in shown for name in LOOKS)


def test_a_lesson_hides_by_name_what_it_names_and_what_would_give_other_numbers():
    page = open_page("6_Learn", lesson="Monday ![x](y)", hide="criterion,downloads")
    styles = "".join(element.proto.body for element in page.get("html"))
    for rule in (
        ".st-key-widget-criterion",
        '[class*="st-key-take-"]',
        ".st-key-network",
        ".st-key-widget-seed",
    ):
        assert rule in styles
    assert not [one for one in page.toggle if one.label == "Lesson view"]  # students stay in it
    assert [text.value for text in page.sidebar.text] == ["Monday ![x](y)"]  # never as Markdown


def test_a_lesson_is_made_of_a_view_and_opens_as_made():
    page = open_page("6_Learn", criterion="di", article="di")
    page.session_state["make a lesson"] = True  # what a click on it does
    page.run()
    page.text_input(key="lesson name").set_value("DI on Monday").run()
    page.multiselect(key="lesson hides").set_value(["network", "criterion"]).run()
    page.toggle(key="lesson large").set_value(True).run()
    query = dict(parse_qsl(page.code[0].value.partition("?")[2]))
    made = {"lesson": "DI on Monday", "hide": "criterion", "projector": "1"}
    assert query == {"criterion": "di", "article": "di"} | made
    opened = open_page("6_Learn", **query)
    assert not opened.exception and link_of(opened) == query
    styles = "".join(element.proto.body for element in opened.get("html"))
    assert "font-size" in styles and '[class*="st-key-table-"]' in styles  # fewer panels
    refused = open_page("6_Learn", lesson="x", hide="criterium")
    assert "criterion" in refused.error[0].value
