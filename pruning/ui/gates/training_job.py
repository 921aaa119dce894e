"""The job that trains the gates: started, watched, paused, stopped, resumed. Its id is in the link."""

import shutil
from typing import Literal

import streamlit as st

from pruning.allocation import MEASURE_NAMES
from pruning.experiment import Recipe
from pruning.experiment.report_shape import left_in_the_end
from pruning.figures.training import TUNING
from pruning.gates.gate_trace import GateTrace
from pruning.jobs import Job
from pruning.runs.keeping import run_report_and_keep
from pruning.terms import percent
from pruning.train import Saved
from pruning.ui import criterion_switch, duration, jobs, open_pages, own_network, state
from pruning.ui.gates import live_charts, training_events
from pruning.ui.page_messages import in_page_words
from pruning.ui.prune import run_job

HELP = (
    "Trains the network together with its gates, removes what closed, fine-tunes the rest, and measures it "
    "on the test images."
)
TRAINING = {training_events.STAGE: "the gates", TUNING: "fine-tuning"}
NOTHING = "Nothing has been trained yet. Once you start, you can watch every gate."
PAUSE = "Keeps the state of this step (fine-tuning: of the last epoch) and ends; it can go on from there."
STOP = (
    "Ends the training now and keeps what there is: what is closed by then is removed, without fine-tuning; "
    "a fine-tuning ends with its best epoch."
)
ASKED = {"pause": "pausing", "stop": "stopping"}
CANCEL = "Ends it without a result. It can be resumed from the last epoch."


def button(recipe: Recipe):
    """Hands the recipe to a job; computes nothing here."""
    if lacking := own_network.lacks_weights(recipe):  # nothing on this page asks for the network before
        st.warning(lacking)
    refused = bool(lacking) or jobs.too_much(criterion_switch.with_gates(recipe))
    st.button(
        "Train the gates",
        type="secondary" if goes_on(shown()) else "primary",
        disabled=refused,
        width="stretch",
        help=HELP,
        on_click=start,
    )
    if not lacking and ((job := shown()) is None or job.finished):
        duration.line(criterion_switch.with_gates(recipe))


def goes_on(job: Job | None) -> bool:
    """Whether the next step is one with this job: to resume it, or to remove its zeros."""
    if job is None or not job.finished:
        return False
    return state.looking_at("zeros") is None if job.status == "done" else saved(job).holds


def start():
    """A click's callback: from now on the link's recipe trains gates, and its job is in the link."""
    state.take_up(criterion_switch.with_gates(state.recipe_now()))
    run_job.start()
    state.look_at(second=None, zeros=None)


def shown(key: str = "job") -> Job | None:
    """The job that the link names, if it trains gates and this server knows it."""
    id = state.looking_at(key)
    job = jobs.workers().job(id) if id else None
    return job if job is None or job.arguments[0].trained else None


# ----------------------------------------------------------------------------------------------- its standing


def status():
    """How far the job is, what can be done about it, and the gates as they are now."""
    id, job = state.looking_at("job"), shown()
    if job is None:
        if id is not None and jobs.workers().job(id) is None:
            run_job.unknown(id)
        else:
            st.caption(NOTHING)
    elif job.finished:
        ended(job)
        gates_of(job)
    else:
        st.fragment(at_work, run_every=open_pages.every(1.0))(job)


def at_work(job: Job):
    """Progress, the three ways to end it, and the histograms: drawn again every half second."""
    if job.finished:
        st.rerun()
    share, words = run_job.progress(job)
    wish = saved(job).wish()
    st.progress(share, f"{words} ({ASKED[wish]})" if wish else words)
    controls(job, asked=wish is not None)
    gates_of(job)


def controls(job: Job, asked: bool):
    """Pause, stop and keep, cancel: the owner's; the first two where there is a training, not asked yet."""
    if not jobs.mine(job):
        return
    columns = st.columns(3)
    training = bool(job.events) and job.events[-1].stage in TRAINING
    how = {"width": "stretch", "disabled": asked or not training}
    columns[0].button("Pause", on_click=ask, args=(job, "pause"), help=PAUSE, key=f"pause {job.id}", **how)
    columns[1].button(
        "Stop and keep", on_click=ask, args=(job, "stop"), help=STOP, key=f"stop {job.id}", **how
    )
    key = f"cancel {job.id}"
    columns[2].button("Cancel", on_click=jobs.cancel, args=(job,), help=CANCEL, key=key, width="stretch")


