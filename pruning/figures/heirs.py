"""CPOT's projection: from each channel that goes an arrow to its heir, which takes over from it."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.channel_group import frame
from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import CUT, KEPT, QUIET
from pruning.terms import percent, plural

PARTS = (  # of what a channel gives, by its heir: name, least share, dash
    ("three quarters or more", 0.75, "solid"),
    ("a quarter to three quarters", 0.25, "dash"),
    ("less than a quarter", 0.0, "dot"),
)
NUMBERED = 48  # dots in a row that still have room for their numbers


def heirs_figure(table: pd.DataFrame, rows: pd.DataFrame, chosen: int | None) -> go.Figure:
    """What goes above, what stays below, and arrows from the one to the other.

    table: of `inspection.takeovers.heirs_table`.   rows: of `channel_table` for the group.   chosen: a
    channel that is marked, with its arrows."""
    figure = go.Figure(layout={"height": 320, **frame()})
    if table.empty:
        return nothing(figure, "Nothing of this group goes, or nothing stays")
    kept = rows.loc[~rows["cut"].astype(bool), "channel"].sort_values().to_numpy()
    below = dict(zip(kept, spread(len(kept)), strict=True))
    above = dict(zip(table["channel"], spread(len(table)), strict=True))
    for name, least, dash in PARTS:
        most = {0.75: 2.0, 0.25: 0.75, 0.0: 0.25}[least]
        part = table[(table["rebuilt"] >= least) & (table["rebuilt"] < most)]
        arrows(figure, part, above, below, f"{name} of it rebuilt", dash, chosen)
    told = {"lost": "mean", "channel": "count"}
    taken = table.groupby("heir").agg(told).reindex(kept, fill_value=0)
    hover = "channel %{customdata[1]} stays; heir of %{customdata[2]}<extra></extra>"
    dots(figure, kept, [below[c] for c in kept], 0.0, "stays", KEPT, taken["channel"], hover)
    hover = "channel %{customdata[1]} goes; %{customdata[2]:.0%} of it rebuilt<extra></extra>"
    dots(figure, table["channel"], list(above.values()), 1.0, "goes", CUT, table["rebuilt"], hover)
    figure.update_xaxes(visible=False, range=[-0.02, 1.02])
    figure.update_yaxes(visible=False, range=[-0.25, 1.25])
    figure.update_layout(margin_b=10)
    return figure


def spread(number: int) -> np.ndarray:
    """Places of so many dots in a row, 0 to 1."""
    return (np.arange(number) + 0.5) / max(1, number)


def arrows(figure: go.Figure, part: pd.DataFrame, above, below, name: str, dash: str, chosen: int | None):
    """Lines that end in an arrowhead."""
    marked = (part["channel"] == chosen) | (part["heir"] == chosen)
    for own, shown, colour, width in ((part[~marked], True, QUIET, 1.2), (part[marked], False, CUT, 2.5)):
        if own.empty:
            continue
        gap = np.full(len(own), np.nan)
        x = np.stack([own["channel"].map(above), own["heir"].map(below), gap], 1).ravel()
        y = np.tile([0.96, 0.06, np.nan], len(own))
        sizes = np.tile([0, 9, 0], len(own))
        figure.add_scatter(
            x=x.astype("float32"),
            y=y.astype("float32"),
            mode="lines+markers",
            line={"color": colour, "width": width, "dash": dash},
            marker={"symbol": "arrow", "size": sizes, "angleref": "previous", "color": colour},
            name=name,
            legendgroup=name,
            showlegend=shown or bool(marked.all()),
            hoverinfo="skip",
        )


def dots(figure: go.Figure, channels, x, y: float, name: str, colour: str, more, hover: str):
    numbers = [str(channel) for channel in channels] if len(x) <= NUMBERED else None
    figure.add_scatter(
        x=np.asarray(x, "float32"),
        y=np.full(len(x), y, "float32"),
        mode="markers+text" if numbers else "markers",
        text=numbers,
        textposition="top center" if y else "bottom center",
        marker={"color": colour, "size": 9, "symbol": "x" if y else "circle"},
        name=name,
        customdata=np.stack([np.full(len(x), ""), list(channels), list(more)], 1).tolist(),
        hovertemplate=hover,
    )


def heirs_in_words(table: pd.DataFrame, chosen: int | None) -> str:
    """How far the group is from what is left of it, who takes over most, and what becomes of one channel."""
    if table.empty:
        return "At this cut no channel of this group goes, or none stays."
    told = (
        f"{plural(len(table), 'channel goes', 'channels go')} to "
        f"{plural(table['heir'].nunique(), 'heir')}. They carry "
        f"{percent(table['given'].sum())} of what the group gives to the layers that read it; the heirs, "
        f"each by one factor and a constant, replace all but {percent(table['lost'].sum())}, which is the "
        "distance of the group to what is left of it."
    )
    most = table["heir"].value_counts()
    told += f" Channel {most.index[0]} takes over from {most.iloc[0]}."
    if chosen is not None and (own := table[table["channel"] == chosen]).size:
        row = own.iloc[0]
        told += (
            f" Channel {chosen} goes to channel {int(row['heir'])}, which replaces "
            f"{percent(row['rebuilt'], 0)} of it."
        )
    return (
        told + " The repair `transport` moves weights to heirs in this way; `merge` to several channels each."
    )
