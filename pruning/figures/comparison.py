"""A comparison's points: accuracy choice by choice, and against what is left of the cost. `metric` is the
task's, a `tasks.Metric`: its name, unit and which values are better."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import LEGEND, PALETTE, QUIET, look
from pruning.terms import ALLOCATIONS, MEASURE_NAMES, REPAIRS, percent, plural, title

NAMES = {
    **{"model": "network", "data": "data", "criterion": "criterion", "measure": "measure"},
    **{"cut": "pruning ratio", "allocation": "allocation", "repair": "repair", "epochs": "epochs"},
    **{"control": "control", "settings": "settings"},
}
COSTS = {  # column: name, divisor, unit
    "macs": ("MACs of one image", 1e6, "millions"),
    "parameters": ("parameters", 1e3, "thousands"),
    "latency": ("latency of one batch", 1.0, "ms"),
    "bytes": ("size of the weights", 1e3, "kB"),
}
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "hexagon")
ROW, FADED = 30, 0.3  # pixels of a choice; opacity of a dominated point
SEEN = ["run", "label", "seeds", "low", "high"]


def factor_in_words(factor: str, value) -> str:
    """A level of a factor: cut 0.5 -> 50 % of the cost; cpot:temperature=2 -> CPOT (temperature=2)."""
    if factor == "criterion":
        name, _, options = str(value).partition(":")
        return title(name) + (f" ({options})" if options else "")
    if factor == "allocation":
        return ALLOCATIONS[value].title if value in ALLOCATIONS else str(value)
    if factor == "repair":
        return REPAIRS[value].title if value in REPAIRS else str(value)
    if factor == "cut":
        return f"{100 * value:.3g} % cut"
    if factor == "epochs":
        return plural(int(value), "epoch")
    if factor == "measure":
        return MEASURE_NAMES.get(value, str(value))
    if factor == "control":
        return str(value) or "pruned"
    return str(value).rpartition("/")[2] or "as by default"


def labelled(points: pd.DataFrame, factors: Sequence[str]) -> pd.DataFrame:
    """The points with `label`: each in words, by the factors that differ."""
    told = [
        ", ".join(factor_in_words(name, row[name]) for name in factors if name in row) or "the one recipe"
        for row in points.to_dict("records")
    ]
    return points.assign(label=told)


def by_choice(points: pd.DataFrame, factors: Sequence[str], metric, pinned: float | None = None) -> go.Figure:
    """A row a level of the first factor, best first; colours are the levels of the second, symbols those of
    the third. Bars reach from the worst to the best seed. A point's own data begins with its run.

    points: as `runs.comparison_points.points`.   factors: that differ, the one of the rows first.   pinned:
    the accuracy that a line is drawn at."""
    figure = go.Figure()
    if points.empty or not factors:
        nothing(figure, "No run has finished yet")
        return figure
    rows, colours, symbols = (*factors, None, None)[:3]
    points = labelled(points, factors)
    pick = "max" if metric.direction == "higher" else "min"
    best = points.groupby(rows, sort=False)["accuracy"].agg(pick)
    order = list(best.sort_values(ascending=metric.direction == "higher").index)
    for place, (level, some) in enumerate(_levels(points, colours)):
        for other, (mark, few) in enumerate(_levels(some, symbols)):
            name = ", ".join(
                factor_in_words(factor, value)
                for factor, value in ((colours, level), (symbols, mark))
                if factor
            )
            how = {"color": PALETTE[place % len(PALETTE)], "symbol": SYMBOLS[other % len(SYMBOLS)]}
            _dots(figure, few, rows, name or "mean over seeds", how, metric)
    for whole in dict.fromkeys(points["accuracy_whole"].round(6)):
        figure.add_vline(scale_of(metric) * whole, line={"color": QUIET, "dash": "dot", "width": 1})
    if pinned is not None:
        figure.add_vline(scale_of(metric) * pinned, line={"color": PALETTE[0], "dash": "dash", "width": 1})
    figure.update_layout(
        xaxis_title=axis_of(metric),
        yaxis={"categoryorder": "array", "categoryarray": [factor_in_words(rows, one) for one in order]},
        height=150 + ROW * max(4, len(order)),
        margin={"t": 30, "b": 50},
        **LEGEND,
    )
    return figure


def _levels(points: pd.DataFrame, factor: str | None):
    return [(None, points)] if factor is None else list(points.groupby(factor, sort=False))


def _dots(figure: go.Figure, rows: pd.DataFrame, factor: str, name: str, mark: dict, metric):
    figure.add_scatter(
        x=scale_of(metric) * rows["accuracy"].to_numpy("float32"),
        y=[factor_in_words(factor, value) for value in rows[factor]],
        error_x=spread(rows, metric),
        mode="markers",
        marker=mark | {"size": 10},
        name=name,
        customdata=seen(rows, metric),
        selected={"marker": {"opacity": 1}},  # a click opens the run; the others need not fade
        unselected={"marker": {"opacity": 1}},
        hovertemplate="%{customdata[1]}: %{x:.2f}<br>seeds: %{customdata[2]} (%{customdata[3]:.2f} to "
        "%{customdata[4]:.2f})<br>click: opens it on Prune<extra></extra>",
    )


def seen(rows: pd.DataFrame, metric):
    """What a point holds beside its place: run, label, seeds, worst and best seed as they are drawn."""
    size = scale_of(metric)
    return rows[SEEN].assign(low=size * rows["low"], high=size * rows["high"]).to_numpy(object)


def spread(rows: pd.DataFrame, metric) -> dict:
    """Bars from the worst to the best seed."""
    size = scale_of(metric)
    return {
        "type": "data",
        "symmetric": False,
        "array": size * (rows["high"] - rows["accuracy"]).to_numpy("float32"),
        "arrayminus": size * (rows["accuracy"] - rows["low"]).to_numpy("float32"),
        "thickness": 1,
        "width": 3,
    }


def scale_of(metric) -> float:
    """Shares are drawn in percent."""
    return 100.0 if metric.unit == "share" else 1.0


def axis_of(metric) -> str:
    unit = "%" if metric.unit == "share" else metric.unit
    return f"{metric.name} on the test images" + (f" ({unit})" if unit else "")


def against_cost(
    points: pd.DataFrame, factors: Sequence[str], cost: str, metric, pinned: float | None = None
) -> go.Figure:
    """Accuracy against cost: a line a criterion, and whatever else differs but the ratio; dominated points
    are faded. A point's own data begins with its run.

    cost: of COSTS, that of the points."""
    name, size, unit = COSTS[cost]
    figure = go.Figure()
    if points.empty:
        nothing(figure, "No run has finished yet")
        return figure
    points = labelled(points, [*factors])
    lines = [factor for factor in factors if factor not in ("cut", "measure")]
    styles: dict[str, int] = {}
    for some in [few for _, few in points.groupby(lines, sort=False)] if lines else [points]:
        first = some.iloc[0]
        told = ", ".join(factor_in_words(factor, first[factor]) for factor in lines) or first["label"]
        criterion = str(first["criterion"]).partition(":")[0]
        place = styles[criterion] = styles.get(criterion, -1) + 1
        _line(figure, some.sort_values("cost"), size, metric, told, criterion, place)
    _frontier_and_whole(figure, points, size, metric)
    if pinned is not None:
        figure.add_hline(scale_of(metric) * pinned, line={"color": PALETTE[0], "dash": "dash", "width": 1})
    figure.update_layout(
        xaxis={"title": f"{name} ({unit})", "rangemode": "tozero"},
        yaxis_title=axis_of(metric),
        height=430,
        margin={"t": 30, "b": 50},
        **LEGEND,
    )
    return figure


def _frontier_and_whole(figure: go.Figure, points: pd.DataFrame, size: float, metric):
    """The points that no other one beats, joined; and the full network."""
    front = points[~points["dominated"]].sort_values("cost")
    steps = front.loc[front.index.repeat(2)]  # level until the next point, then up to it
    figure.add_scatter(
        x=steps["cost"].to_numpy("float32")[1:] / size,
        y=scale_of(metric) * steps["accuracy"].to_numpy("float32")[:-1],
        mode="lines",
        line={"color": QUIET, "width": 6},
        opacity=FADED,
        name="frontier",
        hoverinfo="skip",
    )
    whole = points.drop_duplicates(["cost_whole", "accuracy_whole"])
    figure.add_scatter(
        x=whole["cost_whole"].to_numpy("float32") / size,
        y=scale_of(metric) * whole["accuracy_whole"].to_numpy("float32"),
        mode="markers",
        marker={"symbol": "star", "size": 14, "color": QUIET},
        name="full network",
        hovertemplate="full network: %{y:.2f}<extra></extra>",
    )


def _line(figure, rows: pd.DataFrame, size: float, metric, name: str, criterion: str, place: int):
    how = look(criterion)
    symbol = how["marker"]["symbol"] + ("" if place == 0 else ("-open", "-dot", "-open-dot")[place % 3 - 1])
    faded = [FADED if one else 1.0 for one in rows["dominated"]]
    figure.add_scatter(
        x=rows["cost"].to_numpy("float32") / size,
        y=scale_of(metric) * rows["accuracy"].to_numpy("float32"),
        error_y=spread(rows, metric),
        mode="lines+markers",
        line=how["line"] | {"width": 1},
        marker=how["marker"] | {"symbol": symbol, "size": 10, "opacity": faded},
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}} if not any(rows["dominated"]) else {},
        name=name,
        customdata=seen(rows, metric),
        hovertemplate="%{customdata[1]}: %{y:.2f} at %{x:,.4g}<br>seeds: %{customdata[2]} "
        "(%{customdata[3]:.2f} to %{customdata[4]:.2f})<br>click: opens it on Prune<extra></extra>",
    )


def choices_in_words(points: pd.DataFrame, factors: Sequence[str], metric, cost: str) -> str:
    """The best and the worst point, and how many are on the frontier."""
    if points.empty:
        return "No run has finished yet."
    rows = labelled(points, factors).sort_values("accuracy", ascending=metric.direction == "lower")
    best, worst = rows.iloc[0], rows.iloc[-1]
    kept = percent(best["cost"] / best["cost_whole"])
    words = f"Best {metric.name}: {best['label']}, {metric.in_words(best['accuracy'])} with {kept} of the "
    words += f"{COSTS[cost][0]} left (full network {metric.in_words(best['accuracy_whole'])})"
    if len(rows) > 1:
        words += f"; last: {worst['label']}, {metric.in_words(worst['accuracy'])}"
        front = int((~rows["dominated"]).sum())
        words += f". {front} of {len(rows)} points are on the frontier: nothing else is as good for less"
    return words + "."