def saved(job: Job) -> Saved:
    """The state that the job keeps, as `run_and_report` has it."""
    return Saved(job.folder / "state")


def ask(job: Job, wish: Literal["pause", "stop"] | None):
    """A click's callback."""
    if not jobs.refused(job):
        saved(job).ask(wish)


def ended(job: Job):
    """How it ended, and the way on from what it kept."""
    if job.status == "done":
        st.success(in_short(job))
        return
    paused, kept = saved(job).wish() == "pause", saved(job).holds
    at = where(job)
    if job.status == "cancelled":
        st.info(f"{'Paused' if paused and kept else 'This job was cancelled'}{at}. {job.title}")
    else:
        st.error(f"{in_page_words(job.error)} ({job.title})")
    if kept and jobs.mine(job):
        how = "the step" if paused and job.status == "cancelled" else "the last epoch"
        text = f"Goes on from {how} that it kept, in a new job."
        st.button("Resume", on_click=resume, args=(job,), help=text, key=f"resume {job.id}", type="primary")


def where(job: Job) -> str:
    """In which epoch of what it was, in words."""
    told = [event for before in training_events.jobs_of(jobs.workers(), job) for event in before.events]
    last = next((event for event in reversed(told) if "epochs" in event.values), None)
    if last is None:
        return ""
    what = TRAINING.get(last.stage, last.stage)
    return f" in epoch {last.values['epoch']} of {last.values['epochs']} of {what}"


def in_short(job: Job) -> str:
    """The figures that matter, in a line."""
    found = job.result()
    told, whole = found.report["gates"], found.stages.iloc[0]
    last, metric = found.stages.iloc[-1], found.of_task.metric
    gates = sum(found.gates.sizes)
    closed = int((found.gates.scaled[-1] == 0).sum())
    words = f"Done: {closed:,} of {gates:,} gates closed, {percent(told['between'])} are in between, "
    words += f"{percent(1 - last['macs'] / whole['macs'])} of the MACs are removed. Test {metric.name} "
    return words + f"{metric.in_words(last['value'])}; full network {metric.in_words(whole['value'])}."


def resume(job: Job):
    """A click's callback: a new job with a copy of what the ended one kept."""
    if jobs.refused(job):
        return
    folder = jobs.workers().results_folder()
    shutil.copytree(job.folder / "state", folder / "state")
    if new := jobs.start(run_report_and_keep, job.arguments[0], folder, title=job.title, after=job.id):
        state.look_at(**{"second" if state.looking_at("second") == job.id else "job": new.id})


# -------------------------------------------------------------------------------------------------- its gates


def trace(job: Job) -> GateTrace:
    """Its gates as far as they have come, those of the jobs that it goes on from among them."""
    if job.status == "done":
        return job.result().gates
    return training_events.trace_of(training_events.told(training_events.jobs_of(jobs.workers(), job)))


def gates_of(job: Job):
    found = trace(job)
    if not len(found.rows):
        return
    st.space("small")  # for a chart's own buttons, which come up above it
    live_charts.histograms(found, key=state_key(job))
    st.caption(live_charts.HISTOGRAMS)


def state_key(job: Job) -> str:
    """One for all jobs that go on from one another: their charts are the same."""
    return training_events.jobs_of(jobs.workers(), job)[0].id


def courses():
    """Below: the numbers of the newest step, every gate's path, the measure and the loss."""
    job = shown()
    if job is None:
        return
    if job.finished:
        draw_courses(job)
    else:
        st.fragment(follow_courses, run_every=open_pages.every(1.0))(job)


def follow_courses(job: Job):
    if job.finished:
        st.rerun()
    draw_courses(job)


def draw_courses(job: Job):
    found, events = trace(job), training_events.told(training_events.jobs_of(jobs.workers(), job))
    if len(found.rows):
        measure, left = MEASURE_NAMES[job.arguments[0].measure], None
        if job.status == "done":
            left = left_in_the_end(job.result().report, job.arguments[0].measure)
        live_charts.numbers(found, training_events.latest(events), measure, left)
        if dict(job.arguments[0].options)["control"] != "frozen":
            st.caption(live_charts.say(found))
        if job.status != "done":
            live_charts.courses(found, measure, key=state_key(job))
