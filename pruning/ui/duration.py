"""How long a run takes on this machine, as busy as it is now: the line under the button that starts one."""

import time

import streamlit as st

from pruning.experiment import Recipe
from pruning.experiment.duration import Pace, about, in_words, pace_now, seconds_of
from pruning.ui import jobs, open_pages, preview_cache

FRESH = 120.0  # seconds after which a pace is no longer that of now
TIMED = (*preview_cache.NETWORK, "threads", "batch_size")  # fields that it depends on
MEASURING = "How fast this machine is shows in a moment, and so how long a run takes."


def line(recipe: Recipe):
    """Draws how long the recipe's run takes; while the network is timed, what was told last. It is timed once
    the page was drawn, behind all that the page has asked for itself, and the page may be drawn again and
    again meanwhile."""
    of = preview_cache.digest(recipe, TIMED)
    answer = ask(recipe, start=st.session_state.get("pace wanted") == of)
    st.session_state["pace wanted"] = of
    if answer.value is not None:
        st.session_state["pace"] = (of, answer.value)
    if answer.value is None and not answer.error:
        st.fragment(follow, run_every=open_pages.every(2.0))(recipe, [])
    else:
        draw(recipe)


def follow(recipe: Recipe, drawn: list[bool]):
    """Asks, but not in the run that draws the page, and draws the page anew with what came."""
    answer = ask(recipe, start=bool(drawn))
    if answer.value is not None or answer.error:
        st.rerun()
    drawn.append(True)
    draw(recipe)


def draw(recipe: Recipe):
    pace = last(recipe)
    st.caption(MEASURING if pace is None else in_words(recipe, pace))
    minutes, seconds = jobs.limits().minutes, foreseen(recipe)
    if minutes is not None and seconds is not None and seconds > 60 * minutes:
        st.warning(f"This server ends a job after {about(60 * minutes)}, before this run would be done.")


def foreseen(recipe: Recipe) -> float | None:
    """Seconds of a run, as far as that was measured here."""
    pace = last(recipe)
    return None if pace is None else seconds_of(recipe, pace)


def last(recipe: Recipe) -> Pace | None:
    """What was measured last of this network."""
    of, pace = st.session_state.get("pace", ("", None))
    return pace if of == preview_cache.digest(recipe, TIMED) else None


def ask(recipe: Recipe, **how) -> preview_cache.Answer:
    """pace_now, of these two minutes; does not wait. What was asked for before and is on its way is waited
    for, however long the queue is."""
    of, bucket = preview_cache.digest(recipe, TIMED), int(time.time() // FRESH)
    if (before := st.session_state.get("pace asked")) and before[0] == of:
        earlier = _ask(recipe, *before, start=False)
        if earlier.job is not None and not earlier.job.finished:
            return earlier
    st.session_state["pace asked"] = (of, bucket)
    return _ask(recipe, of, bucket, **how)


def _ask(recipe: Recipe, of: str, bucket: int, **how) -> preview_cache.Answer:
    key, title = f"{of} {bucket}", "How fast this machine is"
    return preview_cache.ask(pace_now, recipe, key=key, title=title, **how)
