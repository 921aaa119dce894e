"""What goes wrong in a page, in a part of it or in a callback is one sentence, and the log has the trace."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pruning import error_messages
from pruning.ui import guard, start, state
from tests.front_door import REPOSITORY
from tests.page_door import open_page

pytestmark = pytest.mark.usefixtures("server")


def goes_wrong(*arguments):
    return {}["no such key"]


def asks_for_another_value(*arguments):
    raise ValueError("cut is 2; give a share from 0 to below 1")


def of_a_library(*arguments):
    return [].index("nothing")


def as_page(wrong: Callable) -> Callable:
    return wrong


def as_part(wrong: Callable) -> Callable:
    return st.fragment(wrong)


def as_callback(wrong: Callable) -> Callable:
    return lambda recipe: st.button("Press", on_click=wrong)


def told(app: AppTest) -> list[str]:
    """The sentences of failure, at the top of the page or in it."""
    return [element.value for element in (*app.error, *app.warning)]


@pytest.mark.parametrize(
    ("place", "words"),
    [(as_page, guard.PAGE), (as_part, guard.PART), (as_callback, guard.CALLBACK)],
    ids=lambda part: getattr(part, "__name__", ""),
)
@pytest.mark.parametrize("wrong", [goes_wrong, of_a_library])
def test_what_goes_wrong_is_a_sentence_and_the_log_has_the_trace(place, words, wrong, monkeypatch, traces):
    monkeypatch.setattr(start, "cards", place(wrong))
    app = open_page(data="digits", criterion="l1")
    if place is as_callback:
        assert not traces
        next(button for button in app.button if button.label == "Press").click().run()
        assert app.title and [b.label for b in app.button if b.label == "Press"]  # the page is there
    assert told(app) == [words + guard.LOG] and not app.exception
    (trace,) = traces
    assert wrong.__name__ in trace and "Error" in trace
    traces.clear()
    monkeypatch.undo()
    if place is not as_callback:
        next(button for button in app.button if button.label == "Try again").click()
    assert not told(app.run())


@pytest.mark.parametrize("place", [as_page, as_part, as_callback])
def test_what_a_person_gave_is_told_in_its_own_words(place, monkeypatch, traces):
    monkeypatch.setattr(start, "cards", place(asks_for_another_value))
    monkeypatch.setattr(error_messages, "PACKAGE", Path(__file__).parent)
    app = open_page(data="digits", criterion="l1")
    if place is as_callback:
        next(button for button in app.button if button.label == "Press").click().run()
    assert told(app) == ["cut is 2; give a share from 0 to below 1"] and not app.exception
    assert len(traces) == 1
    traces.clear()


def test_one_can_start_afresh(monkeypatch, traces):
    monkeypatch.setattr(start, "cards", goes_wrong)
    app = open_page(data="digits", criterion="l1", beside="l2")
    traces.clear()
    monkeypatch.undo()
    next(button for button in app.button if button.label == "Start afresh").click().run()
    assert not told(app) and not app.query_params and app.title


# every field at a value that a recipe takes and a slider or number field does not offer by itself
BEYOND = {"cut": "0.985", "lr": "1e-7", "epochs": "2000", "max_cut_per_group": "0.99", "min_channels": "40"}
BEYOND |= {"round_to": "64", "batch_size": "5", "distill": "true", "distill_temperature": "0.1"}
BEYOND |= {"allocation": "greedy", "search_images": "1", "search_temperature": "0.2", "search_every": "999"}
BEYOND |= {"repair": "match", "match_steps": "20000", "bits": "7.3", "bits_epochs": "3000"}


@pytest.mark.parametrize("page", ["", *(path.stem for path in sorted((REPOSITORY / "pages").glob("*.py")))])
@pytest.mark.parametrize("criterion", ["l1", "cpot", "gdp"])
def test_a_link_s_values_beyond_what_a_widget_offers_are_shown(page, criterion):
    link = BEYOND | {"criterion": criterion, "data": "digits"}
    if criterion == "gdp":
        link |= {"allocation": "global", "gate_epochs": "1"}
    app = open_page(page, **link)
    assert app.title and not app.exception
    if page == "2_Prune" and criterion == "l1":
        assert (
            app.slider(key="widget cut").value == 98 and app.number_input(key="widget epochs").value == 2000
        )


def test_a_widget_of_another_criterion_changes_nothing(monkeypatch):
    """A page that is on its way out asks for an option that the new criterion has not."""
    button = {"on_click": state.edit_option, "args": ("cpot", "distribution", "maps")}
    monkeypatch.setattr(start, "cards", lambda recipe: st.button("Compare by maps", **button))
    app = open_page(data="digits", criterion="di")
    next(button for button in app.button if button.label == "Compare by maps").click().run()
    assert not told(app) and "distribution" not in app.query_params
