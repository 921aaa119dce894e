"""The map of all channels: a row a channel group, a square a channel, coloured by its rank within its
group."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import CUT, LEGEND, QUIET
from pruning.figures.name_ticks import name_ticks
from pruning.terms import percent, plural, title

WIDEST = 128  # squares in a row; a screen has no room for more, so there a square stands for several channels
RANKS = "Cividis"  # told apart with any colour vision, and readable on light and dark


def channel_table(
    scores: Mapping[str, np.ndarray], kept: Mapping[str, np.ndarray], criterion: str = ""
) -> pd.DataFrame:
    """A row a channel: criterion, group, channel, score (higher = keep), rank (within its group, 0 goes
    first, 1 stays longest; equal scores share theirs) and cut.   scores: {group: [C]}.   kept: {group:
    channels that stay}."""
    names = [name for name in scores if len(scores[name])]
    sizes = [len(scores[name]) for name in names]
    cut = [np.ones(size, bool) for size in sizes]
    for name, gone in zip(names, cut, strict=True):
        gone[kept.get(name, slice(None))] = False
    joined = {
        "channel": [np.arange(size) for size in sizes],
        "score": [np.asarray(scores[name], float) for name in names],
        "rank": [ranks(scores[name]) for name in names],
        "cut": cut,
    }
    table = {column: np.concatenate(parts) if parts else [] for column, parts in joined.items()}
    return pd.DataFrame({"criterion": criterion, "group": np.repeat(names, sizes), **table})


def ranks(scores: np.ndarray) -> np.ndarray:
    """[C] -> [C] in 0 .. 1, ascending with the score; a group of one channel has rank 1."""
    if len(scores) < 2:
        return np.ones(len(scores))
    distinct, which, times = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(times)  # places 1 .. C, those of equal scores averaged
    return ((last - (times - 1) / 2)[which] - 1) / (len(scores) - 1)


def squares(table: pd.DataFrame, widest: int = WIDEST) -> pd.DataFrame:
    """What is drawn: group, place, first, last (channels that a square stands for), rank and score (means
    over them), cut (how many of them go) and goes (whether half of them do). One channel a square, unless a
    group has more than `widest`."""
    longest = table.groupby("group", sort=False)["channel"].transform("max") + 1
    each = np.ceil(longest / widest).astype(int)
    drawn = table.assign(place=table["channel"] // each.clip(lower=1))
    drawn = drawn.groupby(["group", "place"], sort=False, as_index=False).agg(
        first=("channel", "min"),
        last=("channel", "max"),
        rank=("rank", "mean"),
        score=("score", "mean"),
        cut=("cut", "sum"),
    )
    return drawn.assign(goes=2 * drawn["cut"] > drawn["last"] - drawn["first"])


def rank_map(table: pd.DataFrame, units: Mapping[str, str], opened: str | None = None) -> go.Figure:
    """Group x channel, coloured by rank; what is cut is outlined.

    table: as `channel_table`'s.   units: {group: that of its scores, in words}.   opened: the group whose
    name is marked. The first entry of a square's own data is its group's name: a click tells it."""
    groups = list(dict.fromkeys(table["group"]))
    row = 24 if len(groups) <= 24 else 17  # pixels
    drawn = squares(table)
    many = int(drawn["place"].max()) + 1 if len(drawn) else 1
    figure = go.Figure(layout=grid(groups, row=row, opened=opened))
    figure.update_layout(
        coloraxis={"colorscale": RANKS, "cmin": 0, "cmax": 1, "colorbar": {"title": "rank", "thickness": 12}},
        xaxis_range=[-1, many],
    )
    if (drawn["last"] > drawn["first"]).any():
        figure.update_xaxes(title="position in the group; in wide groups a square is several channels")
    size, goes = min(row * 0.68, 900 / many * 0.72), drawn["goes"].astype(bool)
    add_squares(figure, drawn[~goes], "kept", units, size, {"width": 0})
    add_squares(figure, drawn[goes], "cut", units, size, {"width": max(1, size / 8), "color": CUT})
    if table.empty:
        nothing(figure, "No group of this network can be cut")
    return figure


def add_squares(
    figure: go.Figure, part: pd.DataFrame, name: str, units: Mapping[str, str], size: float, line: dict
):
    """The squares that share one fate, and their entry in the legend. part: rows of `squares`' table."""
    figure.add_scatter(
        x=part["place"].to_numpy("float32"),
        y=part["group"],
        showlegend=False,
        mode="markers",
        marker={
            "symbol": "square",
            "size": size,
            "color": part["rank"].to_numpy("float32"),
            "coloraxis": "coloraxis",
            "line": line,
        },
        selected={"marker": {"opacity": 1}},  # a click opens the group; the others need not fade
        unselected={"marker": {"opacity": 1}},
        customdata=part[["group", "first", "last", "score", "rank"]].to_numpy(object),
        hovertemplate=hover(part, units, name),
    )
    # Marks coloured by a scale have no colour of their own that a legend could show.
    legend = {"symbol": "square", "size": 10, "color": QUIET, "line": line}
    figure.add_scatter(x=[None], y=[None], name=name, mode="markers", marker=legend, hoverinfo="skip")


def grid(groups: list[str], *, row: int, opened: str | None = None) -> dict:
    """The layout of a map group x channel: a row of `row` pixels a group, the first on top, `opened` in
    bold."""
    rows = {"categoryorder": "array", "categoryarray": groups[::-1], **name_ticks(groups, opened)}
    return {
        "height": 110 + row * max(4, len(groups)),
        "xaxis": {"title": "channel", "showgrid": False, "zeroline": False},
        "yaxis": {**rows, "showgrid": False},
        "margin": {"t": 30, "b": 50},
        **LEGEND,
    }


def hover(part: pd.DataFrame, units: Mapping[str, str], name: str) -> list[str]:
    """What is read at each square."""
    texts = []
    for square in part.itertuples():
        one = square.first == square.last
        which = f"channel {square.first}" if one else f"channels {square.first} to {square.last} (means)"
        fate = name if one or not square.cut else f"{square.cut} of {square.last - square.first + 1} cut"
        score = f"rank {square.rank:.2f} · {square.score:.4g} {units[square.group]}"
        texts.append(f"{square.group}, {which}<br>{score}<br>{fate}<extra></extra>")
    return texts


def ranks_in_words(table: pd.DataFrame) -> str:
    """What the map shows, in a sentence or two."""
    if table.empty:
        return "This network has no channels that can be cut."
    by_group = table.groupby("group", sort=False)["cut"]
    cut, groups = int(table["cut"].sum()), by_group.ngroups
    who = title(table["criterion"].iloc[0])
    if not cut:
        return f"Nothing is cut: all {len(table):,} channels of {groups} groups are kept, ranked by {who}."
    most, share = by_group.mean().idxmax(), by_group.mean().max()
    some = int((by_group.sum() > 0).sum())
    return (
        f"{who} cuts {cut:,} of {len(table):,} channels, in {some} of {plural(groups, 'group')}, "
        f"the most in {most} ({percent(share, 0)}); "
        "they are outlined in red. A rank compares the channels of one row; "
        "scores of different rows are not comparable."
    )
