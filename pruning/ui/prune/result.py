"""What came of a job: metrics against the full network, what changed, the structure, and all to take away."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from pruning.allocation import MEASURE_NAMES
from pruning.experiment import Recipe
from pruning.figures import prediction_changes, structure, tradeoff, training
from pruning.inspection.prediction_changes import RunReport
from pruning.jobs import Job
from pruning.metric_words import change, correct, counted, in_full
from pruning.tasks import Metric, Task
from pruning.terms import ALLOCATIONS, percent, plural, sentence, title
from pruning.ui import charts, display_names, jobs
from pruning.ui.layer_graph import panel as layer_graph
from pruning.ui.page_messages import in_page_words
from pruning.ui.prune import changed_pictures, grad_cam, latency, search, take_away, translations
from pruning.ui.prune.cut_preview import MACS, against

SAME = {
    "classes": "Test images for which both networks predict the same class",
    "masks": "Pixels of the test images for which both networks predict the same class",
    "pictures": "Test images whose two translations the classifier takes for the same domain",
}


def in_short(found: RunReport) -> str:
    """The figures that matter, in one line."""
    whole, last = found.stages.iloc[0], found.stages.iloc[-1]
    task, metric, images = found.of_task, found.of_task.metric, last["test_images"]
    words = f"Done, {settings(found.recipe)}: test {metric.name} "
    words += f"{in_full(task, last['value'], f'{images:,} images', images)}, full network "
    words += f"{metric.in_words(whole['value'])}; "
    return words + f"{percent(1 - last['macs'] / whole['macs'])} of the MACs are removed."


def panel(found: RunReport, folder: Path):
    """Everything about a run that is done. folder: where it was saved."""
    take_away.panel(found, folder)
    accuracies(found)
    savings(found)
    for message in found.report["messages"]:
        st.info(in_page_words(message))
    left, right = st.columns(2, gap="large")
    with left:
        against_macs(found)
    with right:
        curve(found)
    latency.panel(found)
    if found.translated is not None:
        translations.in_every_domain(found.translated)
        translations.measures(found.report)
    what_changed(found)
    grad_cam.panel(found.grad_cams, found.of_task, found.unseen)
    search.path(found.recipe, found.path, achieved(found), found.widths, key="run-search")
    widths(found)
    layer_graph.run(found.recipe, folder)
    as_text(found.recipe)


def accuracies(found: RunReport):
    """The metric on the test images after each stage, the full network's first."""
    whole, task = found.stages.iloc[0], found.of_task
    metric = task.metric
    on_test_images(whole["test_images"], metric)
    columns = st.columns(max(4, len(found.stages)))
    for column, stage in zip(columns, found.stages.itertuples(), strict=False):
        column.metric(
            tradeoff.STAGES[stage.stage][0].capitalize(),
            metric.in_words(stage.value),
            change(metric, stage.value - whole["value"])
            if stage.Index
            else counted(task, stage.value, stage.test_images) or metric.name,
            delta_color="off",
            delta_arrow="off",
            help=of_stage(task, stage),
            border=True,
        )
    words = found.difference.in_words("the pruned network", "the full network")
    st.markdown(sentence(words))


def of_stage(task: Task, stage) -> str:
    """What a stage's value is of."""
    right, images = correct(task, stage.value, stage.test_images), f"{stage.test_images:,} test images"
    return f"On {images}." if right is None else f"{right:,} of {images} are right."


def on_test_images(images: int, metric: Metric):
    """What the figures below are of."""
    st.markdown(f"**Test {metric.name}**, on {images:,} test images")


def savings(found: RunReport):
    """MACs, parameters and measured time, before and after."""
    columns, report = st.columns(5), found.report
    against(columns[0], "MACs", *pair(report["macs"]), MACS)
    against(columns[1], "Parameters", *pair(report["parameters"]), "Weights, biases and batch norms.")
    took, before = report["latency_ms"]["final"], report["latency_ms"]["baseline"]
    how = report["latency_ms"]
    measured = (
        f"the median of 20 batches of {how['batch']} images, on {plural(how['threads'], 'thread')}, "
        f"{how['device']}"
    )
    columns[2].metric(
        "Measured time",
        f"{took:.1f} ms",
        f"{percent(took / before - 1, signed=True)} of {before:.1f} ms",
        delta_color="off",
        delta_arrow="off",
        help=f"After 5 warm-ups: {measured}.",
        border=True,
    )
    columns[3].metric(
        "Same answers",
        percent(report["agreement"]),
        "as the full network",
        delta_color="off",
        delta_arrow="off",
        help=f"{SAME[found.of_task.drawn_as]}, right or wrong.",
        border=True,
    )
    text = "Size of the tensors in the file; quantized weights are packed, activations stay float32."
    against(columns[4], "Bytes", *pair(report["bytes"]), text)
    st.caption(f"Time is {measured}. {latency.spread_in_words(how)} Fewer MACs are not always faster.")


