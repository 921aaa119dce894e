"""CPOT: the barycenter of a layer beside channels' distributions, what moves between them, and how far."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pruning.figures.channel_group import frame, ranked_bars
from pruning.figures.method_style import CUT, KEPT, QUIET
from pruning.figures.transport_on_filters import BOTH_WAYS, Shown, bare
from pruning.terms import sentence, title

SAME = 0.95  # rank correlation with L1 from which CPOT says nothing else
MOST = 2.0  # times an even spread; what is more is drawn alike
ARROW = "#1f1f1f"

DISTRIBUTIONS = {
    "filters": "the mass on its filter's taps",
    "weights": "the sizes of its filter's weights",
    "activations": "its mean activations over the images",
    "maps": "where in the image it is active",
}
DEFAULTS = {
    "maps": "Maps are the easiest to see; filters, the default, keeps more accuracy.",
    "filters": "It is the default because it keeps most accuracy; maps are easier to see.",
    "weights": "Maps are easier to see; filters, the default, keeps most accuracy.",
    "activations": "Maps are easier to see; filters, the default, keeps most accuracy.",
}
HOW = {
    "filters": "Orange taps have more mass than the barycenter and give it to the blue ones; all that has to "
    "move is the distance.",
    "spatial": "Orange taps have more mass than the barycenter and give it to the blue ones, at a cost by "
    "how far these are on the kernel, or of 1 in another input channel.",
    "weights": "The filled gap is how far each value has to move; its root mean square is the distance.",
    "activations": "The filled gap is how far each value has to move; its root mean square is the distance.",
    "maps": "Lines lead from where a channel is active to where the barycenter is, ending in a dot.",
}


def shown(table: pd.DataFrame, distances: np.ndarray, chosen: int | None) -> tuple[Shown, ...]:
    """Channels to look at: the chosen one, or else the first to go; and one from the other end of the order.

    table: the group's rows of `channel_table`.   distances: [C]."""
    order = table.sort_values(["score", "channel"], ascending=[True, False])["channel"].tolist()
    one = order[0] if chosen is None else chosen
    other = order[-1] if order.index(one) < len(order) / 2 else order[0]
    cut = table.set_index("channel")["cut"]
    return tuple(Shown(c, float(distances[c]), bool(cut[c])) for c in dict.fromkeys((one, other)))


def distance_bars(distances: np.ndarray, table: pd.DataFrame, unit: str, chosen: int) -> go.Figure:
    """The layer's own distances, closest first. distances: [C].   table: the group's rows of
    `channel_table`, which tells what goes.   chosen: the channel that is marked."""
    figure = ranked_bars(table.sort_values("channel").assign(score=distances), unit)
    figure.update_layout(height=260, xaxis_title="channels, the closest first")
    where = {"x": figure.layout.xaxis.categoryarray.index(str(chosen)), "y": float(distances[chosen])}
    figure.add_annotation(text=f"channel {chosen}", arrowhead=2, arrowcolor=QUIET, ay=-28, ax=0, **where)
    return figure


# -------------------------------------------------------------------------------------------------- on a line


def quantile_figure(
    values: np.ndarray, barycenter: np.ndarray, unit: str, some: Sequence[Shown]
) -> go.Figure:
    """Sorted values of some channels and of the barycenter. On a line transport takes the smallest to the
    smallest and so on, so the gap at each place is how far that value moves. values: [C, n], sorted."""
    places = (np.arange(len(barycenter)) + 0.5) / len(barycenter) * 100
    few = np.unique(np.linspace(0, len(places) - 1, 200).astype(int))
    x = places[few].astype("float32")
    figure = go.Figure(layout={"height": 340, **frame()})
    line = {"color": QUIET, "width": 3}
    figure.add_scatter(x=x, y=barycenter[few].astype("float32"), line=line, name="barycenter")
    for number, channel in enumerate(some):
        line = {"color": CUT if channel.cut else KEPT, "width": 2, "dash": "dash" if number else "solid"}
        y = values[channel.channel][few].astype("float32")
        figure.add_scatter(x=x, y=y, line=line, name=channel.label, fill=None if number else "tonexty")
    figure.update_layout(xaxis_title="quantile (%)", yaxis_title=unit)
    return figure


