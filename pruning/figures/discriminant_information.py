"""DI: what each channel tells about the class, and how much is still known as channels go."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.channel_group import FATES, frame
from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import CUT, KEPT, QUIET
from pruning.terms import percent

INTERPOLATED = 0.99  # of DI / (K - 1): above it the features fit any labels


def with_fates(channels: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """`DiscriminantView.channels` and what goes. table: the group's rows of `channel_table`."""
    fates = channels.merge(table[["channel", "cut"]], on="channel", how="left")
    return fates.assign(cut=fates["cut"].astype(bool))


def losses(channels: pd.DataFrame, form: str, chosen: int | None = None) -> go.Figure:
    """A bar a channel, in the order in which they go: what the criterion's form says that goes with it.
    channels: as `with_fates` gives them."""
    unit = "first-order DI score" if form == "taylor" else "DI lost by removing it"
    figure = go.Figure(layout={"yaxis_title": unit, "height": 330, "bargap": 0.15, **frame()})
    for cut, name, colour, pattern in FATES:
        part = channels[channels["cut"] == cut]
        figure.add_bar(
            x=part["channel"].astype(str),
            y=part["lost"].to_numpy("float32"),
            name=name,
            marker={"color": colour, "pattern": {"shape": pattern}},
            customdata=part["channel"],
            hovertemplate=f"channel %{{x}}: %{{y:.4g}} {unit}<extra>{name}</extra>",
        )
    order = channels["channel"].astype(str).tolist()
    figure.update_xaxes(
        title="channels, in order of removal",
        type="category",
        categoryorder="array",
        categoryarray=order,
        showticklabels=len(order) <= 64,
    )
    if chosen is not None and str(chosen) in order:
        height = float(channels.loc[channels["channel"] == chosen, "lost"].iloc[0])
        figure.add_annotation(
            x=order.index(str(chosen)),
            y=height,
            text=f"channel {chosen}",
            arrowhead=2,
            arrowcolor=QUIET,
            ay=-26,
            ax=0,
        )
    if channels.empty:
        nothing(figure, "This group has not been scored")
    return figure


def curve(
    channels: pd.DataFrame, most: int, chosen: int | None = None, others: np.ndarray | None = None
) -> go.Figure:
    """Exact DI of the pooled features against channels gone, in the order in which they go. most: K - 1.
    others: [n, C + 1], in other orders."""
    kept = np.append(channels["kept"].to_numpy(float), 0.0)
    gone, count = np.arange(len(kept)), int(channels["cut"].sum())
    figure = go.Figure(layout={"height": 330, **frame()})
    add_random_orders(figure, others)
    for name, part, colour, dash in (
        ("removed at this cut", slice(0, count + 1), CUT, "dot"),
        ("kept", slice(count, None), KEPT, "solid"),
    ):
        figure.add_scatter(
            x=gone[part].astype("float32"),
            y=kept[part].astype("float32"),
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            marker={"size": 5},
            customdata=np.append(channels["channel"].to_numpy(object), "")[part],
            hovertemplate="%{x} removed: DI %{y:.3f}; channel %{customdata} is next<extra></extra>",
        )
    figure.add_vline(x=count, line={"color": QUIET, "dash": "dash"}, annotation_text=f"{count} cut")
    if chosen is not None and (place := np.flatnonzero(channels["channel"] == chosen)).size:
        at = int(place[0])
        where = {"x": at + 0.5, "y": (kept[at] + kept[at + 1]) / 2, "ay": -36}
        aside = -70 if at > len(kept) / 2 else 70  # towards the middle, so that it is not cut off
        figure.add_annotation(
            text=f"channel {chosen} is removed here", arrowhead=2, arrowcolor=QUIET, ax=aside, **where
        )
    top = float(kept.max()) or 1.0
    if top > 0.5 * most:
        figure.add_hline(y=most, line={"color": QUIET}, annotation_text="K - 1, the most there can be")
    span = (-0.5, len(kept) - 0.5)
    figure.update_xaxes(title="channels removed, in order of removal", range=span)
    figure.update_yaxes(title="DI kept (pooled features)", rangemode="tozero")
    if channels.empty:
        nothing(figure, "This group has not been scored")
    return figure


