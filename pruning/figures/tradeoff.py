"""Accuracy against MACs: what a cut saves and what it costs, stage by stage."""

from collections.abc import Iterable

import pandas as pd
import plotly.graph_objects as go

from pruning.figures.method_style import LEGEND, QUIET, look
from pruning.terms import percent, title

# What each stage is called, and how its mark is filled: the later the fuller.
STAGES = {
    "baseline": ("full network", "-open"),
    "cut": ("cut", "-open"),
    "repaired": ("repaired", "-open-dot"),
    "tuned": ("fine-tuned", ""),
    "quantized": ("in few bits", "-dot"),
}
COLUMNS = ("run", "criterion", "stage", "macs", "accuracy", "correct", "test_images")


def tradeoff(runs: pd.DataFrame) -> go.Figure:
    """A vertical line a run, from what the cut left to what repair and fine-tuning brought back.

    runs: a row a run and stage, with the columns of COLUMNS: macs and correct are counts, accuracy 0 to 1.
    """
    figure = go.Figure(
        layout={
            "xaxis": {"title": "MACs of one image (millions)", "rangemode": "tozero"},
            "yaxis_title": "accuracy on the test images (%)",
            "height": 380,
            "margin": {"t": 30, "b": 50},
            **LEGEND,
        }
    )
    full = runs[runs["stage"] == "baseline"].drop_duplicates(["macs", "correct"])
    for point in full.itertuples():
        figure.add_hline(100 * point.accuracy, line={"color": QUIET, "dash": "dot", "width": 1})
    if len(full):
        mark = {"symbol": "star", "size": 14, "color": QUIET}
        add(figure, full, name="full network", mode="markers", marker=mark)
    named = set()
    for (_, criterion), rows in runs[runs["stage"] != "baseline"].groupby(["run", "criterion"], sort=False):
        how = look(criterion)
        symbols = [how["marker"]["symbol"] + STAGES[stage][1] for stage in rows["stage"]]
        marker = how["marker"] | {"symbol": symbols, "size": 11}
        legend = {"name": title(criterion), "legendgroup": criterion, "showlegend": criterion not in named}
        add(figure, rows, mode="lines+markers", line=how["line"], marker=marker, **legend)
        named.add(criterion)
    if runs.empty:
        figure.add_annotation(text="No run has finished yet", showarrow=False)
    return figure


def stage_points(events: Iterable) -> pd.DataFrame:
    """stage (in words), macs (millions) and accuracy (%) of the stages that a job has told of so far.

    events: with stage and values; the plan's tells macs and macs_before, an evaluation's accuracy its stage.
    """
    told = [event.values for event in events if event.stage == "plan" and "macs" in event.values]
    counted = [event.values for event in events if event.stage == "evaluate" and "accuracy" in event.values]
    found = {values["message"]: values["accuracy"] for values in counted}
    rows = [
        (STAGES[stage][0], told[-1]["macs_before" if stage == "baseline" else "macs"] / 1e6, 100 * accuracy)
        for stage, accuracy in found.items()
        if told and stage in STAGES
    ]
    return pd.DataFrame(rows, columns=["stage", "macs", "accuracy"])


def add(figure: go.Figure, rows: pd.DataFrame, **how):
    figure.add_scatter(
        x=rows["macs"].to_numpy("float32") / 1e6,
        y=rows["accuracy"].to_numpy("float32") * 100,
        customdata=rows[["run", "correct", "test_images"]].to_numpy(object),
        text=[STAGES[stage][0] for stage in rows["stage"]],
        hovertemplate="%{text}: %{y:.2f} % (%{customdata[1]:,} of %{customdata[2]:,} right), "
        "%{x:.2f} million MACs<br>%{customdata[0]}<extra></extra>",
        **how,
    )


def tradeoff_in_words(runs: pd.DataFrame) -> str:
    """What the newest run, the last in the table, saves and costs."""
    if runs.empty:
        return "No run has finished yet."
    rows = runs[runs["run"] == runs["run"].iloc[-1]].set_index("stage")
    last = rows.iloc[-1]
    if "baseline" not in rows.index or last.name == "baseline":
        return f"{last['correct']:,} of {last['test_images']:,} test images are right."
    full = rows.loc["baseline"]
    saved, images = 1 - last["macs"] / full["macs"], last["test_images"]
    words = (
        f"With {percent(saved)} of the MACs removed, {last['correct']:,} of {images:,} test images are "
        "right; "
    )
    words += f"with all of them {full['correct']:,} are"
    if last.name != "cut" and "cut" in rows.index:
        words += f", and right after the cut it was {rows.loc['cut', 'correct']:,}"
    return words + "."