def pair(counts: dict[str, int]) -> tuple[int, int]:
    return counts["final"], counts["baseline"]


def against_macs(found: RunReport):
    """This run among the server's other finished runs of the same network and data."""
    runs = comparable(found, jobs.own())
    charts.chart(
        tradeoff.tradeoff(runs, found.of_task),
        tradeoff.tradeoff_in_words(runs, found.of_task),
        key="tradeoff",
        alt=f"{sentence(found.of_task.metric.name)} against MACs",
        table=runs,
    )


def comparable(found: RunReport, others: Iterable[Job]) -> pd.DataFrame:
    """A row a run and stage: of `others` that are done and about the same, and of this run, the last. Of runs
    of one recipe the first alone."""
    tables = {found.recipe.digest(): labelled(found)}
    for job in others:
        if job.status == "done" and isinstance(other := job.result(), RunReport):
            if subject(other.recipe) == subject(found.recipe):
                tables.setdefault(other.recipe.digest(), labelled(other))
    return pd.concat([*tables.values()][::-1], ignore_index=True)


def subject(recipe: Recipe) -> tuple:
    """What two runs have in common that may stand in one chart."""
    return tuple(
        getattr(recipe, name) for name in ("model", "data", "checkpoint", "normalize", "size", "subtask")
    )


def labelled(found: RunReport) -> pd.DataFrame:
    run = f"{settings(found.recipe)} ({found.recipe.digest()})"
    return found.stages.assign(run=run, criterion=found.recipe.criterion)


def settings(recipe: Recipe) -> str:
    """What a run was asked to do, in a few words."""
    share = f"{display_names.percent(recipe.cut)} of the {MEASURE_NAMES[recipe.measure]}"
    epochs = f", {plural(recipe.epochs, 'epoch')}" if recipe.epochs else ""
    bits = f", {recipe.bits:g} bits" if recipe.bits is not None else ""
    return f"{title(recipe.criterion)}, {share}, {ALLOCATIONS[recipe.allocation].title}{epochs}{bits}"


def achieved(found: RunReport) -> float:
    """The share of the measure that went, 0 to 1."""
    if found.recipe.measure == "channels":
        return 1 - found.widths["after"].sum() / found.widths["before"].sum()
    report = found.report
    of = {
        "macs": report["macs"],
        "params": report["parameters"],
        "latency": report["latency_ms"]["estimated"],
    }
    counts = of[found.recipe.measure]
    return 1 - counts["final"] / counts["baseline"]


def curve(found: RunReport):
    """How fine-tuning went."""
    if found.history.empty:
        st.caption(
            training.training_in_words(found.history, found.of_task.metric, taught=found.of_task.taught)
        )
        return
    charts.chart(
        training.training(found.history, found.of_task.metric),
        training.training_in_words(found.history, found.of_task.metric, taught=found.of_task.taught),
        key="training",
        alt=f"Loss and hold-out {found.of_task.metric.name} by epoch",
        table=found.history,
    )


def what_changed(found: RunReport):
    """The same accuracy can be made of other errors: which images, and which class."""
    st.subheader("What changed", anchor=False)
    report, task = found.report, found.of_task
    words = prediction_changes.changed_in_words(
        **report["flips"], images=report["test_images"], agreement=report["agreement"], task=task
    )
    st.markdown(words)
    if found.unseen:
        st.caption(found.unseen)
    changed_pictures.gallery(found)
    charts.csv(found.changes, "changed", "All changed images as CSV")
    classes = per_class(report)
    charts.chart(
        prediction_changes.by_class(classes, task),
        prediction_changes.by_class_in_words(classes, task),
        key="classes",
        alt=f"{sentence(task.of_class)} of every class before and after",
        table=classes,
    )


def per_class(report: Mapping[str, Any]) -> pd.DataFrame:
    table = pd.DataFrame(report["per_class"])
    return table.rename_axis("class").reset_index()


def widths(found: RunReport):
    """Structure before and after."""
    st.subheader("Structure before and after", anchor=False)
    charts.chart(
        structure.structure(found.widths),
        structure.structure_in_words(found.widths),
        key="structure",
        alt="Channels of every group before and after",
        table=found.widths,
    )
    with st.expander("As a table", key="result as a table"):
        st.dataframe(found.widths, hide_index=True, key="structure table", alt="Channels of every group")


def as_text(recipe: Recipe):
    """The same experiment without this app: both give the same numbers on this machine."""
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**The same in Python**")
        st.code(recipe.python(), language="python", wrap_lines=True)
    with right:
        st.markdown("**The same on the command line**")
        st.code(recipe.command_line(), language="bash", wrap_lines=True)
