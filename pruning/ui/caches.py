"""What the preview worker has found out: asked for once, kept for every session of the server, read and never
changed.

    structure(recipe), scores(recipe)            wait, with the worker's progress in place, and return the
                                                 value
    ask_structure(recipe), ask_scores(recipe)    do not wait: an Answer, to be asked again from a fragment

Waiting looks up every 0.15 s, and there Streamlit ends the run when the person has moved on: a page is never
stuck. Keys are digests of the recipe's fields that a value depends on, with the stamps of files they name.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st

from pruning import experiment, terms
from pruning.experiment import Recipe
from pruning.experiment.channel import class_attribution, looked_into
from pruning.experiment.judge import judged
from pruning.experiment.labels import labels_tested
from pruning.experiment.oracle import measured
from pruning.experiment.run import LIMITS, SEARCHING
from pruning.jobs import Job
from pruning.jobs.job import Lane
from pruning.ui import jobs, state, visitor
from pruning.ui.spoken import spoken

NETWORK = ("model", "data", "checkpoint", "normalize", "size", "subtask", "seed", "device")
SCORING = (*NETWORK, "criterion", "options", "calibration", "threads")
CUTTING = (*LIMITS, *SEARCHING, "repair", "match_steps")  # the last two as `plans.as_searched` has them
STAGES = {
    "trace": "Finding coupled layers",
    "statistics": "Collecting statistics over the images",
    "score": "Scoring channels",
    "evaluate": "Measuring accuracy",
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
}
PATIENCE = 0.15  # seconds between two looks at a computation; what is quicker shows no progress at all


@dataclass(frozen=True)
class Answer:
    """What a question to the preview worker has come to. value: None until it is there. error: one sentence,
    or empty."""

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


@st.cache_resource(show_spinner=False)
def _server() -> dict[str, bool]:
    return {"asked": False}  # whether anything has been asked yet, which starts scheduler and workers


def asked() -> bool:
    """Whether the worker processes were started. They and their torch come up after the server's first paint,
    so that they do not hold it up."""
    return _server()["asked"]


def digest(recipe: Recipe, fields: tuple[str, ...]) -> str:
    """Of these fields, and of the size and time of a file that one of them names."""
    told = {name: getattr(recipe, name) for name in fields}
    paths = [Path(told[name]) for name in ("data", "checkpoint") if told.get(name)]
    stamps = [(path.stat().st_mtime_ns, path.stat().st_size) for path in paths if path.exists()]
    return hashlib.sha256(json.dumps([told, stamps], sort_keys=True).encode()).hexdigest()[:24]


def same_network(one: Recipe, other: Recipe) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in NETWORK)


def ask(
    function: Callable,
    recipe: Recipe,
    *more,
    key: str,
    title: str = "",
    about: str = "",
    again: bool = False,
    start: bool = True,
    lane: Lane | None = None,
    page_only: bool = False,
) -> Answer:
    """The kept value, or the preview that will bring it. Does not wait.

    function: importable, called in the worker as function(recipe, *more, watch=watch). key: what the value
    depends on. about: a newer preview ends this session's older ones, but for those about the same; unsaid it
    is the recipe's network. again: ask once more after a failure. start: False only looks, and the Answer has
    no job where nothing was asked, or it was cancelled. lane: that of a measurement, which nothing else that
    is asked ends, as it ends nothing; unsaid this is a preview. page_only: it ends when the page is left.
    """
    kept = _kept(function.__qualname__, key)
    if "value" in kept:
        return Answer(kept["value"])
    asked = st.session_state.setdefault("previews", {})
    place = f"{function.__qualname__} {key}"
    job = asked.get(place)
    if job is None or job.status == "cancelled" or (again and job.finished):
        if not start:
            return Answer()
        _server()["asked"] = True
        how = {"about": place} if lane else {"about": about or digest(recipe, NETWORK)}
        how |= {"session": "" if lane else state.session_id(), "owner": visitor.owner(), "title": title}
        job = asked[place] = jobs.lanes().submit(lane or "preview", function, recipe, *more, **how)
        if page_only:
            st.session_state.setdefault("of this page", []).append(job)
    if job.status == "done":
        kept["value"] = asked.pop(place).result()
        return Answer(kept["value"])
    return Answer(error=job.error, job=job)


def leave_page(title: str):
    """Ends what was asked for another page only, once this session is on the page called `title`."""
    before, st.session_state["page"] = st.session_state.get("page"), title
    if before != title:
        end_of_page()


def end_of_page():
    """Ends what was asked for this page only."""
    for job in st.session_state.pop("of this page", []):
        if not job.finished:
            jobs.lanes().cancel(job)


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


def follow(question: Callable[..., Answer], draw: Callable[[Any], None]):
    """Draws the value, now or when it comes, without holding up the page; a failure is a sentence and a
    button."""
    if not asked():
        st.fragment(ask_later, run_every=0.3)(question, [])
    elif (answer := question()).pending:
        st.fragment(look_again, run_every=0.5)(question)
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
    answer = question()
    if not answer.pending:
        st.rerun()
    st.progress(*progress(answer.job))


def settle(answer: Answer, question: Callable[..., Answer], draw: Callable[[Any], None]):
    if answer.error:
        st.error(spoken(answer.error))
        st.button("Try again", on_click=question, kwargs={"again": True}, key=f"again {answer.job.id}")
    else:
        draw(answer.value)


def progress(job: Job) -> tuple[float, str]:
    """How far a job is, 0 to 1, and what it does, in words."""
    if not job.events:
        if job.position:
            return 0.0, "Waiting for what was asked before"
        late = job.status == "queued" and time.time() - job.submitted > 1.5
        return 0.0, "The worker processes are starting" if late else "Starting"
    event = job.events[-1]
    words = STAGES.get(event.stage, event.stage.capitalize())
    if "seconds_left" in event.values:
        words += f", about {jobs.duration(event.values['seconds_left'])} left"
    if event.values.get("evaluations"):
        words += f", {event.values['evaluations']} evaluations"
    return min(1.0, event.done / max(1, event.total)), words


# ------------------------------------------------------------------------------------------------- the values


def structure(recipe: Recipe):
    """experiment.Description of the recipe's network: groups, layers, MACs and parameters."""
    return wait(lambda **how: ask_structure(recipe, **how))


