"""The task's metric against MACs: what a cut saves and what it costs, stage by stage. `task` is a
`tasks.Task`, `metric` a `tasks.Metric`."""

from collections.abc import Iterable

import pandas as pd
import plotly.graph_objects as go

from pruning.figures.cut_curve import told
from pruning.figures.method_style import LEGEND, QUIET, look
from pruning.metric_words import axis, correct, scale
from pruning.terms import percent, sentence, title

# What each stage is called, and how its mark is filled: the later the fuller.
STAGES = {
    "baseline": ("full network", "-open"),
    "cut": ("cut", "-open"),
    "repaired": ("repaired", "-open-dot"),
    "tuned": ("fine-tuned", ""),
    "quantized": ("in few bits", "-dot"),
}
COLUMNS = ("run", "criterion", "stage", "macs", "value", "test_images")


def tradeoff(runs: pd.DataFrame, task) -> go.Figure:
    """A vertical line a run, from what the cut left to what repair and fine-tuning brought back.

    runs: a row a run and stage, with the columns of COLUMNS: value is of the metric, on so many test images.
    """
    figure = go.Figure(
        layout={
            "xaxis": {"title": "MACs of one image (millions)", "rangemode": "tozero"},
            "yaxis_title": axis(task.metric, " on the test images"),
            "height": 380,
            "margin": {"t": 30, "b": 50},
            **LEGEND,
        }
    )
    full = runs[runs["stage"] == "baseline"].drop_duplicates(["macs", "value"])
    for point in full.itertuples():
        figure.add_hline(scale(task.metric) * point.value, line={"color": QUIET, "dash": "dot", "width": 1})
    if len(full):
        mark = {"symbol": "star", "size": 14, "color": QUIET}
        add(figure, full, task, name="full network", mode="markers", marker=mark)
    named = set()
    for (_, criterion), rows in runs[runs["stage"] != "baseline"].groupby(["run", "criterion"], sort=False):
        how = look(criterion)
        symbols = [how["marker"]["symbol"] + STAGES[stage][1] for stage in rows["stage"]]
        marker = how["marker"] | {"symbol": symbols, "size": 11}
        legend = {"name": title(criterion), "legendgroup": criterion, "showlegend": criterion not in named}
        add(figure, rows, task, mode="lines+markers", line=how["line"], marker=marker, **legend)
        named.add(criterion)
    if runs.empty:
        figure.add_annotation(text="No run has finished yet", showarrow=False)
    return figure


def stage_points(events: Iterable, metric) -> pd.DataFrame:
    """stage (in words), macs (millions) and value (of the metric, as it is drawn) of the stages that a job
    has told of so far.

    events: with stage and values; the plan's tells macs and macs_before, an evaluation's metric its stage.
    """
    told = [event.values for event in events if event.stage == "plan" and "macs" in event.values]
    counted = [event.values for event in events if event.stage == "evaluate" and metric.name in event.values]
    found = {values["message"]: values[metric.name] for values in counted}
    rows = [
        (
            STAGES[stage][0],
            told[-1]["macs_before" if stage == "baseline" else "macs"] / 1e6,
            scale(metric) * value,
        )
        for stage, value in found.items()
        if told and stage in STAGES
    ]
    return pd.DataFrame(rows, columns=["stage", "macs", "value"])


def add(figure: go.Figure, rows: pd.DataFrame, task, **how):
    figure.add_scatter(
        x=rows["macs"].to_numpy("float32") / 1e6,
        y=rows["value"].to_numpy("float32") * scale(task.metric),
        customdata=rows[["run"]].to_numpy(object),
        text=[
            f"{STAGES[row.stage][0]}: {told(task, row.value, row.test_images)}" for row in rows.itertuples()
        ],
        hovertemplate="%{text}, %{x:.2f} million MACs<br>%{customdata[0]}<extra></extra>",
        **how,
    )


def tradeoff_in_words(runs: pd.DataFrame, task) -> str:
    """What the newest run, the last in the table, saves and costs."""
    if runs.empty:
        return "No run has finished yet."
    rows = runs[runs["run"] == runs["run"].iloc[-1]].set_index("stage")
    last, images = rows.iloc[-1], f"{rows['test_images'].iloc[-1]:,} test images"

    def said(row) -> str:
        right = correct(task, row["value"], row["test_images"])
        return task.metric.in_words(row["value"]) if right is None else f"{right:,}"

    now = f"{said(last)} of {images} are right"
    if not task.counts_right:
        now = f"{task.metric.name} on {images} is {said(last)}"
    if "baseline" not in rows.index or last.name == "baseline":
        return f"{sentence(now)}."
    full = rows.loc["baseline"]
    words = f"With {percent(1 - last['macs'] / full['macs'])} of the MACs removed, {now}; "
    words += f"with all of them {f'{said(full)} are' if task.counts_right else f'it is {said(full)}'}"
    if last.name != "cut" and "cut" in rows.index:
        words += f", and right after the cut it was {said(rows.loc['cut'])}"
    return words + "."
