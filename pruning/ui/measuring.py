"""What takes long enough to be asked for by a button: its progress with the time left, a way to stop it, and
what came of it."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pruning.ui import caches, jobs


def on_request(label: str, question: Callable[..., caches.Answer], draw: Callable[[Any], None], *, help: str):
    """A button; once pressed, the progress; in the end what `draw` makes of the value.

    question: as those of `caches`, taking start= and again=. The value is kept, so nobody waits for it twice.
    """
    answer = question(start=False)
    if not answer.pending:
        caches.settle(answer, question, draw)
    elif answer.job is None:
        st.button(label, on_click=start, args=(question,), help=help, key=f"ask {label}")
    else:
        st.fragment(at_work, run_every=0.5)(question)


def start(question: Callable[..., caches.Answer]):
    """A click's callback. Whatever else the page asks from now on ends the measurement, and so does another
    one: a person who has moved on does not wait for it."""
    st.session_state["measurement"] = question().job


def at_work(question: Callable[..., caches.Answer]):
    """The part of the page that waits; then the whole page runs once."""
    answer = question(start=False)
    if not answer.pending or answer.job is None:
        st.rerun()
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    left.progress(*caches.progress(answer.job))
    right.button(
        "Cancel",
        on_click=jobs.lanes().cancel,
        args=(answer.job,),
        help="Stops the measurement; it can be asked for again.",
        key=f"cancel {answer.job.id}",
        width="stretch",
    )
