"""One channel group: its channels from the first to go to the last, and how their scores spread."""

import textwrap

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import CUT, KEPT, LEGEND
from pruning.terms import percent, plural

FATES = (
    (True, "cut", CUT, "/"),
    (False, "kept", KEPT, ""),
)  # the pattern serves who cannot tell the colours


def ranked_bars(channels: pd.DataFrame, unit: str) -> go.Figure:
    """A bar a channel, the lowest score first. channels: the rows of `channel_table` for one group."""
    ordered = (
        finite(channels).sort_values(["score", "channel"], ascending=[True, False]).reset_index(drop=True)
    )
    figure = go.Figure(
        layout={
            "xaxis": {
                "title": "channels, lowest score first",
                "showticklabels": len(ordered) <= 64,
                "type": "category",
            },
            "yaxis_title": in_lines(unit),
            "height": 320,
            "bargap": 0.15,
            **frame(),
        }
    )
    for cut, name, colour, pattern in FATES:
        part = ordered[ordered["cut"] == cut]
        figure.add_bar(
            x=part["channel"].astype(str),
            y=part["score"].to_numpy("float32"),
            name=name,
            marker={"color": colour, "pattern": {"shape": pattern}},
            customdata=part[["group", "channel"]].to_numpy(object),
            hovertemplate=f"channel %{{x}}: %{{y:.4g}} {unit}<extra>{name}</extra>",
        )
    figure.update_xaxes(categoryorder="array", categoryarray=ordered["channel"].astype(str).tolist())
    if channels.empty:
        nothing(figure, "This group has not been scored")
    return figure


def score_histogram(channels: pd.DataFrame, unit: str) -> go.Figure:
    """How the scores of one group spread; cut and kept stacked."""
    known = finite(channels)
    figure = go.Figure(
        layout={
            "xaxis_title": in_lines(unit),
            "yaxis_title": "channels",
            "barmode": "stack",
            "height": 320,
            "bargap": 0.04,
            **frame(),
        }
    )
    for cut, name, colour, pattern in FATES:
        part = known[known["cut"] == cut]
        if part.empty:
            continue  # a histogram of nothing upsets the bins of the other
        figure.add_histogram(
            x=part["score"].to_numpy("float32"),
            name=name,
            marker={"color": colour, "pattern": {"shape": pattern}},
            xbins=bins(known["score"].to_numpy(float)),
            autobinx=False,
            hovertemplate=f"%{{y}} channels at %{{x}}<extra>{name}</extra>",
        )
    if channels.empty:
        nothing(figure, "This group has not been scored")
    return figure


def in_lines(unit: str, letters: int = 36) -> str:
    """An axis title in as many lines as it takes not to be cut off beside a small chart."""
    return "<br>".join(textwrap.wrap(unit, letters))


def frame() -> dict:
    return {"margin": {"t": 30, "b": 50}, **LEGEND}


def bins(scores: np.ndarray) -> dict:
    """Some sqrt(C) bins of equal width over all scores, so that both parts share them."""
    if not len(scores) or scores.max() == scores.min():
        return {}
    size = (scores.max() - scores.min()) / max(5, round(len(scores) ** 0.5))
    return {"start": scores.min(), "end": scores.max() + size, "size": size}


def finite(channels: pd.DataFrame) -> pd.DataFrame:
    """Dead channels (-inf) drawn at the lowest finite score: they are the first to go anyhow."""
    scores = channels["score"].to_numpy(float)
    alive = scores[np.isfinite(scores)]
    return channels.assign(score=np.where(np.isfinite(scores), scores, alive.min() if len(alive) else 0.0))


def group_in_words(channels: pd.DataFrame, tied_to: str = "") -> str:
    """What the two figures show, in a sentence or two."""
    if channels.empty:
        return "This group has not been scored."
    name, many, cut = channels["group"].iloc[0], len(channels), int(channels["cut"].sum())
    dead = int((~np.isfinite(channels["score"].to_numpy(float))).sum())
    coupled = f", pruned together with {tied_to.replace(';', ',')}" if tied_to else ""
    words = f"{name}: {cut:,} of {plural(many, 'channel')} cut{coupled}."
    if dead:
        words += f" Dead (always zero), and cut first: {dead}."
    ordered = finite(channels)["score"].sort_values().to_numpy()
    if 0 < cut < many and ordered[-1] > ordered[0]:
        step = (ordered[cut] - ordered[cut - 1]) / (ordered[-1] - ordered[0])
        clear = (
            "a clear step"
            if step > 0.1
            else "no clear step: the next channels score nearly as low as the last ones cut"
        )
        words += f" Between the last cut and the first kept there is {clear} ({percent(step)} of the range)."
    return words


def spread_in_words(channels: pd.DataFrame, unit: str) -> str:
    """How far the scores of a group lie apart, in a sentence."""
    if channels.empty:
        return "This group has not been scored."
    scores = finite(channels)["score"]
    spread = f"From {scores.min():.3g} to {scores.max():.3g} {unit}"
    return f"{spread}, median {scores.median():.3g}."
