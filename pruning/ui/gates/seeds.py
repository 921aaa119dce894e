"""The same training with another seed beside it: what both close is the network's doing, the rest chance."""

import streamlit as st

from pruning.allocation import MEASURE_NAMES
from pruning.figures import gate_agreement as figures
from pruning.jobs import Job
from pruning.runs.keeping import run_report_and_keep
from pruning.ui import charts, jobs, open_pages, state
from pruning.ui.gates import live_charts, training_job
from pruning.ui.prune import run_job as cutting

HELP = "The same recipe in a job of its own, with this seed; it waits for its turn."


def section():
    """Offered once a training has begun; then both, side by side."""
    first = training_job.shown()
    if first is None or (first.finished and first.status != "done"):
        return
    second = beside(first)
    st.subheader("Compare with another seed", anchor=False)
    if second is None:
        st.caption(
            "Would the same channels close again? Another seed shuffles the images differently; what both "
            "trainings close does not depend on the seed."
        )
        offer(first)
        return
    for column, job in zip(st.columns(2, gap="large"), (first, second), strict=True):
        with column:
            st.markdown(f"**{named(job)}**")
            one(job)
    if first.status == second.status == "done":
        compared(first, second)
    else:
        st.caption("Which channels both close is shown here once both are done.")
    st.button(
        "Close the comparison", on_click=state.look_at, kwargs={"second": None}, help="Keeps both jobs."
    )


def beside(first: Job) -> Job | None:
    """The link's second job, if the two differ in nothing but the seed."""
    second, recipe = training_job.shown("second"), first.arguments[0]
    return second if second and second.arguments[0].but(seed=recipe.seed) == recipe else None


def offer(first: Job):
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    recipe = first.arguments[0]
    seed = left.number_input(
        "Its seed", min_value=0, step=1, value=recipe.seed + 1, key="second seed", help="Any other number."
    )
    same = seed == recipe.seed
    right.button("Train with this seed too", on_click=start, args=(first,), disabled=same, help=HELP)


def start(first: Job):
    """A click's callback."""
    recipe = first.arguments[0].but(seed=int(st.session_state["second seed"]))
    if jobs.lacks_file(recipe):
        return
    words = f"{first.title}, seed {st.session_state['second seed']}"
    if job := jobs.start(run_report_and_keep, recipe, jobs.workers().results_folder(), title=words):
        state.look_at(second=job.id)


def named(job: Job) -> str:
    return f"seed {job.arguments[0].seed}"


def one(job: Job):
    """How far it is, its gates, and what is left of the measure."""
    if job.finished:
        draw(job)
    else:
        st.fragment(follow, run_every=open_pages.every(1.0))(job)


def follow(job: Job):
    if job.finished:
        st.rerun()
    st.progress(*cutting.progress(job))
    draw(job)


def draw(job: Job):
    if job.finished and job.status != "done":
        training_job.ended(job)
    trace, measure = training_job.trace(job), MEASURE_NAMES[job.arguments[0].measure]
    if len(trace.rows):
        key = f"{training_job.state_key(job)} beside"
        live_charts.histograms(trace, key=key)
        live_charts.paths(trace, key=key)
        live_charts.course(trace, measure, key=key)


def compared(first: Job, second: Job):
    """Which channels both closed."""
    names = (named(first), named(second))
    table = figures.fates(training_job.trace(first), training_job.trace(second))
    charts.chart(
        figures.agreement(table, names),
        figures.agreement_in_words(table, names),
        key="seeds",
        alt=f"Channels that {names[0]} and {names[1]} closed",
        table=table,
    )
