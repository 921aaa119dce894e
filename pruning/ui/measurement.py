"""What takes long enough to be asked for by a button: its progress with the time left, a way to stop it, and
what came of it.

A measurement has a queue of its own, so it goes on while its visitor looks at something else, and after a
reload; it ends when it is cancelled, or when none of his pages is open any more."""

import threading
from collections.abc import Callable
from typing import Any

import streamlit as st

from pruning.experiment.duration import about
from pruning.jobs import Job, Workers
from pruning.jobs.job import Queue
from pruning.terms import plural
from pruning.ui import jobs, open_pages, preview_cache
from pruning.ui.one_element import one_element

GRACE = 20.0  # seconds after its last page was closed; a reload takes one or two
STOPS = "Stops the measurement; it can be started again."


@one_element
def on_request(
    label: str,
    question: Callable[..., preview_cache.Answer],
    draw: Callable[[Any], None],
    *,
    help: str,
    queue: Queue = "measurement",
):
    """A button; once pressed, the progress; in the end what `draw` makes of the value.

    question: as those of `preview_cache`, taking start=, again= and queue=. The value is kept, so nobody
    waits for it twice. queue: "preview" for what must not be timed beside previews; they wait for it.
    """
    answer = question(start=False)
    if not answer.pending:
        preview_cache.settle(answer, question, draw)
    elif answer.job is None:
        st.button(label, on_click=start, args=(question, queue), help=help, key=f"ask {label}")
    else:
        st.fragment(at_work, run_every=open_pages.every(1.0))(question)


def start(question: Callable[..., preview_cache.Answer], queue: Queue):
    """A click's callback."""
    answer = question(queue=queue)
    if answer.job is not None:
        held().hold(answer.job)


def at_work(question: Callable[..., preview_cache.Answer]):
    """The part of the page that waits; then the whole page runs once."""
    answer = question(start=False)
    if not answer.pending or answer.job is None:
        st.rerun()
    held().hold(answer.job)
    behind(answer.job)
    left, right = st.columns([5, 2], vertical_alignment="bottom")
    left.progress(*preview_cache.progress(answer.job))
    cancel(right, "Cancel", answer.job, key=f"cancel {answer.job.id}")


def behind(job: Job):
    """What comes before a measurement that waits; the visitor's own can be ended in its favour."""
    ahead = jobs.workers().ahead(job) if job.status == "queued" else []
    own = [other for other in ahead if jobs.mine(other)]
    if foreign := len(ahead) - len(own):
        st.caption(f"It waits for {plural(foreign, 'measurement')} of other visitors.")
    for other in own:
        left = jobs.seconds_left([other])
        more = f" (about {about(left)} left)" if left is not None else ""
        words, button = st.columns([4, 1], vertical_alignment="center")
        words.caption(f"It waits for what you asked before: {other.title}{more}.")
        cancel(button, "End that one", other, key=f"end {other.id} for {job.id}")


def cancel(place, label: str, job: Job, *, key: str):
    place.button(label, on_click=jobs.cancel, args=(job,), help=STOPS, key=key, width="stretch")


# ------------------------------------------------------------------------------------------ for whom it runs


class Held:
    """The measurements that one session waits for. holders: {job: the sessions that wait for it}."""

    def __init__(self, workers: Workers, holders: dict[Job, set["Held"]]):
        self.workers, self.holders = workers, holders

    def hold(self, job: Job):
        self.holders.setdefault(job, set()).add(self)

    def release(self):
        """The session has ended: what nobody holds after a while is ended. Does not wait."""
        timer = threading.Timer(GRACE, self.let_go)
        timer.daemon = True
        timer.start()

    def let_go(self):
        for job, holding in list(self.holders.items()):
            holding.discard(self)
            if not holding:
                self.workers.cancel(job)  # does nothing where it has ended by itself
                self.holders.pop(job, None)


@st.cache_resource(show_spinner=False)
def _holders() -> dict[Job, set[Held]]:
    return {}


@st.cache_resource(scope="session", show_spinner=False, on_release=Held.release)
def held() -> Held:
    return Held(jobs.workers(), _holders())


def take_up():
    """A new session, such as after a reload, goes on with the measurements of its visitor."""
    if "previews" not in st.session_state:
        asked: Any = {}
        st.session_state["previews"] = asked
        running = jobs.workers().jobs("measurement") if preview_cache.asked() else []
        for job in running:
            if jobs.mine(job):
                asked.setdefault(*job.about, job)
                held().hold(job)