def ask_structure(recipe: Recipe, **how) -> Answer:
    return ask(experiment.describe, recipe, key=digest(recipe, NETWORK), title="Structure", **how)


def scores(recipe: Recipe):
    """Scores by the recipe's criterion: a mapping {group: [C]}."""
    return wait(lambda **how: ask_scores(recipe, **how))


def ask_scores(recipe: Recipe, **how) -> Answer:
    title = f"Scores by {terms.title(recipe.criterion)}"
    return ask(experiment.scored, recipe, key=digest(recipe, SCORING), title=title, **how)


# ------------------------------------------------------------------------------- one channel, and the oracle


def ask_channel(
    recipe: Recipe, group: str, channel: int, first: int = 0, by: str = "largest", **how
) -> Answer:
    """experiment.channel.Channel: all that is known of one channel; does not wait."""
    key = f"{digest(recipe, SCORING)} {group} {channel} {first} {by}"
    more = {"key": key, "title": f"Channel {channel} of {group}"}
    return ask(looked_into, recipe, group, channel, first, by, **more, **how)


def ask_classes(recipe: Recipe, group: str, **how) -> Answer:
    """What each channel of a group adds to each class's score; does not wait."""
    key = f"{digest(recipe, NETWORK)} {group}"
    return ask(class_attribution, recipe, group, key=key, title=f"Classes of {group}", **how)


def ask_oracle(recipe: Recipe, group: str, **how) -> Answer:
    """experiment.oracle.Oracle; does not wait."""
    key = f"{digest(recipe, (*SCORING, 'cut'))} {group}"
    return ask(measured, recipe, group, key=key, title=f"Oracle of {group}", **how)


def ask_judge(recipe: Recipe, group: str, alone: tuple, own: tuple, other: tuple, **how) -> Answer:
    """experiment.judge.Judged: what two choices within a group cost; does not wait."""
    key = f"{digest(recipe, (*NETWORK, 'calibration', 'threads'))} {group} {alone} {own} {other}"
    title = f"Who is right in {group}?"
    return ask(judged, recipe, group, alone, own, other, key=key, title=title, **how)


def ask_labels(recipe: Recipe, **how) -> Answer:
    """experiment.labels.LabelTest: whether the labels matter at the recipe's cut; does not wait."""
    key = digest(recipe, (*SCORING, *CUTTING))
    return ask(labels_tested, replace(recipe, epochs=0), key=key, title="Do the labels matter?", **how)
