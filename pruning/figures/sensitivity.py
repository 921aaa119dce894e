"""What each group alone can bear: the task's metric and the error against the share of it that is gone, as a
map of all groups and as curves. `metric` is the task's, a `tasks.Metric`."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import BELOW, CUT, KEPT, LEGEND, QUIET
from pruning.figures.name_ticks import name_ticks
from pruning.metric_words import scale
from pruning.terms import percent, plural, sentence

KINDS = {"repaired": "{}, reconstructed", "raw": "{}, not repaired", "error": "Reconstruction error"}
SHADES = [[0, "rgba(148, 164, 162, 0.12)"], [1, BELOW]]  # the fuller, the more is lost
ROW = 22  # pixels of a group
SEEN = ["group", "kept", "channels", "lost_raw", "lost_repaired", "lost_error"]


def kinds(metric) -> dict[str, str]:
    """What can be drawn, in words."""
    return {kind: words.format(sentence(metric.name)) for kind, words in KINDS.items()}


def axis_of(kind: str, metric) -> str:
    if kind == "error":
        return "variance not reconstructed (%)"
    return f"{metric.name} lost" + (f" ({metric.step})" if metric.step else "")


def hover(metric) -> str:
    lost = f"{metric.step} of {metric.name}".strip()
    return (
        "%{y}, %{customdata[1]} of %{customdata[2]} channels kept<br>"
        f"%{{customdata[3]:.1f}} {lost} lost, %{{customdata[4]:.1f}} after reconstruction<br>"
        "%{customdata[5]:.2f} % of the variance not reconstructed<extra></extra>"
    )


def lost(table: pd.DataFrame, metric) -> pd.DataFrame:
    """The measured rows with what a drawing needs: lost_raw and lost_repaired, by what the whole
    network's metric is better (points of a share), and lost_error, in percent.

    table: as `inspection.sensitivity.sensitivity`, share 0 among its rows."""
    whole = table[table["share"] == 0].groupby("group")["accuracy_raw"].first()
    full, size = table["group"].map(whole), scale(metric) * (1 if metric.direction == "higher" else -1)
    return table.assign(
        lost_raw=size * (full - table["accuracy_raw"]),
        lost_repaired=size * (full - table["accuracy_repaired"]),
        lost_error=100 * table["error"],
    )


def sensitivity_map(table: pd.DataFrame, kind: str, opened: str | None = None, *, metric) -> go.Figure:
    """Group x share, a square each, darker the more is lost. A square's own data begins with its group.

    table: as `lost`.   kind: of KINDS.   opened: the group whose name is marked."""
    rows = table[table["share"] > 0]
    groups = list(dict.fromkeys(rows["group"]))
    ticks = {"categoryarray": groups[::-1], **name_ticks(groups, opened)}
    figure = go.Figure(
        layout={
            "xaxis": {"title": "pruning ratio of the group (%)", "type": "category", "showgrid": False},
            "yaxis": {"type": "category", "categoryorder": "array", "showgrid": False, **ticks},
            "height": 110 + ROW * max(4, len(groups)),
            "margin": {"t": 20, "b": 50},
        }
    )
    if rows.empty:
        nothing(figure, "No group of this network can be cut")
        return figure
    figure.add_scatter(
        x=[f"{100 * share:g}" for share in rows["share"]],
        y=rows["group"],
        mode="markers",
        marker=squares(rows, kind, metric),
        selected={"marker": {"opacity": 1}},  # a click opens the group; the others need not fade
        unselected={"marker": {"opacity": 1}},
        customdata=rows[SEEN].to_numpy(object),
        hovertemplate=hover(metric),
    )
    return figure


def squares(rows: pd.DataFrame, kind: str, metric) -> dict:
    """The marks of the map, raw and repaired on one scale: what a refit gains is seen as paler squares."""
    value, most = rows[f"lost_{kind}"], rows["lost_error" if kind == "error" else "lost_raw"].max()
    return {
        "symbol": "square",
        "size": ROW * 0.85,
        "color": value.to_numpy("float32"),
        "colorscale": SHADES,
        "cmin": 0,
        "cmax": max(1.0, float(most)),
        "colorbar": {"title": axis_of(kind, metric).replace(" (", "<br>("), "thickness": 12},
        "line": {"color": QUIET, "width": 0.5},
    }


def sensitivity_curves(table: pd.DataFrame, kind: str, opened: str | None = None, *, metric) -> go.Figure:
    """A line a group; the opened one in colour, as cut and refitted, the others in the background.

    table, kind, opened: as `sensitivity_map`."""
    figure = go.Figure(
        layout={
            "xaxis": {"title": "pruning ratio of the group (%)", "rangemode": "tozero"},
            "yaxis": {"title": axis_of(kind, metric), "rangemode": "tozero"},
            "height": 340,
            "margin": {"t": 40, "b": 50},
            **LEGEND,
        }
    )
    if table.empty:
        nothing(figure, "No group of this network can be cut")
        return figure
    first = int(table["group"].iloc[0] == opened)
    for number, (group, rows) in enumerate(table.groupby("group", sort=False)):
        if group != opened:
            line = {"color": QUIET, "width": 1}
            legend = {"name": "the other groups", "legendgroup": "others", "showlegend": number == first}
            add_line(figure, rows, kind, line=line, **legend)
    chosen = table[table["group"] == opened]
    for state, colour, dash in (("raw", CUT, "dot"), ("repaired", KEPT, "solid")):
        if len(chosen) and kind in ("raw", "repaired"):
            name = f"{opened}, {'not repaired' if state == 'raw' else 'reconstructed'}"
            add_line(figure, chosen, state, line={"color": colour, "dash": dash, "width": 3}, name=name)
    if len(chosen) and kind == "error":
        add_line(figure, chosen, kind, line={"color": KEPT, "width": 3}, name=opened)
    return figure


def add_line(figure: go.Figure, rows: pd.DataFrame, kind: str, **how):
    figure.add_scatter(
        x=100 * rows["share"].to_numpy("float32"),
        y=rows[f"lost_{kind}"].to_numpy("float32"),
        mode="lines+markers",
        text=rows["group"],
        hovertemplate="%{text}, %{x:.0f} % cut: %{y:.2f}<extra></extra>",
        **how,
    )


def sensitivity_in_words(table: pd.DataFrame, metric) -> str:
    """Which group bears least and which most, at the share where they differ most. table: as `lost`."""
    rows = table[table["share"] > 0]
    if rows.empty:
        return "No group of this network can be cut."
    spread = rows.groupby("share")["lost_raw"].agg(np.ptp)
    at = rows[rows["share"] == spread.idxmax()].set_index("group")
    worst, best = at["lost_raw"].idxmax(), at["lost_raw"].idxmin()
    words = f"With {percent(spread.idxmax(), 0)} of one group cut, {worst} costs most: "
    words += (
        f"{at['lost_raw'][worst]:.1f} {metric.step} of {metric.name}, {at['lost_repaired'][worst]:.1f} after "
    )
    words += f"least-squares reconstruction; {best} costs {at['lost_raw'][best]:.1f}. "
    return words + (
        f"Measured on {rows['images'].iloc[0]:,} hold-out images, one group at a time "
        f"({plural(len(at), 'group')})."
    )
