"""How long a run takes on this machine, as busy as it is now: the line under the button that starts one."""

import time

import streamlit as st

from pruning.experiment import Recipe
from pruning.experiment.duration import Pace, in_words, pace_now
from pruning.ui import caches

FRESH = 120.0  # seconds after which a pace is no longer that of now
TIMED = (*caches.NETWORK, "threads", "batch_size")  # fields that it depends on
MEASURING = "How fast this machine is shows in a moment, and so how long a run takes."


def line(recipe: Recipe):
    """Draws how long the recipe's run takes; while the network is timed, what was told last."""
    answer = ask(recipe, start=False)
    if answer.value is not None:
        st.session_state["pace"] = (caches.digest(recipe, TIMED), answer.value)
    if answer.value is None and not answer.error:
        st.fragment(follow, run_every=1.0)(recipe, [])
    else:
        draw(recipe)


def follow(recipe: Recipe, drawn: list[bool]):
    """Asks once the page was drawn, behind all that it has asked for itself; then draws it anew with what
    came."""
    answer = ask(recipe, start=bool(drawn))
    if answer.value is not None or answer.error:
        st.rerun()
    drawn.append(True)
    draw(recipe)


def draw(recipe: Recipe):
    pace = last(recipe)
    st.caption(MEASURING if pace is None else in_words(recipe, pace))


def last(recipe: Recipe) -> Pace | None:
    """What was measured last of this network."""
    of, pace = st.session_state.get("pace", ("", None))
    return pace if of == caches.digest(recipe, TIMED) else None


def ask(recipe: Recipe, **how) -> caches.Answer:
    """pace_now, of these two minutes; does not wait."""
    key = f"{caches.digest(recipe, TIMED)} {time.time() // FRESH:.0f}"
    return caches.ask(pace_now, recipe, key=key, title="How fast this machine is", page_only=True, **how)
