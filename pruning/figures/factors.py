"""Which choices matter: the share of the differences in accuracy that each factor makes."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.comparison import NAMES
from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import KEPT, QUIET
from pruning.terms import percent, sentence

WHISKER = "#7a7a86"  # seen on a bar, on white and on black
LARGE = 0.05  # a share that is named in the sentence


def factor_shares(shares: pd.DataFrame) -> go.Figure:
    """A bar a term, with its interval; what is no factor (seeds, images, three factors
    together) is grey.

    shares: as `comparison_statistics.shares_of_variance`."""
    figure = go.Figure()
    if shares.empty:
        nothing(figure, "Two choices or more have to differ")
        return figure
    rows = shares.iloc[::-1]
    above = 100 * (rows["high"] - rows["share"]).clip(lower=0).fillna(0)
    below = 100 * (rows["share"] - rows["low"]).clip(lower=0).fillna(0)
    figure.add_bar(
        x=100 * rows["share"],
        y=[term_in_words(term) for term in rows["term"]],
        orientation="h",
        marker_color=[KEPT if _is_factor(term) else QUIET for term in rows["term"]],
        error_x={"symmetric": False, "array": above, "arrayminus": below, "color": WHISKER, "thickness": 2},
        customdata=100 * rows[["low", "high"]].to_numpy("float64"),
        hovertemplate="%{y}: %{x:.1f} % (95 %: %{customdata[0]:.1f} to %{customdata[1]:.1f})<extra></extra>",
    )
    figure.update_layout(
        xaxis={"title": "share of the differences (%)", "range": [0, 100]},
        height=120 + 30 * len(rows),
        margin={"t": 20, "b": 50},
        showlegend=False,
    )
    return figure


def _is_factor(term: str) -> bool:
    return all(part in NAMES for part in term.split(" x "))


def term_in_words(term: str) -> str:
    """criterion x repair -> criterion with repair."""
    if term == "rest":
        return "the rest, and chance"
    return " with ".join(NAMES.get(part, part) for part in term.split(" x "))


def factors_in_words(shares: pd.DataFrame) -> str:
    """What matters most, with its interval, and what hardly does."""
    if shares.empty:
        return (
            "Where two choices or more differ, in all combinations, this says how much of the differences "
            "each makes."
        )
    rows = shares[[_is_factor(term) for term in shares["term"]]].sort_values("share", ascending=False)
    first = rows.iloc[0]
    interval = (
        "" if np.isnan(first["low"]) else f" (95 %: {100 * first['low']:.0f} to {100 * first['high']:.0f})"
    )
    words = f"{sentence(term_in_words(first['term']))} makes {percent(first['share'])} of the differences"
    words += interval
    large = [
        f"{term_in_words(r.term)} {percent(r.share)}" for r in rows.iloc[1:].itertuples() if r.share >= LARGE
    ]
    alone = [r for r in rows.iloc[1:].itertuples() if r.share < LARGE and " x " not in r.term]
    small = [f"{term_in_words(r.term)} {percent(r.share)}" for r in alone]
    if large:
        words += f"; then {', '.join(large)}"
    if small:
        words += f"; hardly any: {', '.join(small)}"
    return words + "."
