"""Gates while they are trained: native charts, which stay in place as their numbers change."""

import json
from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from pruning.figures import gates as figures
from pruning.figures.gates import CLOSED, GHOST, OPEN, SETTLED
from pruning.figures.method_style import CUT, KEPT, PALETTE, QUIET
from pruning.gates.gate_trace import DECIDED, GateTrace
from pruning.terms import percent, told_apart
from pruning.ui import colour_key, display_names, state

HEIGHT = 260  # pixels of a chart
ROOM = {
    "left": 5,
    "top": 5,
    "right": 16,
    "bottom": 5,
}  # pixels around it: the last number of an axis stands out
GATES, POINTS = 200, 60  # lines and points of a chart that is drawn again every second
NAMED = 18  # letters of a group's name in a legend of two columns
HELP = {
    "left": "What the gates leave now (a half-open gate counts half), and the target of this step.",
    "closed": "Gates at exact zero. They stay there, and their channels will be removed.",
    "between": "Gates with 0.05 < g / g_max < 0.5, where g_max is the widest open gate of their group.",
    "eps": "The width of the gates' curve. It falls by the same factor at every step.",
    "margin": "The smallest gate above 0.5 over the largest still below it; none once all are decided.",
    "price": "How hard the target pulls at the gates, in units of the loss's own pull.",
}
ENDED = "What the pruned network has left, and the target of the last step."
HISTOGRAMS = (
    "Red gates are closed for good. The dashed line is where every gate would be had none been trained: the "
    "falling eps alone moves g to 1, so only the distance from that line has been learned."
)


def histograms(trace: GateTrace, *, key: str):
    """How open the gates are at the last recorded step, by g and by t / sqrt(eps). One key stands above both:
    beside another training each of them is too narrow for one of its own."""
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:0 1em">{colour_keys()}</div>')
    left, right = st.columns(2)
    axis = {"field": "low", "type": "quantitative", "title": "gate g"}
    x = axis | {"scale": {"domain": [0, 1], "nice": False}, "axis": {"values": [0, 0.2, 0.4, 0.6, 0.8, 1]}}
    native(left, gate_bins(trace), bars(x), "Histogram of the gates", key)
    low, high = figures.SCALED_EDGES[[0, -1]]
    text = "datum.value < 0.05 ? 'closed' : format(datum.value, '~g')"
    ticks = {"values": [0.0121, 0.1, 1, 10, 100], "labelExpr": text, "labelAlign": "center"}
    x = axis | {"title": "t / √eps", "scale": {"type": "log", "domain": [low, high]}, "axis": ticks}
    native(right, scaled_bins(trace), bars(x), "Histogram of t / √eps", key)


def colour_keys() -> str:
    return "".join(colour_key.line(colour, told) for told, colour in ((CLOSED, CUT), (OPEN, KEPT)))


def gate_bins(trace: GateTrace) -> pd.DataFrame:
    if trace.rows.empty:
        return stacked(figures.histogram(np.zeros(0)))
    ghost = float(figures.frozen_values(trace.rows)[-1])
    return with_ghost(figures.histogram(trace.values[-1]), ghost)


def scaled_bins(trace: GateTrace) -> pd.DataFrame:
    if trace.rows.empty:
        return stacked(figures.scaled_histogram(np.zeros(0)))
    ghost = min(figures.frozen(trace.rows)[-1], figures.SCALED_EDGES[-1])
    return with_ghost(figures.scaled_histogram(trace.scaled[-1]), ghost)


def with_ghost(table: pd.DataFrame, at: float) -> pd.DataFrame:
    """A further row says where every gate would be: a specification that never changes keeps the chart."""
    ghost = {"low": [at], "high": [at], "state": [GHOST], "gates": [0], "share": [100.0]}
    return stacked(pd.concat([table, pd.DataFrame(ghost)], ignore_index=True))


def stacked(table: pd.DataFrame) -> pd.DataFrame:
    """With base and top of every bar (%): in the first bin the open gates stand on the closed ones."""
    top = table.groupby("low", sort=False)["share"].cumsum()
    return table.assign(base=top - table["share"], top=top)


