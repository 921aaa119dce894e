"""No page ever shows a traceback: what goes wrong in a page, in a part of it that runs by itself or in a
callback becomes one sentence with a way on, and the log has the rest.

Streamlit brings all of these, also of pages written later, to one function, which draws a box with the
trace; its own control flow (stop, rerun) does not come there, and the trace is in the log before it does.
`stand` puts `tell` in its place. (Streamlit's own hook, on_script_error, is not to be had with
`streamlit run`.) Where even that fails, `client.showErrorDetails` keeps the trace off the page.
"""

import itertools
import logging
from collections.abc import Callable

import streamlit as st
from streamlit import error_util
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

from pruning.error_messages import for_the_person
from pruning.ui import state
from pruning.ui.page_messages import in_page_words

PAGE = "This page could not be drawn to its end: the program has a defect here."
PART = "This part of the page could not be drawn: the program has a defect here."
CALLBACK = "That could not be done: the program has a defect."
LOG = " What happened is in the server's log."
AFRESH = "Opens the first network again, with nothing chosen."
log = logging.getLogger(__name__)

_box: Callable[[BaseException], None] = error_util.show_uncaught_app_exception
_numbers = itertools.count()  # a key for each sentence: several parts of a page may fail in one run


def stand():
    """From now on `tell` is asked about whatever is not caught elsewhere."""
    error_util.show_uncaught_app_exception = tell


def tell(error: BaseException):
    """One sentence in the place where it went wrong; after a callback, before which nothing is drawn, on top
    of the page, which then runs as usual."""
    try:
        if not get_script_run_ctx().has_script_started:
            state.refuse(sentence(error, CALLBACK))
            st.rerun()  # only asks for it: the run that failed is over
        else:
            box(sentence(error, PART if in_fragment() else PAGE))
    except Exception:
        log.exception("the guard itself failed")
        _box(error)


def sentence(error: BaseException, ours: str) -> str:
    """The error's own text where it was written for the person who gave a wrong value, else ours."""
    return str(error) if for_the_person(error) else ours + LOG


def in_fragment() -> bool:
    return ThreadState.get().fragment_id is not None


def box(text: str):
    """A sentence, and what one can do."""
    number = next(_numbers)
    st.error(in_page_words(text))
    with st.container(horizontal=True):
        st.button("Try again", key=f"guard again {number}")
        st.button("Start afresh", key=f"guard afresh {number}", on_click=start_afresh, help=AFRESH)


def start_afresh():
    """A click's callback."""
    state.start_afresh()
    st.switch_page("app.py")
