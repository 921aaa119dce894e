"""Whether somebody still waits for a preview. Those of a session that has lost its browser, and those of a
page that was left, are ended, so that they hold nobody up.

Streamlit keeps a session for a while after its browser has gone, in case that it comes back; a reload makes a
new one. So a thread of the server's looks which sessions have a browser.
"""

import threading
import time

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pruning.jobs import Job, Workers
from pruning.ui import jobs, state

EVERY = 0.15  # seconds between two looks
GRACE = 1.0  # seconds in which the page that one has gone to asks for what it wants of the last one's


class Presence:
    """browsers: {session: what Streamlit calls it}.   left: {job: when the page that asked was left}."""

    def __init__(self, workers: Workers):
        self.workers, self.browsers, self.left = workers, {}, {}
        threading.Thread(target=self._look, daemon=True, name="presence").start()

    def wants(self, job: Job):
        """The page that one is on asks for this. To be called in a run of the session's script."""
        self.browsers[state.session_id()] = get_script_run_ctx().session_id
        self.left.pop(job, None)

    def leave(self, asked: list[Job]):
        """Their page was left."""
        self.left |= {job: time.monotonic() for job in asked if not job.finished and job.session}

    def goes_on(self):
        """The page has asked for something else: what it has not asked for by now is in its way."""
        mine = state.session_id()
        self._end([job for job in list(self.left) if job.session == mine])

    def _look(self):
        while not self.workers.closed:
            time.sleep(EVERY)
            late = time.monotonic() - GRACE
            self._end([job for job, since in list(self.left.items()) if since < late])
            waiting = [job for job in self.workers.jobs("preview") if job.session and not job.finished]
            self._end([job for job in waiting if gone(self.browsers.get(job.session))])
            alive = {job.session for job in waiting}
            for session in [one for one in list(self.browsers) if one not in alive]:
                del self.browsers[session]  # it tells again when it asks

    def _end(self, unwanted: list[Job]):
        for job in unwanted:
            self.left.pop(job, None)
            self.workers.cancel(job)


def gone(session: str | None) -> bool:
    """Whether this session of Streamlit's has no browser; where that is not known, it has."""
    return session is not None and runtime.exists() and not runtime.get_instance().is_active_session(session)


@st.cache_resource(show_spinner=False)
def presence() -> Presence:
    return Presence(jobs.workers())
