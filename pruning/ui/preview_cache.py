"""What the preview worker has found out, or what came with the project: asked for once, kept for every
session of the server, read and never changed.

    structure(recipe), scores(recipe)            wait, the worker's progress in place, and return the value
    ask_structure(recipe), ask_scores(recipe)    do not wait: an Answer, to be asked again from a fragment

Waiting looks up every 0.15 s, where Streamlit ends the run of who has moved on: no page is stuck. Keys are
digests of the recipe's fields that a value depends on, with the stamps of files they name.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from pruning.data import DATA
from pruning.experiment import Recipe
from pruning.experiment.duration import about
from pruning.inspection.one_channel import class_attribution, looked_into
from pruning.jobs import Job
from pruning.jobs.job import Queue
from pruning.shipped import questions, store
from pruning.shipped.keys import CUTTING, NETWORK, SCORING, digest, same_network
from pruning.shipped.questions import Question
from pruning.tasks import DEFAULT, TASKS, Task
from pruning.terms import title
from pruning.ui import jobs, open_pages, state
from pruning.ui.one_element import one_element
from pruning.ui.page_messages import in_page_words
from pruning.ui.session_presence import presence

STAGES = {
    "images": "Reading images",
    "trace": "Finding coupled layers",
    "statistics": "Collecting statistics over the images",
    "score": "Scoring channels",
    "evaluate": "Measuring on images",
    "repair": "Repairing",
    "sensitivity": "Cutting one group at a time",
    "channel": "Collecting statistics over the images",
    "attribution": "Computing attributions",
    "judge": "Measuring both choices",
    "search": "Searching for the widths",
    "labels": "Comparing true with shuffled labels",
    "oracle": "Removing channels, one after another",
    "quantize": "Rounding weights",
    "controls": "Comparing criteria for these classes",
    "latency": "Timing layers",
    "gates": "Training the gates",
    "export": "Making the file",
    "target": "Trying cuts",
}
__all__ = ["CUTTING", "NETWORK", "SCORING", "digest", "same_network"]
LARGE = ("opened_again", "side by side", "exported_file", "layer_graph")  # megabytes each: few are kept
PATIENCE = 0.15  # seconds between two looks at a computation; what is quicker shows no progress at all


@dataclass(frozen=True)
class Answer:
    """What a question to the preview worker has come to. value: None until it is there. error: a sentence."""

    value: Any = None
    error: str = ""
    job: Job | None = None

    @property
    def pending(self) -> bool:
        return self.value is None and not self.error


@st.cache_resource(max_entries=3000, show_spinner=False)
def _kept(kind: str, key: str) -> dict[str, Any]:
    """The place of one value; empty until the worker has answered."""
    return {}


@st.cache_resource(max_entries=20, show_spinner=False)
def _kept_large(kind: str, key: str) -> dict[str, Any]:
    """As `_kept`, of values that take megabytes."""
    return {}


def _place(kind: str, key: str) -> dict[str, Any]:
    return (_kept_large if kind in LARGE else _kept)(kind, key)


@st.cache_resource(show_spinner=False)
def _server() -> dict[str, bool]:
    return {"asked": False}  # whether anything has been asked yet, which starts scheduler and workers


def asked() -> bool:
    """Whether the worker processes were started, which is after the server's first paint."""
    return _server()["asked"]


def ask(
    function: Callable,
    recipe: Recipe,
    *more,
    key: str,
    title: str = "",
    about: str = "",
    again: bool = False,
    start: bool = True,
    queue: Queue | None = None,
    page_only: bool = False,
) -> Answer:
    """The kept value, the one that ships, or the preview that will bring it. Does not wait.

    function: importable, called in the worker as function(recipe, *more, watch=watch). key: what the value
    depends on. about: what of the recipe's network: a newer preview ends this session's older ones of other
    networks, and those about something else; unsaid it ends none of its network's, and none of them ends it.
    again: ask once more after a failure. start: False only looks, and the Answer has no job where nothing was
    asked, or it was cancelled. queue: a measurement's, which no other question ends; unsaid this is a
    preview. page_only: it ends when the page is left.
    """
    kept, place = _place(function.__qualname__, key), f"{function.__qualname__} {key}"
    if "value" not in kept and (found := store.value(recipe, place)) is not None:
        kept["value"] = found
    if "value" in kept:
        return Answer(kept["value"])
    asked = st.session_state.setdefault("previews", {})
    job = asked.get(place)
    if job is None or job.status == "cancelled" or (again and job.finished):
        job = _begun(queue, (function, recipe, *more), title, place, about) if start else None
        if job is None:
            return Answer()
        asked[place] = job
        st.session_state.setdefault("of this page", []).extend([job] if page_only else [])
    if not job.finished:
        presence().wants(job)
    if job.status == "done":
        kept["value"] = asked.pop(place).result()
        return Answer(kept["value"])
    return Answer(error=job.error, job=job)


def _begun(queue: Queue | None, call: tuple, title: str, place: str, about: str) -> Job | None:
    """A job for a question's function, recipe and more arguments; None where the server takes no more."""
    how: dict[str, Any] = {"title": title, "about": (place,)}
    if not queue:
        network, classes = digest(replace(call[1], subtask=()), NETWORK), str(call[1].subtask or "")
        how |= {"session": state.session_id(), "about": (network, *filter(None, (classes, about)))}
    _server()["asked"] = True
    presence().goes_on()
    return jobs.hand_in(queue or "preview", *call, **how)


