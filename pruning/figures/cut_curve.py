"""The task's metric against the share that is cut, raw and repaired: how far one can go, before anything is
run. `metric` is the task's, a `tasks.Metric`, and `task` what it is of, a `tasks.Task`."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import CUT, KEPT, LEGEND, QUIET
from pruning.metric_words import axis, correct, scale
from pruning.terms import REPAIRS, percent

NAMES = {"raw": "after the cut", "repaired": "after repair"}
LOOKS = {
    "raw": {"line": {"color": CUT, "dash": "dot"}, "marker": {"symbol": "x", "size": 8}},
    "repaired": {"line": {"color": KEPT}, "marker": {"symbol": "circle", "size": 9}},
}
BAND = "rgba(63, 144, 218, 0.18)"  # KEPT, faint
IMAGES = " on the hold-out images"


def live_rows(points: pd.DataFrame, at: float, largest: float | None, metric) -> pd.DataFrame:
    """A row a mark of the curve that grows: what (raw, repaired, expected, full, slider, largest), cut (%),
    value of the metric as it is drawn, low and high of the expected band.

    points: as `inspection.tradeoff.curve`.   at: the slider's cut, as a share.   largest: as
    `inspection.tradeoff.largest_within`."""
    rows, size = [("slider", 100 * at, None, None, None)], scale(metric)
    for point in points.itertuples():
        for state in ("raw", "repaired"):
            if not pd.isna(value := getattr(point, state)):
                rows.append((state, 100 * point.cut, size * value, None, None))
        if not np.isnan(point.low):
            rows.append(("expected", 100 * point.cut, None, size * point.low, size * point.high))
    if len(points):
        rows.append(("full", None, size * points["baseline"].iloc[0], None, None))
    if largest is not None:
        rows.append(("largest", 100 * largest, None, None, None))
    return pd.DataFrame(rows, columns=["what", "cut", "value", "low", "high"])


def cut_curve(points: pd.DataFrame, measure: str, at: float, largest: float | None, *, task) -> go.Figure:
    """A line for the bare cut and one for the repaired; the expected band behind them, the full network
    above, the slider's cut and the largest free one as upright lines.

    points, at, largest: as `live_rows`.   measure: in words, such as MACs."""
    size = scale(task.metric)
    figure = go.Figure(
        layout={
            "xaxis": {"title": f"{measure} cut (%)", "range": [-2, 97]},
            "yaxis": {"title": axis(task.metric, IMAGES), **bounds(task.metric)},
            "height": 360,
            "margin": {"t": 40, "b": 50},
            **LEGEND,
        }
    )
    if points.empty:
        nothing(figure, "No cut has been measured yet")
        return figure
    band(figure, points[points["low"].notna()], size)
    for state, name in NAMES.items():
        known = points[points[state].notna()]
        figure.add_scatter(
            x=100 * known["cut"].to_numpy("float32"),
            y=size * known[state].to_numpy("float32"),
            name=name,
            mode="lines+markers",
            text=[
                told(task, value, images) for value, images in zip(known[state], known["images"], strict=True)
            ],
            hovertemplate=f"%{{x:.0f}} % cut: %{{text}}<extra>{name}</extra>",
            **LOOKS[state],
        )
    marks(figure, size * points["baseline"].iloc[0], at, largest)
    return figure


def told(task, value: float, images: int) -> str:
    """A value, and of how many images how many are right."""
    right = correct(task, value, images)
    more = f"{images} images" if right is None else f"{right} of {images} right"
    return f"{task.metric.in_words(value)} ({more})"


def bounds(metric) -> dict:
    """Of the axis: those of a share are known."""
    return {"range": [0, 102]} if metric.unit == "share" else {"rangemode": "tozero"}


def marks(figure: go.Figure, full: float, at: float, largest: float | None):
    """The full network's value as it is drawn, and the slider's and the largest free cut as upright lines."""
    line = {"color": QUIET, "dash": "dot", "width": 1}
    figure.add_scatter(x=[0, 97], y=[full, full], name="full network", mode="lines", line=line)
    figure.add_vline(100 * at, line={"color": QUIET, "width": 1.5})
    if largest is not None:
        label = {"text": f"{percent(largest, 0)}: within 1 point", "textangle": 0, "yanchor": "bottom"}
        label |= {"font": {"color": KEPT}, "x": 100 * largest, "y": 2, "xanchor": "right", "showarrow": False}
        figure.add_vline(100 * largest, line={"color": KEPT, "dash": "dash", "width": 1.5})
        figure.add_annotation(label)


def band(figure: go.Figure, expected: pd.DataFrame, size: float):
    """What the other cuts let expect of each, from low to high."""
    if expected.empty:
        return
    x = 100 * expected["cut"].to_numpy("float32")
    edges = (expected["low"].to_numpy("float32"), expected["high"].to_numpy("float32"))
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]),
        y=size * np.concatenate([edges[0], edges[1][::-1]]),
        name="expected",
        fill="toself",
        fillcolor=BAND,
        mode="lines",
        line={"width": 0},
        hoverinfo="skip",
    )


def cut_curve_in_words(points: pd.DataFrame, largest: float | None, metric) -> str:
    """How far one can go for a point, and what the repair is worth where it counts most."""
    repaired = points[points["repaired"].notna() & (points["cut"] > 0)]
    if len(repaired) < 2:
        return (
            f"Hold-out {metric.name} at each pruning ratio, right after the cut and after repair; the curve "
            "fills in as cuts are measured."
        )
    full, said = points["baseline"].iloc[0], metric.in_words
    how = REPAIRS[repaired["repair"].iloc[0]].title
    gained = (repaired["repaired"] - repaired["raw"]) * (1 if metric.direction == "higher" else -1)
    most = repaired.loc[gained.idxmax()]
    words = f"After {how}, without labels"
    if largest:
        words += (
            f", the network stays within 1 point of its {said(full)} up to a cut of {percent(largest, 0)}"
        )
    elif metric.unit == "share":
        words += f", no cut tried stays within 1 point of the full network's {said(full)}"
    words += f"; at {percent(most['cut'], 0)} the repair brings {said(most['raw'])} back to "
    return words + f"{said(most['repaired'])}."
