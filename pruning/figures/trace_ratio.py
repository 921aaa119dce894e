"""CATRO: channels in the plane of scatter within and between classes, the line that parts them, and what each
further channel of a group is worth."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.channel_group import frame
from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import CUT, KEPT, QUIET, colour
from pruning.terms import percent, plural

NAMED = 16  # points that can all be named
MARKS = ((True, "cut", CUT, "x"), (False, "kept", KEPT, "circle"))


def plane_table(scatters: pd.DataFrame, table: pd.DataFrame, ratio: float) -> pd.DataFrame:
    """A row a channel: channel, w, b, score (b - lambda w, as the cut uses it) and cut.

    scatters: b and w, a row a channel.   table: the group's rows of `channel_table`.   ratio: lambda at the
    width that the plan keeps."""
    b, w = (scatters[name].to_numpy(float) for name in ("b", "w"))
    cut = table.sort_values("channel")["cut"].to_numpy(bool)
    return pd.DataFrame({"channel": np.arange(len(b)), "w": w, "b": b, "score": b - ratio * w, "cut": cut})


def plane(points: pd.DataFrame, ratio: float, noise: float | None, chosen: int | None = None) -> go.Figure:
    """Each channel a point (w, b): how far it is above the line b = lambda w is its score, and a parallel of
    that line parts what stays from what goes. points: as `plane_table` gives them.   ratio: lambda.   noise:
    b / w without any class information, None while that is unknown."""
    figure = go.Figure(layout={"height": 440, **frame()})
    if points.empty:
        nothing(figure, "This group has not been scored")
        return figure
    add_lines(figure, points, ratio, noise)
    add_points(figure, points)
    if chosen is not None:
        own = points.set_index("channel").loc[chosen]
        figure.add_scatter(
            x=[own["w"], own["w"]],
            y=[own["b"], ratio * own["w"]],
            mode="lines",
            line={"color": colour("catro"), "width": 1.5, "dash": "dashdot"},
            name=f"score of channel {chosen}",
            hoverinfo="skip",
        )
        figure.add_annotation(
            x=own["w"], y=own["b"], text=f"channel {chosen}", arrowhead=2, arrowcolor=QUIET, ax=34, ay=-30
        )
    figure.update_xaxes(
        title=("within-class scatter w (relative to the layer that reads it)"), rangemode="tozero"
    )
    figure.update_yaxes(title="between-class scatter b (same unit)", rangemode="tozero")
    return figure


def add_lines(figure: go.Figure, points: pd.DataFrame, ratio: float, noise: float | None):
    """The line of lambda, its parallel between the last that goes and the first that stays, and the noise."""
    ends, parting = np.array([0.0, 1.05 * points["w"].max()]), parts_at(points)
    lines = [(f"b = λ w, λ = {ratio:.3g}", ratio * ends, colour("catro"), "solid")]
    if parting is not None:
        lines.append(("threshold at this cut", ratio * ends + parting, colour("catro"), "dash"))
    if noise is not None:
        lines.append(("no class information", noise * ends, QUIET, "dot"))
    for name, heights, shade, dash in lines:
        line = {"color": shade, "dash": dash, "width": 2}
        figure.add_scatter(x=ends, y=heights, mode="lines", name=name, line=line, hoverinfo="skip")


def add_points(figure: go.Figure, points: pd.DataFrame):
    """The channels, what goes told from what stays by colour and symbol."""
    named = points["channel"].astype(str).where(near_the_cut(points, parts_at(points)), "")
    for cut, name, shade, symbol in MARKS:
        part = points[points["cut"] == cut]
        figure.add_scatter(
            x=part["w"].to_numpy("float32"),
            y=part["b"].to_numpy("float32"),
            mode="markers+text",
            text=named[part.index],
            textposition="bottom center" if cut else "top center",
            name=name,
            marker={"color": shade, "symbol": symbol, "size": 9},
            customdata=part[["channel", "score"]].to_numpy(object),
            hovertemplate="channel %{customdata[0]}: w %{x:.3g}, b %{y:.3g}, "
            f"score %{{customdata[1]:.3g}}<extra>{name}</extra>",
        )


def near_the_cut(points: pd.DataFrame, parting: float | None) -> pd.Series:
    """Which points are named: all of a small group, else the six nearest to the line that parts them. [C]"""
    if len(points) <= NAMED:
        return pd.Series(True, points.index)
    away = (points["score"] - (0.0 if parting is None else parting)).abs()
    return away.rank(method="first") <= 6


def parts_at(points: pd.DataFrame) -> float | None:
    """How high above b = lambda w the cut is: between the last score cut and the first kept; None where all
    stay or the scores do not part them."""
    cut, kept = points.loc[points["cut"], "score"], points.loc[~points["cut"], "score"]
    if cut.empty or kept.empty or cut.max() > kept.min():
        return None
    return float((cut.max() + kept.min()) / 2)


def plane_in_words(points: pd.DataFrame, ratio: float, noise: float | None, chosen: int | None = None) -> str:
    """Why one channel stays and another goes, and how much of it all is noise."""
    if points.empty:
        return "This group has not been scored."
    alive = points[(points["b"] > 0) | (points["w"] > 0)]
    words = (
        f"A channel's score is its height above b = λ w; λ = {ratio:.3g} is the best ratio for the "
        f"{int((~points['cut']).sum())} that are kept."
    )
    if chosen is not None:
        own, order = points.set_index("channel").loc[chosen], points["score"].rank(ascending=False)
        place = int(order[points["channel"] == chosen].iloc[0])
        fate = "is cut" if own["cut"] else "stays"
        words = f"Channel {chosen} is number {place} of {len(points)} from the top, and {fate}. {words}"
    if len(alive) < len(points):
        words += f" Dead, and cut first: {len(points) - len(alive)}."
    if noise is not None and len(alive):
        below = int((alive["b"] <= noise * alive["w"]).sum())
        share = noise * alive["w"].sum() / (alive["b"].sum() or 1.0)
        words += (
            f" A channel without class information would lie on the dotted line by sampling noise alone: "
            f"{below} of {len(alive)} do not rise above it, and noise makes up {percent(share, 0)} of all b."
        )
    return words


def utility_curves(worth: Mapping[str, np.ndarray], kept: Mapping[str, int], opened: str) -> go.Figure:
    """What share of a group's worth its best channels make, a line a group. worth: {group: [C] of
    `utilities`}.   kept: {group: channels that stay}.   opened: the group that is looked at."""
    figure = go.Figure(layout={"height": 440, **frame()})
    for name in [*(name for name in worth if name != opened), *([opened] if opened in worth else [])]:
        share = np.append(0.0, np.cumsum(worth[name])) * 100
        x = np.arange(len(share)) / max(1, len(worth[name])) * 100
        own = name == opened
        shade = colour("catro") if own else QUIET
        figure.add_scatter(
            x=x.astype("float32"),
            y=share.astype("float32"),
            mode="lines",
            name=name,
            line={"color": shade, "width": 3 if own else 1},
            opacity=1 if own else 0.55,
            showlegend=own,
            hovertemplate=f"{name}: %{{x:.0f}} % of its channels, %{{y:.0f}} % of its utility<extra></extra>",
        )
        stays = kept.get(name, len(worth[name]))
        marker = {"color": KEPT if own else QUIET, "size": 11 if own else 5}
        figure.add_scatter(
            x=x[[stays]],
            y=share[[stays]],
            mode="markers",
            marker=marker,
            showlegend=own,
            name="kept at this cut",
            hovertemplate=f"{name}: {stays} of {len(worth[name])} kept<extra></extra>",
        )
    figure.update_xaxes(title="channels kept, the best first (%)")
    figure.update_yaxes(title="utility kept (% of the group's)", range=[0, 104])
    if not worth:
        nothing(figure, "Nothing has been scored")
    return figure


def utility_in_words(worth: Mapping[str, np.ndarray], kept: Mapping[str, int], opened: str) -> str:
    """What the opened group's curve says, and which group would give next at no MACs considered."""
    own, stays = worth[opened], kept.get(opened, len(worth[opened]))
    held, of_next = percent(own[:stays].sum(), 0), percent(float(own[stays - 1]) if stays else 0)
    words = (
        f"The {plural(stays, 'channel')} of {opened} kept at this cut hold{'s' * (stays == 1)} {held} of its "
    )
    words += f"utility; the next to be cut holds {of_next}."
    nothing_worth = int((own <= 0).sum())
    if nothing_worth:
        have = "has" if nothing_worth == 1 else "have"
        words += f" {nothing_worth} of its {len(own)} channels {have} no utility."
    return words + (
        " The curves are concave, so removing the least first is optimal: the allocation by trace ratio "
        "removes "
        "where the least utility is lost per MAC saved."
    )


def utility_table(worth: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """A row a group and width: group, kept (channels), utility (of the last of them) and worth (of all)."""
    parts = [
        pd.DataFrame(
            {"group": name, "kept": np.arange(1, len(own) + 1), "utility": own, "worth": np.cumsum(own)}
        )
        for name, own in worth.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def ground_in_words(
    images: int, classes: int, grid: Sequence[int], size: Sequence[int], layers: Sequence[str]
) -> str:
    """What the scatters are sums over."""
    places = " x ".join(map(str, size)) or "1"
    where = "their spatial means" if size and not grid else f"{places} positions"
    if grid and tuple(grid) != tuple(size):
        where = f"a grid of {' x '.join(map(str, grid))} out of {places} positions"
    readers = f"`{layers[0]}`" + (f" and {plural(len(layers) - 1, 'more layer')}" if len(layers) > 1 else "")
    return (
        f"Scatter of {images:,} images of {classes} classes, channel by channel, over {where} where "
        f"{readers} read{'s' if len(layers) == 1 else ''} them."
    )