def ask_question(question: Question, **how) -> Answer:
    return ask(question.function, question.recipe, *question.more, key=question.key, **how)


def remembered(kind: str, key: str, make: Callable[[], Any]) -> Any:
    """A value that is made here, in a moment, from others that are kept; made once."""
    kept = _place(kind, key)
    if "value" not in kept:
        kept["value"] = make()
    return kept["value"]


def leave_page(title: str):
    """Ends what was asked for another page, once this session is on the page called `title`: at once where
    it was asked for that page only, else unless this page asks for it as well."""
    before, st.session_state["page"] = st.session_state.get("page"), title
    if before not in (None, title) and asked():
        end_of_page()
        presence().leave(list(st.session_state.get("previews", {}).values()))


def end_of_page():
    """Ends what was asked for this page only."""
    for job in st.session_state.pop("of this page", []):
        if not job.finished:
            jobs.workers().cancel(job)


def wait(question: Callable[..., Answer]) -> Any:
    """Asks until there is a value, with the progress in place; ends the page with a sentence and a button if
    it failed."""
    answer, shown = question(), st.empty()
    while answer.pending:
        if not answer.job.wait(PATIENCE):
            share, text = progress(answer.job)
            shown.progress(share, text)
        answer = question()
    shown.empty()
    if answer.error:
        settle(answer, question, draw=lambda value: None)
        st.stop()
    return answer.value


@one_element
def follow(question: Callable[..., Answer], draw: Callable[..., Any]):
    """Draws the value, now or when it comes, without holding up the page; a failure is a sentence and a
    button."""
    if (known := question(start=False)).value is not None:
        draw(known.value)
    elif not asked():
        st.fragment(ask_later, run_every=open_pages.every(0.3))(question, [])
    elif (answer := question()).pending:
        st.fragment(look_again, run_every=open_pages.every(1.0))(question)
    else:
        settle(answer, question, draw)


def ask_later(question: Callable[..., Answer], painted: list[bool]):
    """Asks as soon as the browser comes back for this part of the page, which is after its first paint."""
    st.progress(0.0, "Starting")
    if painted:
        question()
        st.rerun()
    painted.append(True)


def look_again(question: Callable[..., Answer]):
    """The part of a page that waits: its progress, then one run of the whole page."""
    if not (answer := question()).pending:
        st.rerun()
    st.progress(*progress(answer.job))


def settle(answer: Answer, question: Callable[..., Any], draw: Callable[[Any], None]):
    if answer.error:
        st.error(in_page_words(answer.error))
        if answer.job is not None:  # else nothing would come of it
            st.button("Try again", on_click=question, kwargs={"again": True}, key=f"again {answer.job.id}")
    else:
        draw(answer.value)


def progress(job: Job) -> tuple[float, str]:
    """How far a job is, 0 to 1, and what it does, in words."""
    if not job.events:
        if ahead := jobs.workers().ahead(job):
            return 0.0, f"Waiting for {jobs.called(ahead[0])}"
        late = job.status == "queued" and time.time() - job.submitted > 1.5
        return 0.0, "The worker processes are starting" if late else "Starting"
    event = job.events[-1]
    words = STAGES.get(event.stage, event.stage.capitalize())
    if "seconds_left" in event.values:
        words += f", about {about(event.values['seconds_left'])} left"
    if event.values.get("evaluations"):
        words += f", {event.values['evaluations']} evaluations"
    return min(1.0, event.done / max(1, event.total)), words


# ------------------------------------------------------------------------------------------------- the values


def structure(recipe: Recipe):
    """inspection.Description of the recipe's network: groups, layers, MACs and parameters."""
    return wait(lambda **how: ask_structure(recipe, **how))


def ask_structure(recipe: Recipe, **how) -> Answer:
    return ask_question(questions.structure(recipe), title="Structure", **how)


def task_of(recipe: Recipe) -> Task:
    """What the recipe's images are asked for; of data that are not loaded yet what most are."""
    if name := recipe.task or getattr(ask_structure(recipe, start=False).value, "task", None):
        return TASKS[name]
    return DATA[recipe.data].task if recipe.data in DATA else DEFAULT


def scores(recipe: Recipe):
    """Scores by the recipe's criterion: a mapping {group: [C]}."""
    return wait(lambda **how: ask_scores(recipe, **how))


def ask_scores(recipe: Recipe, **how) -> Answer:
    return ask_question(questions.scores(recipe), title=f"Scores by {title(recipe.criterion)}", **how)


def ask_errors(recipe: Recipe, **how) -> Answer:
    """{group number: what is lost with each number of its channels gone}; does not wait."""
    words = f"Errors in the order of {title(recipe.criterion)}"
    return ask_question(questions.errors(recipe), title=words, **how)


# ------------------------------------------------------------------------------- one channel, and the oracle


def ask_channel(
    recipe: Recipe, group: str, channel: int, first: int = 0, by: str = "largest", **how
) -> Answer:
    """inspection.one_channel.Channel: all that is known of one channel; does not wait."""
    key = f"{digest(recipe, SCORING)} {group} {channel} {first} {by}"
    more: dict[str, Any] = {"key": key, "title": f"Channel {channel} of {group}"}
    return ask(looked_into, recipe, group, channel, first, by, **more, **how)


def ask_classes(recipe: Recipe, group: str, **how) -> Answer:
    """What each channel of a group adds to each class's score; does not wait."""
    key = f"{digest(recipe, NETWORK)} {group}"
    return ask(class_attribution, recipe, group, key=key, title=f"Classes of {group}", **how)
