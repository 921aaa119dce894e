"""The search for the smallest network that meets a target: every cut that was tried, and what is allowed."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from pruning.figures.method_style import CUT, KEPT, LEGEND, QUIET
from pruning.terms import percent


def target_rows(candidates, chosen: float) -> pd.DataFrame:
    """A row a candidate, in the order they were tried: tried (1 the first), cut (%), macs (% of the full
    network's), value and cost as they are, lost, low, high (points; None of a cost), chosen (bool).

    candidates: as `targets.Found` has them.   chosen: the cut that was found."""
    rows = []
    for number, one in enumerate(candidates, start=1):
        points = [None if each is None else 100 * each for each in (one.lost, one.low, one.high)]
        rows.append((number, 100 * one.cut, 100 * one.macs, one.value, one.cost, *points, one.cut == chosen))
    names = ["tried", "cut", "macs", "value", "cost", "lost", "low", "high", "chosen"]
    return pd.DataFrame(rows, columns=names)


def target_search(rows: pd.DataFrame, measure: str, allowed: float, what: str) -> go.Figure:
    """What each tried cut loses of the metric, with its 95 % interval, or what it costs; the line is what is
    allowed.

    rows: as `target_rows`.   measure: in words, such as MACs.   allowed: points, ms or kB.   what: of the
    vertical axis."""
    loses = bool(rows["lost"].notna().any())
    y = rows["lost" if loses else "cost"]
    figure = go.Figure(
        layout={
            "xaxis": {"title": f"{measure} cut (%)", "range": [-2, 100]},
            "yaxis": {"title": what, "rangemode": "tozero"},
            "height": 300,
            "margin": {"t": 30, "b": 45},
            **LEGEND,
        }
    )
    for name, colour, symbol, own in (
        ("more than allowed", CUT, "x", (y > allowed) & ~rows["chosen"]),
        ("allowed", KEPT, "circle-open", (y <= allowed) & ~rows["chosen"]),
        ("found", KEPT, "star", rows["chosen"]),
    ):
        some = rows[own]
        error: dict[str, Any] = {"visible": False}
        if loses:
            up, down = (some["high"] - some["lost"]).tolist(), (some["lost"] - some["low"]).tolist()
            error = {"array": up, "arrayminus": down, "thickness": 1, "color": QUIET}
        figure.add_scatter(
            x=some["cut"].tolist(),
            y=y[own].tolist(),
            error_y=error,
            name=name,
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 13 if symbol == "star" else 9},
            hovertemplate=f"%{{x:.1f}} % cut: %{{y:.3g}}<extra>{name}</extra>",
        )
    figure.add_hline(allowed, line={"color": QUIET, "dash": "dash", "width": 1.5})
    return figure


def target_search_in_words(rows: pd.DataFrame, allowed: float, unit: str) -> str:
    """How many cuts were tried, and which was found."""
    (found,) = rows.loc[rows["chosen"], "cut"]
    largest = rows["cut"].max()
    margin = "" if rows["lost"].isna().all() else ": the largest below the line by half a standard error"
    tried = f"{len(rows)} cuts were tried, up to {percent(largest / 100, 0)}"
    return (
        f"{tried}; the dashed line is the {allowed:.4g} {unit} that are allowed, and the star the cut that "
        f"was found, {percent(found / 100)}{margin}."
    )
