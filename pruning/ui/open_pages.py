"""Who has a page open, so that the jobs of those who left can be ended, where the server is set so."""

import threading
import time

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pruning.ui import visitor


class OpenPages:
    """sessions: {visitor: what Streamlit calls his}.   seen: {visitor: when he last had one open}."""

    def __init__(self):
        self.sessions: dict[str, set[str]] = {}
        self.seen: dict[str, float] = {}
        self.lock, self.begun = threading.Lock(), time.monotonic()

    def open(self, owner: str, session: str):
        with self.lock:
            self.sessions.setdefault(owner, set()).add(session)
            self.seen[owner] = time.monotonic()

    def away(self, owner: str) -> float:
        """Seconds since this visitor had a page open; of one who never had, since the server began."""
        with self.lock:
            closed = {one for one in self.sessions.get(owner, ()) if not is_open(one)}
            left = self.sessions.get(owner, set()) - closed
            self.sessions[owner] = left
            if left:
                self.seen[owner] = time.monotonic()
            return time.monotonic() - self.seen.get(owner, self.begun)


def is_open(session: str) -> bool:
    """Whether a session of Streamlit's has a browser."""
    return runtime.exists() and runtime.get_instance().is_active_session(session)


@st.cache_resource(show_spinner=False)
def open_pages() -> OpenPages:
    return OpenPages()


def look_in():
    """To be called in every run of a page."""
    open_pages().open(visitor.owner(), get_script_run_ctx().session_id)
