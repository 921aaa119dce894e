"""Would another criterion have cut other channels? Counted, shown one by one, and as a rank correlation."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.channel_ranks import grid
from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import CUT, DIVERGING, KEPT, QUIET, colour
from pruning.terms import plural, title

MANY = 4000  # channels; of more than these only those are drawn on which the two differ


def differences(channels: pd.DataFrame, own: str) -> pd.DataFrame:
    """A row a criterion other than `own`, the most agreeing first: criterion, differ (channels that `own`
    cuts and it would keep) and of (channels that `own` cuts). channels: `channel_table`s of several criteria,
    one below another."""
    cut = cut_sets(channels)
    mine = cut.pop(own, set())
    rows = [(name, len(mine - other), len(mine)) for name, other in cut.items()]
    table = pd.DataFrame(rows, columns=["criterion", "differ", "of"])
    return table.sort_values(["differ", "criterion"], kind="stable", ignore_index=True)


def cut_sets(channels: pd.DataFrame) -> dict[str, set]:
    rows = channels[channels["cut"].astype(bool)]
    chosen = {
        name: set(zip(part["group"], part["channel"], strict=True))
        for name, part in rows.groupby("criterion")
    }
    return {name: chosen.get(name, set()) for name in dict.fromkeys(channels["criterion"])}


def disagreement(differing: pd.DataFrame, chosen: str | None = None) -> go.Figure:
    """Bars, a criterion each; its own data is its name, which a click tells. differing: as `differences`'
    table."""
    figure = go.Figure(
        layout={
            "xaxis": {
                "title": "channels cut here that the other keeps",
                "rangemode": "tozero",
            },
            "yaxis": {
                "categoryorder": "array",
                "categoryarray": [title(name) for name in differing["criterion"][::-1]],
            },
            "height": 90 + 30 * max(3, len(differing)),
            "margin": {"t": 10, "b": 50, "r": 30},  # right: the number beside the longest bar
            "showlegend": False,
        }
    )
    figure.add_bar(
        x=differing["differ"].to_numpy("float32"),
        y=[title(name) for name in differing["criterion"]],
        orientation="h",
        width=0.72,
        marker={"color": [colour(name) for name in differing["criterion"]]},
        text=[
            f"<b>{n}</b>" if name == chosen else f"{n}"
            for name, n in zip(differing["criterion"], differing["differ"], strict=True)
        ],
        textposition="outside",
        cliponaxis=False,
        customdata=differing[["criterion"]].to_numpy(object),
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        hovertemplate="%{y} would keep %{x} of them<extra>click to see which</extra>",
    )
    if differing.empty:
        nothing(figure, "No other criterion has been computed yet")
    return figure


def disagreement_in_words(differing: pd.DataFrame, own: str) -> str:
    """The answer in a sentence."""
    if differing.empty:
        return "No other criterion has been computed yet."
    near, far = differing.iloc[0], differing.iloc[-1]
    if not near["of"]:
        return "Nothing is cut, so all criteria agree."
    nearest, agrees = _named(differing, near["differ"])
    words = f"{nearest} {agrees} most with {title(own)}: of the {plural(near['of'], 'channel')} cut "
    words += f"here {'it' if agrees == 'agrees' else 'they'} would keep {near['differ']}"
    if far["differ"] > near["differ"]:
        farthest, agrees = _named(differing, far["differ"])
        words += f"; {farthest} {agrees} least and would keep {far['differ']}"
    return words + ". All criteria cut to the same budget. Click a bar to see the channels."


def _named(differing: pd.DataFrame, differ: int) -> tuple[str, str]:
    """The criteria that keep so many, and the verb after them."""
    names = [title(name) for name in differing.loc[differing["differ"] == differ, "criterion"]]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])), (
        "agree" if len(names) > 1 else "agrees"
    )


def swaps(channels: pd.DataFrame, own: str, other: str) -> pd.DataFrame:
    """The channels on which two criteria differ, with both ranks: group, channel, cut_by, rank_own,
    rank_other."""
    wide = channels[channels["criterion"].isin([own, other])].pivot_table(
        index=["group", "channel"], columns="criterion", values=["cut", "rank"], aggfunc="first", sort=False
    )
    if wide.empty or own == other or not {own, other} <= set(wide["cut"].columns):
        return pd.DataFrame(columns=["group", "channel", "cut_by", "rank_own", "rank_other"])
    differ = wide[wide["cut"][own].astype(bool) != wide["cut"][other].astype(bool)]
    return pd.DataFrame(
        {
            "group": differ.index.get_level_values("group"),
            "channel": differ.index.get_level_values("channel"),
            "cut_by": np.where(differ["cut"][own].astype(bool), title(own), title(other)),
            "rank_own": differ["rank"][own].to_numpy(float),
            "rank_other": differ["rank"][other].to_numpy(float),
        }
    )


def swap_map(channels: pd.DataFrame, own: str, other: str) -> go.Figure:
    """Group x channel: a mark by who cuts the channel. channels: `channel_table`s of both, among others."""
    both = channels[channels["criterion"].isin([own, other])]
    groups = list(dict.fromkeys(both["group"]))
    fates = both.pivot_table(
        index=["group", "channel"], columns="criterion", values="cut", aggfunc="first", sort=False
    )
    figure = go.Figure(layout=grid(groups, row=20))
    if {own, other} <= set(fates.columns) and own != other:
        mine, theirs = fates[own].astype(bool), fates[other].astype(bool)
        small, large = {"color": QUIET, "size": 5}, {"size": 11, "line": {"width": 1, "color": "#ffffff"}}
        if len(fates) <= MANY:
            add_fate(figure, fates[~mine & ~theirs], "both keep", small | {"symbol": "square-open"})
            add_fate(figure, fates[mine & theirs], "both cut", small | {"symbol": "square", "size": 9})
        one, two = large | {"symbol": "circle", "color": CUT}, large | {"symbol": "diamond", "color": KEPT}
        add_fate(figure, fates[mine & ~theirs], f"only {title(own)} cuts", one)
        add_fate(figure, fates[theirs & ~mine], f"only {title(other)} cuts", two)
    else:
        nothing(figure, "Two criteria are needed")
    return figure


def add_fate(figure: go.Figure, channels: pd.DataFrame, name: str, marker: dict):
    places = channels.index
    figure.add_scatter(
        x=places.get_level_values("channel").to_numpy("float32"),
        y=places.get_level_values("group"),
        name=name,
        mode="markers",
        marker=marker,
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        hovertemplate=f"%{{y}}, channel %{{x}}<extra>{name}</extra>",
    )


def swaps_in_words(swaps: pd.DataFrame, own: str, other: str) -> str:
    """How many channels change hands, and where most of them are."""
    if swaps.empty:
        return f"{title(own)} and {title(other)} cut the same channels."
    gone = swaps["cut_by"].value_counts()
    mine, theirs = int(gone.get(title(own), 0)), int(gone.get(title(other), 0))
    group, most = swaps["group"].value_counts().index[0], int(swaps["group"].value_counts().iloc[0])
    return (
        f"{plural(mine, 'channel')} cut by {title(own)} alone and {theirs:,} by {title(other)} alone, "
        f"most of them in {group} ({most}). Click a mark to look into its channel."
    )


def spearman(channels: pd.DataFrame) -> pd.DataFrame:
    """Rank correlation of every two criteria, averaged over the groups: criterion x criterion, -1 to 1; nan
    where some criterion gives all channels of every group the same score."""
    names = list(dict.fromkeys(channels["criterion"]))
    wide = channels.pivot_table(index=["group", "channel"], columns="criterion", values="rank", sort=False)
    wide = wide.reindex(columns=names)
    by_group = [
        part.corr().to_numpy() for _, part in wide.groupby(level="group", sort=False) if len(part) > 1
    ]
    stacked = np.array(by_group).reshape(len(by_group), len(names), len(names))
    known = np.isfinite(stacked)
    mean = np.where(known, stacked, 0).sum(axis=0) / np.maximum(1, known.sum(axis=0))
    return pd.DataFrame(np.where(known.any(axis=0), mean, np.nan), index=names, columns=names)


def spearman_map(matrix: pd.DataFrame) -> go.Figure:
    """The matrix as a heat map, -1 to 1."""
    names = [title(name) for name in matrix.index]
    figure = go.Figure(layout={"height": 130 + 34 * max(2, len(names)), "margin": {"t": 10, "b": 40}})
    values = matrix.to_numpy("float32")
    text = np.where(np.isfinite(values), np.char.mod("%.2f", np.nan_to_num(values)), "")
    figure.add_heatmap(
        z=values,
        x=names,
        y=names,
        zmin=-1,
        zmax=1,
        colorscale=DIVERGING,
        text=text,
        texttemplate="%{text}",
        colorbar={"title": "Spearman", "thickness": 12},
        hovertemplate="%{y} and %{x}: %{z:.2f}<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed")
    if matrix.empty:
        nothing(figure, "No criterion has been computed yet")
    return figure


def spearman_in_words(matrix: pd.DataFrame) -> str:
    pairs = [(matrix.loc[a, b], a, b) for i, a in enumerate(matrix.index) for b in matrix.index[i + 1 :]]
    pairs = [pair for pair in pairs if np.isfinite(pair[0])]
    if not pairs:
        return "Fewer than two criteria have been computed yet."
    (most, a, b), (least, c, d) = max(pairs), min(pairs)
    return (
        "Mean rank correlation (Spearman) within the groups. "
        f"The most alike are {title(a)} and {title(b)} ({most:.2f}), "
        f"the least {title(c)} and {title(d)} ({least:.2f})."
    )