def bars(x: dict) -> dict:
    """A histogram whose bars are stacked by state, and the ghost as a dashed line."""
    y = {"field": "top", "type": "quantitative", "title": "gates (%)", "scale": {"domain": [0, 100]}}
    colours = {"domain": [CLOSED, OPEN], "range": [CUT, KEPT]}
    colour = {
        "field": "state",
        "type": "nominal",
        "scale": colours,
        "legend": None,
    }
    share = {"field": "share", "type": "quantitative", "title": "share (%)", "format": ".1f"}
    told = [{"field": "state", "type": "nominal"}, {"field": "gates", "type": "quantitative"}, share]
    place = {"x": x, "x2": {"field": "high"}, "y": y, "y2": {"field": "base"}}
    ghost = f"datum.state == '{GHOST}'"
    heap = {
        "transform": [{"filter": f"!({ghost})"}],
        "mark": {"type": "rect", "cornerRadius": 0, "stroke": "transparent"},
        "encoding": place | {"color": colour, "tooltip": told},
    }
    line = {
        "transform": [{"filter": ghost}],
        "mark": {"type": "rule", "strokeDash": [5, 4], "color": QUIET, "strokeWidth": 2, "tooltip": GHOST},
        "encoding": {"x": x},
    }
    return {"layer": [heap, line]}


def native(place, table: pd.DataFrame, spec: dict, name: str, key: str, height: int = HEIGHT):
    spec = {"padding": ROOM} | spec
    place.vega_lite_chart(table, spec, height=height, key=f"{name} {key}", alt=name)


# --------------------------------------------------------------------------------------------- over the steps


