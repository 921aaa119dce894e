"""The server's lanes of work, shared by all sessions, and how a job stands in a few words."""

import streamlit as st

from pruning.jobs import Job, Lanes
from pruning.jobs.lanes import address_in_environment


@st.cache_resource(show_spinner=False, on_release=Lanes.close)
def lanes() -> Lanes:
    """Returns at once, also the first time: the processes start in the background."""
    return Lanes(scheduler=address_in_environment())


def standing(job: Job) -> str:
    """Where a job stands, in a few words."""
    if job.status != "queued":
        return job.status
    ahead = job.position
    return f"waiting: {ahead} {'job is' if ahead == 1 else 'jobs are'} before it" if ahead else "starting"


def duration(seconds: float) -> str:
    """12 s, 3 min, 1.5 h: as exact as an estimate is."""
    if seconds < 90:
        return f"{max(0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
