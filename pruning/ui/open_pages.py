"""Who has a page open: jobs of those who left can be ended, and of many open pages each looks more rarely for
what it waits for."""

import threading
import time

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pruning.ui import visitor

MANY = 3  # open pages that look as often as they like: each look is a run of a part, all in one process
FRESH = 1.0  # seconds that a count of open pages holds


class OpenPages:
    """sessions: {visitor: what Streamlit calls his}.   seen: {visitor: when he last had one open}."""

    def __init__(self):
        self.sessions: dict[str, set[str]] = {}
        self.seen: dict[str, float] = {}
        self.counted, self.number = 0.0, 0
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

    def count(self) -> int:
        """How many pages are open, as of the last second."""
        now = time.monotonic()
        if now - self.counted > FRESH:
            sessions = [one for own in list(self.sessions.values()) for one in list(own)]
            self.counted, self.number = now, sum(map(is_open, sessions))
        return self.number


def is_open(session: str) -> bool:
    """Whether a session of Streamlit's has a browser."""
    return runtime.exists() and runtime.get_instance().is_active_session(session) is True


@st.cache_resource(show_spinner=False)
def open_pages() -> OpenPages:
    return OpenPages()


def every(seconds: float) -> float:
    """How often a part of a page that waits looks again, in seconds: more rarely where many pages are open,
    so that the runs of all of them together stay what one process can do."""
    return seconds * max(1.0, open_pages().count() / MANY)


def look_in():
    """To be called in every run of a page."""
    open_pages().open(visitor.owner(), get_script_run_ctx().session_id)