# ---------------------------------------------------------------------------------------------------- as maps


def map_figure(
    maps: np.ndarray, barycenter: np.ndarray, moves: pd.DataFrame, some: Sequence[Shown]
) -> go.Figure:
    """Heat maps of where the barycenter and some channels are active, and arrows from where a channel's mass
    is to where the barycenter has it. maps: [C, H, W].   moves: as `TransportView.moves`."""
    names = ["barycenter", *(channel.label for channel in some)]
    drawn = [barycenter, *(maps[channel.channel] for channel in some)]
    figure = make_subplots(cols=len(drawn), subplot_titles=names, horizontal_spacing=0.04)
    for column, part in enumerate(drawn, start=1):
        figure.add_heatmap(
            z=(part * part.size).astype("float32"),
            coloraxis="coloraxis",
            hovertemplate="%{z:.2f} times the uniform mass<extra></extra>",
            row=1,
            col=column,
        )
    for column, channel in enumerate(some, start=2):
        arrows(figure, moves[moves["channel"] == channel.channel], barycenter.shape, column)
    ticks = {"tickvals": [0, 1, MOST], "ticktext": ["none", "even", f"{MOST:g} x or more"]}
    scale = {"colorscale": BOTH_WAYS, "cmin": 0, "cmax": MOST, "colorbar": {"thickness": 12, **ticks}}
    figure.update_layout(coloraxis=scale, height=300, **frame())
    figure.update_layout(margin_b=10)
    return bare(figure, barycenter.shape)


def arrows(figure: go.Figure, moves: pd.DataFrame, size: Sequence[int], column: int):
    """Where more than a trace of mass moves by more than a hundredth of the map's side: lines that end in a
    dot."""
    length = np.hypot(moves["to_x"] - moves["x"], moves["to_y"] - moves["y"])
    far = moves[(length > 0.01 * max(size)) & (moves["mass"] > 0.1 / max(1, len(moves)))]
    gaps = np.full(len(far), np.nan)
    x, y = (np.stack([far[at], far[f"to_{at}"], gaps], axis=1).ravel().astype("float32") for at in "xy")
    quiet = {"hoverinfo": "skip", "showlegend": False, "row": 1, "col": column}
    figure.add_scatter(x=x, y=y, mode="lines", line={"color": ARROW, "width": 1.5}, **quiet)
    dot = {"color": ARROW, "size": 5}
    figure.add_scatter(x=far["to_x"], y=far["to_y"], mode="markers", marker=dot, **quiet)


# --------------------------------------------------------------------------------------------------- in words


def distances_in_words(distances: np.ndarray, some: Sequence[Shown], distribution: str) -> str:
    """Why the one goes and the other stays, and how the picture is to be read. distances: [C]."""
    order = np.argsort(distances, kind="stable").tolist()

    def told(channel: Shown) -> str:
        place, last = order.index(channel.channel) + 1, len(order)
        ends = {1: f"the closest of {last}", last: f"the farthest of {last}"}
        fate = "is cut" if channel.cut else "stays"
        which = ends.get(place, f"number {place} of {last} counted from the closest")
        return f"{channel.distance:.3g} from the barycenter, {which}, and {fate}"

    words = "; ".join(f"channel {channel.channel} is {told(channel)}" for channel in some)
    return f"{sentence(words)}. The closest are cut first. {HOW[distribution]}"


def agreement_in_words(agreement: Mapping[str, float]) -> str:
    """The rank correlation with other criteria, always; and where CPOT says nothing that L1 does not."""
    told = ", ".join(
        f"{title(name)} {value:.2f}" if np.isfinite(value) else f"{title(name)} undefined (all scores equal)"
        for name, value in agreement.items()
    )
    words = f"Rank correlation (Spearman) of this group's ranking: {told}."
    if agreement.get("l1", 0.0) > SAME:
        words += " On this layer CPOT ranks channels as the L1 norm does."
    return words


def as_table(distributions: np.ndarray, barycenter: np.ndarray, some: Sequence[Shown]) -> pd.DataFrame:
    """What the picture is drawn from: a row a tap, place or sorted value; barycenter and channels."""
    columns = {"barycenter": barycenter} | {
        f"channel {channel.channel}": distributions[channel.channel] for channel in some
    }
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()})
