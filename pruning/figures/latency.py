"""Where a network's time goes, layer by layer, before a cut and after."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import KEPT, QUIET
from pruning.figures.name_ticks import name_ticks

SHOWN = 12  # layers with a bar of their own
REST = "all other layers"
OTHER = "other"  # what is no layer: activations, sums, and the way between layers
NAMES = {OTHER: "activations, additions and the rest"}


def folded(layers: pd.DataFrame, shown: int = SHOWN) -> pd.DataFrame:
    """The layers that took most time before, the rest of them as one row, and what is no layer as the last.

    layers: a row a layer or norm, and one `other`: layer, kind, macs_before, macs_after (counts, of one
    image), ms_before, ms_after (of a batch). Returns the same columns."""
    is_other = layers["kind"] == OTHER
    known = layers[~is_other].sort_values("ms_before", ascending=False, kind="stable")
    rest, numbers = known.iloc[shown:], ["macs_before", "macs_after", "ms_before", "ms_after"]
    parts = [known.iloc[:shown]]
    if len(rest):
        parts.append(pd.DataFrame([{"layer": REST, "kind": "several", **rest[numbers].sum()}]))
    return pd.concat([*parts, layers[is_other].replace({"layer": NAMES})], ignore_index=True)


def layer_times(layers: pd.DataFrame, batch: int) -> go.Figure:
    """Two bars a layer: milliseconds of a batch in the full network, and in the cut one. layers: as
    `folded`."""
    rows = folded(layers)
    figure = go.Figure(
        layout={
            "xaxis_title": f"time of a batch of {batch} (ms)",
            "yaxis": {"autorange": "reversed", "type": "category", **name_ticks(rows["layer"].tolist())},
            "barmode": "group",
            "bargap": 0.3,
            "height": 130 + 30 * max(4, len(rows)),
            "margin": {"t": 30, "b": 50},
            "showlegend": True,
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1, "x": 0, "traceorder": "normal"},
        }
    )
    for name, stage, colour, pattern in (
        ("full network", "before", QUIET, "/"),
        ("pruned network", "after", KEPT, ""),
    ):
        figure.add_bar(
            x=rows[f"ms_{stage}"].to_numpy("float32"),
            y=rows["layer"],
            name=name,
            orientation="h",
            marker={"color": colour, "pattern": {"shape": pattern}},
            customdata=rows[["kind", f"macs_{stage}"]].to_numpy(object),
            hovertemplate="%{y} (%{customdata[0]})<br>%{x:.2f} ms, %{customdata[1]:,} MACs an image"
            "<extra></extra>",
        )
    if rows.empty:
        nothing(figure, "No layer was timed")
    return figure


def width_times(ms: np.ndarray, kept: int, batch: int) -> go.Figure:
    """Time of a batch against the width of one group, as the stairs that it is. ms: [size], at 1, 2, ...
    channels, all other groups as planned.   kept: how many the plan keeps."""
    widths = np.arange(1, len(ms) + 1)
    figure = go.Figure(
        layout={
            "xaxis_title": "channels kept",
            "yaxis_title": f"time of a batch of {batch} (ms)",
            "yaxis": {"rangemode": "tozero"},
            "height": 300,
            "margin": {"t": 30, "b": 50},
            "showlegend": True,
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1, "x": 0},
        }
    )
    line = {"shape": "hvh", "color": KEPT}
    hover = "%{x} channels: %{y:.2f} ms<extra></extra>"
    figure.add_scatter(x=widths, y=ms, mode="lines", line=line, name="estimated", hovertemplate=hover)
    free = free_width(ms, kept)
    marks = [(kept, "planned", "circle"), *([(free, "as quick", "diamond-open")] if free > kept else [])]
    for width, name, symbol in marks:
        marker = {"symbol": symbol, "size": 12, "color": KEPT}
        figure.add_scatter(
            x=[width], y=[ms[width - 1]], mode="markers", marker=marker, name=name, hovertemplate=hover
        )
    return figure


def free_width(ms: np.ndarray, kept: int) -> int:
    """The largest width that takes no longer."""
    return int(np.flatnonzero(ms <= ms[kept - 1]).max()) + 1


def width_times_in_words(ms: np.ndarray, kept: int, name: str) -> str:
    """What the planned width takes, and whether a larger one is free."""
    words = (
        f"{name} keeps {kept} of {len(ms)} channels: {ms[kept - 1]:.3g} ms, {ms[-1]:.3g} ms with all of them"
    )
    free = free_width(ms, kept)
    if free > kept:
        return f"{words}. {free} channels take no longer ({ms[free - 1]:.3g} ms)."
    return f"{words}. No larger width is as quick."


def layer_times_in_words(layers: pd.DataFrame, alone: tuple[float, float] | None = None) -> str:
    """How the parts add up, what takes most time after the cut, and where most was saved.

    alone: milliseconds of the full and of the pruned network as a whole, without a clock at every layer."""
    if layers.empty:
        return "No layer was timed."
    before, after = parts_in_words(layers, "ms_before"), parts_in_words(layers, "ms_after")
    most = layers.loc[layers["ms_after"].idxmax()]
    words = f"Full network: {before}; pruned network: {after}. "
    if alone is not None:
        words += f"Without a timer at every layer they take {alone[0]:.1f} and {alone[1]:.1f} ms. "
    words += f"The largest part now is {NAMES.get(most['layer'], most['layer'])} ({most['ms_after']:.1f} ms)"
    saved = (layers["ms_before"] - layers["ms_after"])[layers["kind"] != OTHER]
    if saved.empty or saved.max() <= 0:
        return words + ", and no layer has become faster."
    best = layers.loc[saved.idxmax()]
    return f"{words}, and {best['layer']} saved most ({best['ms_before']:.1f} to {best['ms_after']:.1f} ms)."


def parts_in_words(layers: pd.DataFrame, column: str) -> str:
    """A sum that adds up as it is written: 62.1 ms = 40.2 in layers and norms + 21.9 in the rest."""
    rest = round(float(layers.loc[layers["kind"] == OTHER, column].sum()), 1)
    whole = round(float(layers[column].sum()), 1)
    return f"{whole:.1f} ms = {whole - rest:.1f} in layers and batch norms + {rest:.1f} in {NAMES[OTHER]}"
