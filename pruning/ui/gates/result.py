"""What came of a training with gates: the whole of it in figures, and the network once its zeros are gone."""

import pandas as pd
import streamlit as st

from pruning.allocation import MEASURE_NAMES
from pruning.experiment.report_shape import left_in_the_end
from pruning.figures import gates as figures
from pruning.inspection.prediction_changes import RunReport
from pruning.jobs import Job
from pruning.metric_words import change, counted
from pruning.ui import charts, page, state
from pruning.ui.gates import training_job
from pruning.ui.page_messages import in_page_words
from pruning.ui.prune import result, take_away
from pruning.ui.prune.run_job import settings

REMOVE = (
    "Cuts the closed channels out and multiplies the open gates into the weights that read them. The run has "
    "done it and measured both networks; this shows them."
)


def button():
    """The next step once a training is done."""
    job = training_job.shown()
    if job is not None and job.status == "done" and state.looking_at("zeros") is None:
        how = {"type": "primary", "width": "stretch", "help": REMOVE, "on_click": state.look_at}
        st.button("Remove the zeros", kwargs={"zeros": "removed"}, **how)


def panel():
    """The finished run, whole."""
    job = training_job.shown()
    if job is None or job.status != "done":
        return
    settings(job.arguments[0], job.id)
    found: RunReport = job.result()
    if state.looking_at("zeros") is not None:
        removed(found, job)
    whole(found)


def removed(found: RunReport, job: Job):
    """The network before and after its zeros were removed."""
    st.subheader("The zeros are removed", anchor=False)
    accuracies(found)
    st.markdown(difference_in_words(found))
    take_away.panel(found, job.folder)
    result.savings(found)
    st.markdown(closed_in_words(found))
    for message in found.report["messages"]:
        st.info(in_page_words(message))
    result.widths(found)
    result.curve(found)
    query = state.link() | found.recipe.to_query() | {"job": job.id}
    label = "What changed, image by image, on Prune"
    st.page_link(page.places()["Prune"], label=label, query_params=query)


def accuracies(found: RunReport):
    """The metric of the full network, the gated one, right after the removal, and in the end."""
    report = found.report
    task, values, images = found.of_task, report["values"], report["test_images"]
    metric = task.metric
    gated = report["gates"][metric.name]
    rows = [("Full network", values["baseline"], "The full network, as it was loaded.")]
    rows.append(("Gated", gated, "Trained with its gates, all channels still there."))
    rows.append(
        (
            "Zeros removed",
            values["cut"],
            ("Right after the channels were removed, without any repair."),
        )
    )
    for stage, label in (("repaired", "Repaired"), ("tuned", "Fine-tuned"), ("quantized", "In few bits")):
        if values.get(stage) is not None:
            rows.append((label, values[stage], "After what followed the removal."))
    result.on_test_images(images, metric)
    for column, (label, value, text) in zip(st.columns(max(4, len(rows))), rows, strict=False):
        against = gated if label == "Zeros removed" else rows[0][1]
        than = "the gated network" if label == "Zeros removed" else "the full network"
        told = f"{change(metric, value - against)} to {than}"
        first = label == "Full network"
        column.metric(
            label,
            metric.in_words(value),
            (counted(task, value, images) or metric.name) if first else told,
            delta_color="off",
            delta_arrow="off",
            help=text,
            border=True,
        )


def difference_in_words(found: RunReport) -> str:
    """How far the outputs moved when the zeros went."""
    difference = found.report["gates"]["absorb_difference"]
    if difference is None:
        return (
            "The widths were chosen by a ranking of the gates, so channels with open gates were cut "
            "too, and the "
            "outputs changed."
        )
    told = f"{difference:.1e} of the largest output" if difference else "none, not in the last digit"
    return (
        f"**Largest difference of any output before and after: {told}**, on the same test images. The closed "
        "channels were multiplied by exact zeros, so removing them changes no sum; single precision rounds "
        "at 1.2e-07."
    )


def closed_in_words(found: RunReport) -> str:
    closed = found.report["gates"]["closed_blocks"]
    if not closed:
        return "No block closed completely: every group kept a channel."
    listed = ", ".join(f"`{name}`" for name in closed)
    return f"Whole blocks closed, and only their shortcuts are left of them: {listed}."


def whole(found: RunReport):
    """The training from its start to its end, to be looked at and taken away."""
    st.subheader("The whole training", anchor=False)
    trace, measure = found.gates, MEASURE_NAMES[found.recipe.measure]
    charts.chart(
        figures.polarization(trace),
        figures.polarization_in_words(trace),
        key="polarization",
        alt="Histograms of the gates at the start, in the middle and at the end",
        table=bins(trace),
    )
    left, right = st.columns([3, 2], gap="large")
    table, end = figures.paths(trace), left_in_the_end(found.report, found.recipe.measure)
    with left:
        charts.chart(
            figures.path_figure(table, trace.rows, trace.decided),
            figures.paths_in_words(table, sum(trace.sizes), trace.decided),
            key="gate-paths",
            alt="Every gate over the steps",
            table=table,
        )
    with right:
        charts.chart(
            figures.budget(trace.rows, measure),
            figures.budget_in_words(trace.rows, found.recipe.cut, measure, end),
            key="gate-budget",
            alt=f"{measure} left against the target, and the loss",
            table=trace.rows,
        )


def bins(trace) -> pd.DataFrame:
    """What the six histograms are drawn from, one below another."""
    tables = [
        kind(values[k]).assign(by=by, step=trace.rows["step"].iloc[k])
        for k in figures.picked(trace)
        for by, kind, values in (
            ("g", figures.histogram, trace.values),
            ("t / sqrt(eps)", figures.scaled_histogram, trace.scaled),
        )
    ]
    return pd.concat(tables, ignore_index=True)
