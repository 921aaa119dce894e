"""The function of a gate, g = t^2 / (t^2 + eps): its curve and its slope at one eps."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pruning.figures.method_style import KEPT, PALETTE, QUIET
from pruning.terms import percent

TS = np.unique(
    np.concatenate([np.linspace(-1, 1, 401), np.geomspace(1e-3, 1, 120), -np.geomspace(1e-3, 1, 120)])
)
FELT = 0.05  # of the largest slope: below this the loss hardly moves a gate


def gate_function(table: pd.DataFrame, eps: float) -> go.Figure:
    """The curve on the left, its slope on the right; the largest slope, at t = sqrt(eps / 3), is marked.

    table: t, gate (0 to 1), slope (d gate / dt)."""
    figure = make_subplots(1, 2, subplot_titles=["gate g", "slope dg/dt"], horizontal_spacing=0.1)
    figure.update_layout(height=300, showlegend=False, margin={"t": 30, "b": 50})
    t = table["t"].to_numpy("float32")
    for column, name, colour in ((1, "gate", KEPT), (2, "slope", PALETTE[1])):
        y = table[name].to_numpy("float32")
        figure.add_scatter(
            x=t,
            y=y,
            mode="lines",
            line={"color": colour},
            hovertemplate=f"t = %{{x:.3g}}: {name} %{{y:.3g}}<extra></extra>",
            row=1,
            col=column,
        )
        for side in (-1, 1):
            at = side * np.sqrt(eps / 3)
            figure.add_scatter(
                x=[at],
                y=[np.interp(at, t, y)],
                mode="markers",
                marker={"color": colour, "size": 9, "line": {"color": QUIET, "width": 1}},
                hovertemplate="the largest slope, at t = %{x:.3g}<extra></extra>",
                row=1,
                col=column,
            )
    figure.update_xaxes(title="t", range=[-1, 1])
    figure.update_yaxes(col=1, range=[-0.02, 1.05])
    return figure


def gate_function_in_words(table: pd.DataFrame, eps: float) -> str:
    """Where the gate can still be moved."""
    steep = table.loc[table["slope"] > FELT * table["slope"].max(), "t"]
    half, steepest = np.sqrt(eps), np.sqrt(eps / 3)
    words = (
        f"At eps = {eps:.2g} a gate is half open at t = {half:.2g} and steepest at {steepest:.2g} (the dots, "
    )
    words += f"at √(eps/3)); beyond t = {steep.max():.2g} its slope is below {percent(FELT, 0)} of that. "
    return words + "With a small eps the curve becomes a step, and only gates near 0 still get a gradient."
