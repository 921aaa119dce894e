"""CATRO's ratio as a function of the set of channels: how lambda settles, and whether gains diminish."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.channel_group import frame
from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import CUT, KEPT, QUIET, colour
from pruning.terms import percent, plural

SLACK = 1e-12  # of the largest gain: by which rounding may break the inequality


def rounds_figure(rounds: list[float]) -> go.Figure:
    """lambda after each round, from 0. rounds: as `rounds_of`."""
    figure = go.Figure(layout={"height": 300, **frame()})
    values = [0.0, *rounds]
    figure.add_scatter(
        x=list(range(len(values))),
        y=values,
        mode="lines+markers",
        line={"color": colour("catro"), "width": 2},
        marker={"size": 9},
        name="λ",
        hovertemplate="round %{x}: λ = %{y:.6g}<extra></extra>",
    )
    figure.update_xaxes(title="round", dtick=1)
    figure.update_yaxes(title="λ, the ratio of what is kept", rangemode="tozero")
    figure.update_layout(showlegend=False)
    return figure


def rounds_in_words(rounds: list[float], same: float) -> str:
    """same: rank correlation of the order by b - lambda w with that by b alone."""
    told = f"λ starts at 0, never falls, and stays the same from round {len(rounds) - 1 or 1} on."
    return told + (
        f" The order by b - λ w and that by b alone have a rank correlation of {same:.2f}"
        + (": λ hardly changes the order here; with `gamma` 0 it does." if same > 0.95 else ".")
    )


def gains_table(gains: np.ndarray) -> pd.DataFrame:
    """A row a drawn pair of sets: size, larger_size, gain, gain_in_larger, holds. gains: as
    `diminishing_returns`."""
    table = pd.DataFrame(gains, columns=["size", "larger_size", "gain", "gain_in_larger"])
    slack = SLACK * float(np.abs(gains[:, 2:]).max(initial=0.0))
    table["holds"] = table["gain_in_larger"] <= table["gain"] + slack
    return table.astype({"size": int, "larger_size": int})


def gains_figure(table: pd.DataFrame) -> go.Figure:
    """What the same channel adds to a set and to a larger one: on or below the diagonal gains diminish."""
    figure = go.Figure(layout={"height": 300, **frame()})
    if table.empty:
        nothing(figure, "One channel alone has no sets to compare")
        return figure
    ends = [float(min(0.0, table["gain"].min())), float(table["gain"].max())]
    figure.add_scatter(
        x=ends, y=ends, mode="lines", line={"color": QUIET, "dash": "dash"}, name="equal", hoverinfo="skip"
    )
    for holds, name, shade, symbol in ((True, "gains less", KEPT, "circle"), (False, "gains more", CUT, "x")):
        part = table[table["holds"] == holds]
        figure.add_scatter(
            x=part["gain"].to_numpy("float32"),
            y=part["gain_in_larger"].to_numpy("float32"),
            mode="markers",
            marker={"color": shade, "symbol": symbol, "size": 6, "opacity": 0.7},
            name=name,
            customdata=part[["size", "larger_size"]].to_numpy().tolist(),
            hovertemplate="added to %{customdata[0]} channels: %{x:.3g}; to %{customdata[1]}: %{y:.3g}"
            "<extra></extra>",
        )
    figure.update_xaxes(title="gain of a channel in a set")
    figure.update_yaxes(title="gain in a larger set")
    return figure


def gains_in_words(table: pd.DataFrame, gamma: float) -> str:
    if table.empty:
        return "One channel alone has no sets to compare."
    share = float(table["holds"].mean())
    told = (
        f"Of {plural(len(table), 'random pair')} of sets, one inside the other, the same channel adds at "
        f"most as much to the larger one in {percent(share, 0)} (gamma {gamma:g})."
    )
    falls = float((table[["gain", "gain_in_larger"]] < 0).any(axis=1).mean())
    if falls:
        told += f" In {percent(falls, 0)} adding it lowers the ratio."
    if share == 1:
        return told + " So on this group the ratio is submodular as far as these pairs show."
    return (
        told + " So on this group the ratio is not submodular; greedy removal rests on the utilities above."
    )
