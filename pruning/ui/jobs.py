"""The server's worker processes, shared by all sessions; whose a job is, and how it stands in a few words.

Of jobs that are not the visitor's own a page tells that they are there and come before his, no more. A link
with such a job's id shows it, since somebody gave that link away; only its owner ends it."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pruning.experiment import Recipe
from pruning.experiment.duration import LEFT, about
from pruning.jobs import Job, Workers
from pruning.jobs.job import Queue
from pruning.jobs.upkeep import Upkeep
from pruning.jobs.workers import address_in_environment
from pruning.limits import Limits
from pruning.ui import display_names, state, uploads, visitor
from pruning.ui.open_pages import open_pages
from pruning.ui.page_messages import in_page_words

AFTER = 1.5  # seconds, for the server's first paint; then the workers come up, whether they are asked or not
FOREIGN = "This job was started by somebody else, who alone can end or continue it."


@st.cache_resource(show_spinner=False, on_release=Workers.close)
def workers() -> Workers:
    """Returns at once, also the first time: the processes start in the background."""
    most = limits()
    memory = None if most.memory is None else int(most.memory * 2**30)
    made = Workers(scheduler=address_in_environment(), after=AFTER, memory=memory, limits=most)
    Upkeep(made, most, open_pages().away)
    return made


@st.cache_resource(show_spinner=False)
def limits() -> Limits:
    return Limits.from_environment()


def hand_in(queue: Queue, *call, **about) -> Job | None:
    """Hands a call to a queue as the visitor's own. None where that is refused; the top of the page says
    why."""
    try:
        return workers().submit(queue, *call, owner=visitor.owner(), **about)
    except ValueError as error:
        state.refuse(error)
        return None


def start(function: Callable, recipe: Recipe, folder: Path, **about) -> Job | None:
    """Hands a run to the job queue: function(recipe, folder, owner). folder: where the result is saved."""
    return hand_in("job", function, recipe, str(folder), visitor.owner(), folder=folder, **about)


def too_much(recipe: Recipe) -> bool:
    """Whether this server allows less than the recipe asks for; says so where it is drawn."""
    if sentence := limits().refusal(recipe):
        st.warning(in_page_words(sentence))
    return bool(sentence)


def lacks_file(recipe: Recipe) -> bool:
    """Whether the recipe names a file that somebody else has given; says so at the top of the page. A link to
    a job shows its result, no more."""
    for kind in uploads.missing(recipe):
        name = display_names.name_of(getattr(recipe, kind))
        state.refuse(f"This run needs the {uploads.SAID[kind]} {name}, which you have not given here.")
        return True
    return False


def own() -> list[Job]:
    """The visitor's jobs, the newest first."""
    return [job for job in workers().jobs("job") if mine(job)]


def mine(job: Job) -> bool:
    return job.owner == visitor.owner()


def refused(job: Job) -> bool:
    """Whether the visitor may do nothing to this job; says so at the top of the page. To be asked where
    something is done to it: a button that is not shown is no lock."""
    if not mine(job):
        state.refuse(FOREIGN)
    return not mine(job)


def cancel(job: Job):
    """A click's callback."""
    if not refused(job):
        workers().cancel(job)


def standing(job: Job) -> str:
    """Where a job stands, in a few words."""
    if job.status != "queued":
        return job.status
    ahead = workers().ahead(job)
    return f"waiting: {before_it(ahead)}" if ahead else "starting"


def called(job: Job) -> str:
    """What one waits for, in words; of another visitor's request nothing is told."""
    return f"what you asked before: {job.title}" if mine(job) else "another visitor's request"


def before_it(ahead: list[Job]) -> str:
    """How many jobs come first, whose they are, and how long the one at work still takes, if it tells."""
    foreign = sum(not mine(job) for job in ahead)
    whose = {0: "", len(ahead): " of other visitors"}.get(foreign, f", {foreign} of them other visitors',")
    words = f"{so_many(ahead, whose)} before it"
    left, later = seconds_left(ahead), [job.foreseen for job in ahead if not job.began]
    if left is None:
        return words
    if later and None not in later and workers().scheduler is None:  # there each queue has one worker
        return f"{words}; its turn comes in about {about(left + sum(later))}"
    return f"{words}; the one at work takes about {about(left)} more"


def so_many(jobs: list[Job], whose: str) -> str:
    return f"1 job{whose} is" if len(jobs) == 1 else f"{len(jobs)} jobs{whose} are"


def seconds_left(jobs: list[Job]) -> float | None:
    """What the job at work among these says it still takes; None where it says nothing."""
    told = (event.values for job in jobs if job.began for event in reversed(list(job.events)))
    return next((values[LEFT] for values in told if LEFT in values), None)


def others_in_words() -> str:
    """That jobs of other visitors wait or are at work; empty where there are none."""
    foreign = [job for job in workers().jobs("job") if not job.finished and not mine(job)]
    return f"{so_many(foreign, ' of other visitors')} at work or waiting." if foreign else ""