def courses(trace: GateTrace, measure: str, *, key: str):
    """Every gate's path, and beside it what is left of the measure against the target, and the loss."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        paths(trace, key=key, height=2 * HEIGHT + 16)
    with right:
        course(trace, measure, key=key)
    x, loss = steps(trace), {"field": "loss", "type": "quantitative", "title": "loss (nats)"}
    spec = {"mark": {"type": "line", "color": PALETTE[1]}, "encoding": {"x": x, "y": loss}}
    native(right, trace.rows[["step", "loss"]], spec, "Task loss", key)
    words = figures.paths_in_words(figures.paths(trace, GATES, POINTS), sum(trace.sizes), trace.decided)
    st.caption(f"{words} On the right, what is left follows the target; the loss shows what that costs.")


def paths(trace: GateTrace, *, key: str, height: int = HEIGHT):
    """A line a gate."""
    native(st, path_rows(trace), path_spec(trace), "Path of every gate", key, height)


def course(trace: GateTrace, measure: str, *, key: str):
    """What is left of the measure, and the target."""
    spec = budget_spec(trace, measure)
    native(st, budget_rows(trace), spec, f"{measure} left and target", key)


def steps(trace: GateTrace) -> dict:
    return {"field": "step", "type": "quantitative", "title": "step", "scale": {"domain": [0, trace.steps]}}


def path_rows(trace: GateTrace) -> pd.DataFrame:
    """As `figures.paths`, and the ghost as one gate more."""
    table = figures.paths(trace, GATES, POINTS).astype({"group": str})
    if trace.rows.empty:
        return table
    ghost = {"step": trace.rows["step"], "gate": -1, "group": GHOST, "g": figures.frozen_values(trace.rows)}
    return pd.concat([table, pd.DataFrame(ghost)], ignore_index=True)


def path_spec(trace: GateTrace) -> dict:
    colours = figures.depth_colours(trace.groups)
    y = {"field": "g", "type": "quantitative", "title": "gate g", "scale": {"domain": [0, 1]}}
    legend = {"orient": "bottom", "title": None, "columns": 2, "symbolOpacity": 1, "symbolStrokeWidth": 3}
    names = told_apart(trace.groups, NAMED)
    legend |= {"labelLimit": 0, "labelExpr": f"{json.dumps(names, ensure_ascii=False)}[datum.label]"}
    scale = {"domain": list(colours), "range": list(colours.values())}
    colour = {"field": "group", "type": "nominal", "scale": scale, "legend": legend}
    ghost = f"datum.group == '{GHOST}'"
    gates = {
        "transform": [{"filter": f"!({ghost})"}],
        "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.6},
        "encoding": {"x": steps(trace), "y": y, "color": colour, "detail": {"field": "gate"}},
    }
    line = {
        "transform": [{"filter": ghost}],
        "mark": {"type": "line", "strokeDash": [5, 4], "color": QUIET, "strokeWidth": 2},
        "encoding": {"x": steps(trace), "y": y},
    }
    at = {"data": {"values": [{"step": ceil(DECIDED * trace.steps)}]}}
    rule = at | {
        "mark": {"type": "rule", "strokeDash": [2, 3], "color": QUIET, "strokeWidth": 2, "tooltip": SETTLED},
        "encoding": {"x": steps(trace)},
    }
    named = at | {
        "mark": {"type": "text", "text": SETTLED, "align": "left", "dx": 4, "dy": 8, "color": QUIET},
        "encoding": {"x": steps(trace), "y": {"value": 0}},
    }
    return {"layer": [gates, line, rule, named]}


def budget_rows(trace: GateTrace) -> pd.DataFrame:
    """A row a step and line: step, line (left or target), share (%)."""
    table = trace.rows.melt("step", ["target", "left"], "line", "share")
    return table.assign(share=100 * table["share"].astype(float))


def budget_spec(trace: GateTrace, measure: str) -> dict:
    y = {"field": "share", "type": "quantitative", "title": f"{measure} (%)", "scale": {"domain": [0, 100]}}
    scale = {"domain": ["left", "target"], "range": [KEPT, QUIET]}
    colour = {"field": "line", "type": "nominal", "scale": scale, "legend": {"orient": "top", "title": None}}
    dash = {"field": "line", "legend": None} | {"scale": scale | {"range": [[1, 0], [5, 4]]}}
    return {"mark": "line", "encoding": {"x": steps(trace), "y": y, "color": colour, "strokeDash": dash}}


# ---------------------------------------------------------------------------------------------------- numbers


def numbers(trace: GateTrace, now: Mapping[str, Any] | None, measure: str, end: float | None = None):
    """What the newest step says. now: its values; None before the first.   end: share of the measure that the
    pruned network has, once there is one."""
    gates = sum(trace.sizes)
    closed = int((trace.scaled[-1] == 0).sum()) if len(trace.rows) else 0
    left = end if end is not None or now is None else now["left"]
    shown = {
        f"{measure} left": ("left", now and (percent(left), f"target {percent(now['target'])}")),
        "Closed gates": ("closed", now and (f"{closed:,}", f"of {gates:,}")),
        "In between": ("between", now and (percent(now["between"]), "of the gates")),
        "eps": ("eps", now and (f"{now['eps']:.2g}", f"√eps {np.sqrt(now['eps']):.2g}")),
        "Margin": ("margin", now and (times(now["margin"]), "smallest open / closing")),
        "Price": ("price", now and (f"{now['price']:.3g}", "times the pull of the loss")),
    }
    columns = [*st.columns(3), *(() if state.lesson() else st.columns(3))]
    for column, (label, (what, told)) in zip(columns, shown.items(), strict=False):
        value, below = told or ("–", " ")
        off = {"delta_color": "off", "delta_arrow": "off", "border": True}
        about = ENDED if what == "left" and end is not None else HELP[what]
        column.metric(label, value, below, help=about, **off)


def say(trace: GateTrace) -> str:
    """Whether the loss still influences which gates close."""
    if trace.decided is None:
        until = f"Until step {ceil(DECIDED * trace.steps):,} of {trace.steps:,}"
        return f"{until} the loss influences which gates close; then every gate is decided."
    return (
        f"Since step {trace.decided:,} of {trace.steps:,} every gate is decided, and the loss no longer "
        "influences which close. The weights go on training with what stays."
    )


def times(ratio: float) -> str:
    """A ratio as it is written; one without an end has nothing to be compared with."""
    if not np.isfinite(ratio):
        return "–"
    return f"{ratio:.2g} x" if ratio < 100 else f"{display_names.count(round(ratio))} x"
