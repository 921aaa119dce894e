"""Gates while they are trained, and after: how open they are, which way each went, and what that leaves.

A gate is g = t^2 / (t^2 + eps), drawn as g (0 closed, 1 open) and as |t| / sqrt(eps), the place on the gate's
curve. Both move by the falling eps alone, and the ghost shows where a gate would be had t never moved.

`trace` is a training with gates: groups and sizes [G], the gates of one group after another; rows, one a
recorded step, with step, eps, left and target (0 to 1), loss (nats); and at these steps, [T, N], the gates as
values (g) and scaled (t / sqrt(eps)), 0 for those that are closed for good."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import CUT, KEPT, LEGEND, PALETTE, QUIET
from pruning.terms import percent

CLOSED, OPEN = "closed for good", "open"
EDGES = np.linspace(0, 1, 21)  # of 20 bins of g
SCALED_EDGES = np.geomspace(0.01, 100, 25)  # of t / sqrt(eps); the first bin is for gates closed for good
DRAWN, POINTS = 350, 100  # gates and steps of a drawing of paths: more of them make a page slow
DEPTH = [[0.0, PALETTE[0]], [0.4, PALETTE[4]], [0.75, PALETTE[6]], [1.0, PALETTE[1]]]  # early to late
GHOST = "if t never moved"
SETTLED = "decided"  # what stands at the step from which on the loss does not influence which gates close


def frozen(rows: pd.DataFrame) -> np.ndarray:
    """[T]: t / sqrt(eps) at each step had t stayed where it started, at sqrt of the first eps."""
    return np.sqrt(_eps_start(rows) / rows["eps"].to_numpy(np.float64))


def frozen_values(rows: pd.DataFrame) -> np.ndarray:
    """[T]: the gate itself had t never moved."""
    start, eps = _eps_start(rows), rows["eps"].to_numpy(np.float64)
    return start / (start + eps)


def _eps_start(rows: pd.DataFrame) -> float:
    """eps before the first step. It falls by the same factor at every step, so rows of which the first ones
    are not known any more say it too."""
    steps, eps = (rows[name].to_numpy(np.float64) for name in ("step", "eps"))
    if len(rows) < 2 or not steps[0]:
        return float(eps[0])
    return float(eps[0] * (eps[0] / eps[-1]) ** (steps[0] / (steps[-1] - steps[0])))


# ----------------------------------------------------------------------------------------------- as tables


def histogram(values: np.ndarray) -> pd.DataFrame:
    """Gates by g: low, high (a bin's edges), state (CLOSED or OPEN), gates (a count), share (% of all).
    values: [N], one step's."""
    return _binned(np.asarray(values, np.float64), np.asarray(values) == 0, EDGES)


def scaled_histogram(scaled: np.ndarray) -> pd.DataFrame:
    """As `histogram`, by |t| / sqrt(eps) of one step, [N]; what is beyond the outermost bins is in them."""
    closed = np.asarray(scaled) == 0
    return _binned(np.clip(np.abs(scaled), SCALED_EDGES[1], SCALED_EDGES[-1]), closed, SCALED_EDGES)


def _binned(values: np.ndarray, closed: np.ndarray, edges: np.ndarray) -> pd.DataFrame:
    """A row a bin, the first bin twice: what is closed in it, then the rest."""
    counts, gone = np.histogram(values[~closed], edges)[0], int(closed.sum())
    gates = np.concatenate([[gone], counts])
    return pd.DataFrame(
        {
            "low": np.concatenate([edges[:1], edges[:-1]]),
            "high": np.concatenate([edges[1:2], edges[1:]]),
            "state": [CLOSED, *[OPEN] * len(counts)],
            "gates": gates,
            "share": 100 * gates / max(1, len(values)),
        }
    )


def paths(trace, gates: int = DRAWN, points: int = POINTS) -> pd.DataFrame:
    """A row a gate and step: step, gate (its number), group, channel, g. At most so many gates, taken evenly
    from all, at so many steps, the last one among them."""
    at, chosen = spread(len(trace.rows), points), spread(sum(trace.sizes), gates)
    owner = np.repeat(np.arange(len(trace.sizes)), trace.sizes)[chosen]
    channel = np.concatenate([np.arange(0), *(np.arange(size) for size in trace.sizes)])[chosen]
    each = len(at)
    return pd.DataFrame(
        {
            "step": np.tile(trace.rows["step"].to_numpy(np.int32)[at], len(chosen)),
            "gate": np.repeat(chosen, each).astype(np.int32),
            "group": pd.Categorical.from_codes(np.repeat(owner, each), list(trace.groups)),
            "channel": np.repeat(channel, each).astype(np.int32),
            "g": trace.values[np.ix_(at, chosen)].T.ravel().astype(np.float32),
        }
    )


def spread(count: int, most: int) -> np.ndarray:
    """At most so many of `count` numbers, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def depth_colours(groups: Sequence[str]) -> dict[str, str]:
    """A colour a group, by its place in the network: early ones blue, late ones yellow."""
    places = np.linspace(0, 1, len(groups)) if len(groups) > 1 else [0.0] * len(groups)
    return dict(zip(groups, sample_colorscale(DEPTH, list(places)), strict=True))


# ---------------------------------------------------------------------------------------------- as figures


def picked(trace) -> list[int]:
    """The rows of start, middle and end; none where there is none."""
    count = len(trace.rows)
    return [0, count // 2, count - 1] if count else []


def polarization(trace) -> go.Figure:
    """Start, middle and end side by side: above by g, below by t / sqrt(eps), the ghost dashed."""
    rows = trace.rows
    titles = [f"step {rows['step'].iloc[k]:,}" for k in picked(trace)]
    figure = make_subplots(2, 3, subplot_titles=titles, shared_yaxes="all", vertical_spacing=0.2)
    figure.update_layout(height=460, barmode="stack", bargap=0.06, margin={"t": 40, "b": 50})
    figure.update_layout(legend={"orientation": "h", "yanchor": "bottom", "y": 1.08, "x": 0})
    if rows.empty:
        nothing(figure, "No gate has been trained yet")
        return figure
    ghosts, ghost_values = frozen(rows), frozen_values(rows)
    for column, k in enumerate(picked(trace), 1):
        place: dict[str, Any] = {"col": column, "first": column == 1}
        _bars(figure, histogram(trace.values[k]), float(ghost_values[k]), row=1, **place)
        table = scaled_histogram(trace.scaled[k])
        table[["low", "high"]] = np.log10(table[["low", "high"]])
        _bars(figure, table, np.log10(min(ghosts[k], SCALED_EDGES[-1])), row=2, **place)
    ticks = {"tickvals": [-1.93, -1, 0, 1, 2], "ticktext": ["closed", "0.1", "1", "10", "100"]}
    figure.update_xaxes(row=1, title="gate g", range=[0, 1])
    figure.update_xaxes(row=2, title="t / √eps", range=list(np.log10(SCALED_EDGES[[0, -1]])), **ticks)
    figure.update_yaxes(col=1, title="gates (%)", range=[0, 105])
    return figure


def _bars(figure: go.Figure, table: pd.DataFrame, ghost: float, *, row: int, col: int, first: bool):
    for state, colour in ((CLOSED, CUT), (OPEN, KEPT)):
        part = table[table["state"] == state]
        figure.add_bar(
            x=((part["low"] + part["high"]) / 2).to_numpy("float32"),
            y=part["share"].to_numpy("float32"),
            width=(0.94 * (part["high"] - part["low"])).to_numpy("float32"),
            marker={"color": colour, "line": {"width": 0}},
            name=state,
            legendgroup=state,
            showlegend=first and row == 1,
            customdata=part[["gates"]].to_numpy(object),
            hovertemplate="%{customdata[0]} gates (%{y:.1f} %)<extra></extra>",
            row=row,
            col=col,
        )
    line = {"color": QUIET, "dash": "dash", "width": 2}
    figure.add_scatter(
        x=[ghost, ghost],
        y=[0, 105],
        mode="lines",
        line=line,
        name=GHOST,
        legendgroup=GHOST,
        showlegend=first and row == 1,
        hoverinfo="name",
        row=row,
        col=col,
    )


def polarization_in_words(trace) -> str:
    """How far the gates have gone to both ends, and what of it is the schedule's."""
    if trace.rows.empty:
        return "No gate has been trained yet."
    last, ghost = trace.values[-1], frozen_values(trace.rows)[-1]
    closed, wide = (last == 0).mean(), (last > 0.9).mean()
    words = f"{percent(closed, 0)} of {last.size:,} gates are closed for good and "
    words += f"{percent(wide, 0)} are above g = 0.9. "
    words += f"The falling eps alone would have put every gate at the dashed line, g = {ghost:.3g}: what was "
    return words + "learned is how far the gates are from that line, not that many of them are near 1."


def path_figure(table: pd.DataFrame, rows: pd.DataFrame, decided: int | None = None) -> go.Figure:
    """Every gate's g over the steps, a colour a group. table: as `paths`.   rows: with step and eps.
    decided: the step from which on the loss has no say; a dotted line."""
    groups = list(table["group"].cat.categories) if len(table) else []
    figure = go.Figure(
        layout={
            "xaxis_title": "step",
            "yaxis": {"title": "gate g", "range": [-0.02, 1.02]},
            "height": 420,
            "margin": {"t": 20, "b": 50},
        }
    )
    colours = depth_colours(groups)
    for group in groups:
        x, y, channel = _in_one_line(table[table["group"] == group])
        figure.add_scatter(
            x=x,
            y=y,
            customdata=channel,
            name=group,
            mode="lines",
            line={"color": colours[group], "width": 1},
            opacity=0.6,
            hovertemplate="channel %{customdata}, step %{x}: g = %{y:.3f}" + f"<extra>{group}</extra>",
        )
    if not groups:
        nothing(figure, "No gate has been trained yet")
        return figure
    dash = {"color": QUIET, "dash": "dash", "width": 2}
    steps, ghost = rows["step"].to_numpy("float32"), frozen_values(rows).astype("float32")
    figure.add_scatter(x=steps, y=ghost, mode="lines", name=GHOST, line=dash, hoverinfo="name")
    if decided is not None:
        settled = {"annotation_text": SETTLED, "annotation_position": "top right"}
        figure.add_vline(x=decided, line={"color": QUIET, "dash": "dot", "width": 2}, **settled)
    return figure


def _in_one_line(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A group's gates as one line with gaps, which draws far faster than a line a gate."""
    gates = part["gate"].nunique()
    shape = (gates, len(part) // gates)
    x, y = (part[name].to_numpy("float32").reshape(shape) for name in ("step", "g"))
    gap, channel = np.full((gates, 1), np.nan, "float32"), part["channel"].to_numpy().reshape(shape)
    return (
        np.hstack([x, gap]).ravel(),
        np.hstack([y, gap]).ravel(),
        np.hstack([channel, channel[:, :1]]).ravel(),
    )


def paths_in_words(table: pd.DataFrame, gates: int, decided: int | None = None) -> str:
    """What the lines show. gates: how many there are.   decided: as in `path_figure`."""
    if table.empty:
        return "No gate has been trained yet."
    drawn = table["gate"].nunique()
    some = f"One line per gate, {drawn:,} of {gates:,} drawn evenly" if drawn < gates else "One line per gate"
    begun = table["step"].min()
    first = table.loc[table["step"] == begun, "g"]
    least, most = first.min(), first.max()
    place = f"at {least:.2g}" if least == most else f"between {least:.2g} and {most:.2g}"
    start = f"{'All' if least == most else 'They'} start {place}"
    if begun:  # what came before is not known any more
        start = f"At step {begun:,} {'all' if least == most else 'they'} are {place}"
    words = f"{some}. {start}; a gate that reaches 0 stays there."
    last = table[table["step"] == table["step"].max()]
    by_group = (last["g"] == 0).groupby(last["group"], observed=True).mean()
    if by_group.max() == 0:
        return words + " None has yet."
    if decided is not None:
        words += f" At the dotted line, step {decided:,}, every gate was decided; the loss acts before."
    if drawn < gates:  # of the others it is not known here
        return words
    return words + f" {by_group.idxmax()} lost the largest share ({percent(by_group.max(), 0)} closed)."


def budget(rows: pd.DataFrame, measure: str) -> go.Figure:
    """Above, what the gates leave of the measure and the target that falls; below, the task's loss.

    rows: step, left and target (0 to 1), loss (nats).   measure: in words, such as MACs."""
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.08)
    figure.update_layout(height=420, margin={"t": 20, "b": 50})
    figure.update_layout(**LEGEND)
    lines = (("target", QUIET, "dash", 1), ("left", KEPT, "solid", 1), ("loss", PALETTE[1], "solid", 2))
    for name, colour, dash, row in lines:
        unit, scale = ("nats", 1) if name == "loss" else (f"% of the {measure}", 100)
        figure.add_scatter(
            x=rows["step"].to_numpy("float32"),
            y=scale * rows[name].to_numpy("float32"),
            name={"loss": "task loss", "left": f"{measure} left"}.get(name, name),
            mode="lines",
            line={"color": colour, "dash": dash},
            hovertemplate=f"step %{{x}}: %{{y:.4g}} {unit}<extra>{name}</extra>",
            row=row,
            col=1,
        )
    figure.update_yaxes(row=1, title=f"{measure} (%)", rangemode="tozero")
    figure.update_yaxes(row=2, title="loss (nats)", rangemode="tozero")
    figure.update_xaxes(row=2, title="step")
    if rows.empty:
        nothing(figure, "No gate has been trained yet")
    return figure


def budget_in_words(rows: pd.DataFrame, cut: float, measure: str, left: float | None = None) -> str:
    """Whether the target was reached. cut: the share of the measure that was to go.   left: what the pruned
    network has of it, where that is known."""
    if rows.empty:
        return "No gate has been trained yet."
    how = " (a half-open gate counts half)" if left is None else ""
    words = f"{percent(rows['left'].iloc[-1] if left is None else left)} of the {measure} are left{how}, and "
    words += f"{percent(1 - cut)} is the target. "
    return words + "The target falls along a ramp, so that the loss acts before gates close."