def add_random_orders(figure: go.Figure, others: np.ndarray | None):
    """A thin line each. others: [n, C + 1]."""
    for number, other in enumerate([] if others is None else others):
        figure.add_scatter(
            x=np.arange(len(other)).astype("float32"),
            y=other.astype("float32"),
            name="random orders",
            mode="lines",
            line={"color": QUIET, "width": 1},
            opacity=0.6,
            legendgroup="random",
            showlegend=number == 0,
            hoverinfo="skip",
        )


def losses_in_words(channels: pd.DataFrame, form: str, chosen: int | None = None) -> str:
    """What the bars show, and where one channel stands."""
    what = {
        "taylor": (
            "To first order: twice the squared dual weights of a channel, not a difference of two DI values."
        ),
        "exact": "DI lost with each channel at its turn, all channels before it already removed.",
    }[form]
    if chosen is None or not (channels["channel"] == chosen).any():
        chosen = int(channels["channel"].iloc[0])
    row = channels.set_index("channel").loc[chosen]
    place = channels["channel"].tolist().index(chosen) + 1
    fate = "is cut" if row["cut"] else "stays"
    words = (
        f"Channel {chosen} is number {place} of {len(channels)} in the order of removal "
        f"({row['lost']:.3g}) and {fate}."
    )
    words += f" {what}"
    return words


def share_in_words(share: float) -> str:
    """DI / (K - 1) of the `taylor` form's own features."""
    words = f"On the un-pooled features that it scores, DI is {np.floor(share * 1e4) / 1e4:.4f} of K - 1."
    if share > INTERPOLATED:
        words += (
            " That is interpolation: so many features fit any labels, and shuffled labels give much the same "
            "ranking; a larger rho helps."
        )
    return words


def curve_in_words(
    channels: pd.DataFrame,
    form: str,
    most: int,
    images: int,
    others: np.ndarray | None = None,
    *,
    labels: int | None = None,
) -> str:
    """What the curve shows, and whether DI ever rises as a channel goes. labels: of the images, where these
    are more, since pixels have classes."""
    if channels.empty or channels["kept"].iloc[0] <= 0:
        return "The pooled features of this layer hold no information about the class."
    whole, cut = float(channels["kept"].iloc[0]), int(channels["cut"].sum())
    left = float(np.append(channels["kept"], 0.0)[cut])
    rest = np.append(channels["kept"], 0.0)
    free = int((rest >= 0.95 * whole).sum()) - 1
    twice = f" The first {free} cost less than 5 % together: that much is redundant." if free else ""
    seen = f"{labels:,} pixels of {images:,} images" if (labels or 0) > images else f"{images:,} images"
    order = "" if form == "exact" else " (not the quantity scored above, but in that order)"
    return (
        f"The exact DI of these {len(channels)} pooled channels{order} is {whole:.3g} of at most {most} "
        f"({seen}). Without the {cut} that are cut, {percent(left / whole, 0)} of it is "
        f"kept.{twice}{never_rises(rest, others)}"
    )


def never_rises(kept: np.ndarray, others: np.ndarray | None) -> str:
    """The non-decreasing property, as seen. kept: [C + 1].   others: [n, C + 1]."""
    if others is None or not len(others):
        return ""
    every = np.vstack([kept, others])
    rise = float(np.diff(every, axis=1).max(initial=0.0))
    if rise > 1e-9 * float(every.max()):
        return f" In one of the orders drawn DI rises by {rise:.2g} as a channel goes, which it must not."
    return (
        f" DI never rises as a channel goes, in this order and in {len(others)} random ones: more channels "
        "never tell less."
    )
