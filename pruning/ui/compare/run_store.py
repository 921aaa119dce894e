"""The server's store of runs: opened once, in the background, since that takes a second or two."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pruning.runs.store import KeptRun, RunStore
from pruning.ui import jobs
from pruning.ui.one_element import one_element
from pruning.ui.page_messages import in_page_words

log = logging.getLogger(__name__)


class Opening:
    """store: once it is open.   error: one sentence, where it can't be."""

    def __init__(self):
        self.store: RunStore | None = None
        self.error = ""
        threading.Thread(target=self._open, daemon=True, name="store of runs").start()

    def _open(self):
        try:
            self.store = RunStore()
        except ValueError as error:
            self.error = str(error)
        except Exception:
            log.exception("the store of runs could not be opened")
            self.error = "The store of runs could not be opened; the server's log says why"

    def close(self):
        if self.store is not None:
            self.store.close()


@st.cache_resource(show_spinner=False, on_release=Opening.close)
def opening() -> Opening:
    """Returns at once."""
    return Opening()


def store() -> RunStore | None:
    """None while it is being opened, and where it can't be."""
    return opening().store


def folder_of(store: RunStore, run: KeptRun) -> Path:
    """Where a run's files are. Those of a team's server are fetched once, and go with this server."""
    if not store.uri:
        return store.fetch(run, "")
    place = jobs.workers().folder.path / "kept runs" / run.id
    if not place.exists():
        scratch = place.with_name(f"{run.id}.half")
        scratch.mkdir(parents=True, exist_ok=True)
        store.fetch(run, "", scratch)
        scratch.rename(place)
    return place


@one_element
def follow(draw: Callable[[RunStore], None]):
    """Draws what needs the store, now or as soon as it is open."""
    now = opening()
    if now.store is not None:
        try:
            draw(now.store)
        except ValueError as error:  # a team's server that does not answer
            st.error(in_page_words(error))
            st.button("Try again", key="store again")
    elif now.error:
        st.error(in_page_words(now.error))
        st.button("Try again", on_click=opening.clear, key="store again")
    else:
        st.fragment(_wait, run_every=0.3)()


def _wait():
    now = opening()
    if now.store is not None or now.error:
        st.rerun()
    st.caption("The store of runs is being opened.")
