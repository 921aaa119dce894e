"""Three views of one page: what is planned, the run at work, and what came of it. The one that matters now is
opened by itself, once; from then on the person chooses. What is not looked at is not computed."""

from collections.abc import Callable

import streamlit as st

from pruning.ui import state
from pruning.ui.prune import run_job

PLAN, RUN, RESULT = "Plan", "Run", "Result"
VIEWS = (PLAN, RUN, RESULT)
KEY = "view of the page"


def show(page: str, plan: Callable[[], None]):
    """Draws the view that is looked at. page: its name: each page remembers its own view.   plan: draws what
    is planned there; run and result are the same on every page."""
    for place, draw in zip(tabs(page), (plan, run_job.panel, run_job.result_panel), strict=True):
        if place.open:
            with place:
                draw()


def tabs(key: str):
    """The three containers, in their order; the one that is looked at has `open` set."""
    held = st.session_state.setdefault("views", {})
    stands = standing()
    if held.get(key, (None, None))[1] != stands:
        held[key] = (natural(), stands)
    widget = f"{KEY} {key}"
    st.session_state[widget] = held[key][0]

    def chosen():
        held[key] = (st.session_state[widget], held[key][1])

    return st.tabs(VIEWS, key=widget, on_change=chosen, default=held[key][0])


def standing() -> tuple[str | None, str | None, bool]:
    """What the natural view depends on: which job and which kept run the link names, and whether the job has
    ended."""
    job = run_job.shown()
    return state.looking_at("job"), state.looking_at("kept"), job is not None and job.finished


def natural() -> str:
    """Where what matters now stands: a run at work, or one that failed; a result; else the plan."""
    job = run_job.shown()
    if state.looking_at("kept"):
        return RESULT
    if state.looking_at("job") is None:
        return PLAN
    return RESULT if job is not None and job.status == "done" else RUN
