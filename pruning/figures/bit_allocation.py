"""Weights in few bits: which channel has how many, what that weighs, and what it costs; and the ways to
choose channels for a few classes, side by side."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from pruning.figures.channel_ranks import WIDEST, grid
from pruning.figures.cut_curve import IMAGES, told
from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import LEGEND, QUIET, colour, look
from pruning.figures.name_ticks import name_ticks
from pruning.metric_words import axis, correct, scale
from pruning.terms import plural

WAYS = {"di": "DI and rounding error", "error": "rounding error alone", "uniform": "the same for all"}
LINES = {  # the three ways; DI looks as it does everywhere
    "di": look("di"),
    "error": {"line": {"color": "#717581", "dash": "dash"}, "marker": {"color": "#717581", "symbol": "x"}},
    "uniform": {"line": {"color": QUIET, "dash": "dot"}, "marker": {"color": QUIET, "symbol": "circle"}},
}
CONTROLS = {
    "catro": "CATRO, true labels",
    "all classes": "CATRO, all classes",
    "shuffled": "CATRO, shuffled labels",
    "energy": "Energy (no labels)",
    "l1": "L1 norm (no images)",
}
TICKS = [step * 10**power for power in range(7) for step in (1, 2, 5)]  # kB


def shades(widths: list[int]) -> dict[int, str]:
    """A colour for each width, the more bits the brighter; the same for a width wherever it stands."""
    return {bits: sample_colorscale("Viridis", [bits / 8])[0] for bits in widths}


def bits_map(channels: pd.DataFrame) -> go.Figure:
    """Layer x channel, coloured by bits.

    channels: a row a channel: layer, channel, bits, weights, importance. Where a layer is wider than the
    screen a square stands for several channels and has the width that most of them have."""
    layers = list(dict.fromkeys(channels["layer"]))
    row = 24 if len(layers) <= 24 else 17  # pixels
    figure = go.Figure(layout=grid(layers, row=row))
    drawn = squares(channels)
    many = int(drawn["place"].max()) + 1 if len(drawn) else 1
    figure.update_xaxes(range=[-1, many])
    if len(drawn) and (drawn["last"] > drawn["first"]).any():
        figure.update_xaxes(title="position in the layer; in wide layers a square is several channels")
    size = min(row * 0.68, 900 / many * 0.72)
    for bits, shade in shades(sorted(set(drawn["bits"]))).items():
        part = drawn[drawn["bits"] == bits]
        figure.add_scatter(
            x=part["place"].to_numpy("float32"),
            y=part["layer"],
            name=plural(bits, "bit"),
            mode="markers",
            marker={"symbol": "square", "size": size, "color": shade, "line": {"width": 0}},
            customdata=part.assign(which=which(part))[["which", "mean", "importance"]].to_numpy(object),
            hovertemplate="%{y}, %{customdata[0]}<br>%{customdata[1]:.3g} bits, importance "
            "%{customdata[2]:.3g} (the layer's mean is 1)<extra></extra>",
        )
    if channels.empty:
        nothing(figure, "This network has no weights to quantize")
    return figure


def which(squares: pd.DataFrame) -> list[str]:
    """The channels that each square stands for."""
    ends = zip(squares["first"], squares["last"], strict=True)
    return [f"channel {first}" if first == last else f"channels {first} to {last}" for first, last in ends]


def squares(channels: pd.DataFrame, widest: int = WIDEST) -> pd.DataFrame:
    """What is drawn: layer, place, first, last (channels that a square stands for), bits (what most of them
    have), mean (their mean bits), importance (mean)."""
    each = np.ceil((channels.groupby("layer")["channel"].transform("max") + 1) / widest).astype(int)
    drawn = channels.assign(place=channels["channel"] // each.clip(lower=1))
    return drawn.groupby(["layer", "place"], sort=False, as_index=False).agg(
        first=("channel", "min"),
        last=("channel", "max"),
        bits=("bits", lambda bits: int(bits.mode().iloc[-1])),
        mean=("bits", "mean"),
        importance=("importance", "mean"),
    )


def bits_in_words(channels: pd.DataFrame, by: str) -> str:
    """What the map shows."""
    if channels.empty:
        return "This network has no convolution or linear layer."
    counts = channels["bits"].value_counts().sort_index()
    told = ", ".join(f"{count:,} have {bits}" for bits, count in counts.items())
    mean = (channels["bits"] * channels["weights"]).sum() / channels["weights"].sum()
    words = f"Of {len(channels):,} channels {told} bits; the mean is {mean:.2f} bits per weight. "
    words += "The first convolution and the last layer keep 8. "
    if by == "uniform":
        return words + "All other channels are treated alike."
    why = "it tells more about the class (DI) or " if by == "di" else ""
    return words + f"A channel gets more bits where {why}rounding would cost it more."


def bits_histogram(channels: pd.DataFrame) -> go.Figure:
    """A bar a layer: how many of its channels have how many bits. channels: as `bits_map`'s."""
    counts = channels.groupby(["layer", "bits"], sort=False).size().unstack(fill_value=0)
    counts = counts.reindex(dict.fromkeys(channels["layer"]))
    row = 22 if len(counts) <= 25 else 15  # pixels
    figure = go.Figure(
        layout={
            "xaxis_title": "channels",
            "yaxis": {"autorange": "reversed", "type": "category", **name_ticks(list(counts.index))},
            "barmode": "stack",
            "bargap": 0.25,
            "height": 110 + row * max(4, len(counts)),
            "margin": {"t": 30, "b": 50},
            **LEGEND,
        }
    )
    for bits, shade in shades(sorted(counts.columns)).items():
        figure.add_bar(
            x=counts[bits].to_numpy("float32"),
            y=list(counts.index),
            name=plural(bits, "bit"),
            orientation="h",
            marker_color=shade,
            hovertemplate=f"%{{y}}: %{{x:,}} channels of {bits} bits<extra></extra>",
        )
    if channels.empty:
        nothing(figure, "This network has no weights to quantize")
    return figure


def histogram_in_words(channels: pd.DataFrame) -> str:
    """Which layers have the fewest and the most bits."""
    weighed = channels.assign(total=channels["bits"] * channels["weights"]).groupby("layer", sort=False)
    means = (weighed["total"].sum() / weighed["weights"].sum()).iloc[1:-1]
    if means.empty:
        return "There is no layer between the first and the last."
    return (
        f"Between the first and the last layer, {means.idxmin()} has the fewest bits ({means.min():.2f} on "
        f"average) and {means.idxmax()} the most ({means.max():.2f})."
    )


# ------------------------------------------------------------------------------------- size against accuracy


def sizes(points: pd.DataFrame, task) -> go.Figure:
    """The metric against the size of the file, a line a way to allocate bits.

    points: a row a way and mean of bits: way ("full", "cut" or one of WAYS), mean_bits, bytes, value, images,
    chosen (whether it is the mean that the page is at).   task: what the images were asked for, a
    `tasks.Task`."""
    figure = go.Figure(
        layout={
            "xaxis": {"title": "size of the weights (kB, logarithmic)", "type": "log", "tickvals": TICKS},
            "yaxis_title": axis(task.metric, IMAGES),
            "height": 400,
            "margin": {"t": 30, "b": 50},
            **LEGEND,
        }
    )
    for way, name, symbol in (
        ("full", "full network, float32", "star"),
        ("cut", "pruned, float32", "diamond"),
    ):
        mark = {"symbol": symbol, "size": 14, "color": QUIET}
        _points(figure, points[points["way"] == way], task, name=name, mode="markers", marker=mark)
    for way, name in WAYS.items():
        mine, how = points[points["way"] == way].sort_values("bytes"), LINES[way]
        size = np.where(mine["chosen"], 14, 8)
        line = {"line": how["line"], "marker": how["marker"] | {"size": size}}
        _points(figure, mine, task, name=name, mode="lines+markers", **line)
    if points.empty:
        nothing(figure, "Nothing has been counted yet")
    return figure


def _points(figure: go.Figure, rows: pd.DataFrame, task, **how):
    if rows.empty:
        return
    figure.add_scatter(
        x=rows["bytes"].to_numpy("float32") / 1e3,
        y=(scale(task.metric) * rows["value"]).to_numpy("float32"),
        text=[told(task, value, images) for value, images in zip(rows["value"], rows["images"], strict=True)],
        customdata=rows[["mean_bits"]].to_numpy(object),
        hovertemplate="%{customdata[0]:.2f} bits per weight, %{x:,.0f} kB<br>%{text}<extra>"
        + how["name"]
        + "</extra>",
        **how,
    )


def sizes_in_words(points: pd.DataFrame, task) -> str:
    """What the mean of bits that is chosen saves and costs."""
    chosen = points[points["chosen"].astype(bool)].set_index("way")
    if chosen.empty or "cut" not in set(points["way"]):
        return "Nothing has been counted yet."
    before, size = points[points["way"] == "cut"].iloc[0], chosen["bytes"].max()

    def said(row) -> str:
        right = correct(task, row["value"], row["images"])
        return task.metric.in_words(row["value"]) if right is None else f"{right:,}"

    each = ", ".join(f"{said(row)} with {WAYS[way]}" for way, row in chosen.iterrows())
    of = f"{before['images']:,} hold-out images"
    found = f"of {of} {each} are right" if task.counts_right else f"{task.metric.name} on {of} is {each}"
    return (
        f"Large marks: at {size / 1e3:,.1f} kB in place of {before['bytes'] / 1e3:,.1f} kB, {found}, "
        f"{said(before)} in float32."
    )


# ---------------------------------------------------------------------------------------------- the subtask


def controls(rows: pd.DataFrame, full: int) -> go.Figure:
    """A bar a way to choose the channels. rows: way (of CONTROLS), correct, images.   full: right answers of
    the whole network."""
    figure = go.Figure(
        layout={
            "xaxis": {"title": "accuracy on these classes' hold-out images (%)", "range": [0, 100]},
            "yaxis": {"autorange": "reversed", "ticksuffix": " "},
            "height": 110 + 34 * max(1, len(rows)),
            "margin": {"t": 30, "b": 50},
            "showlegend": False,
        }
    )
    own = {"energy": "energy", "l1": "l1"}
    figure.add_bar(
        x=(100 * rows["correct"] / rows["images"]).to_numpy("float32"),
        y=[CONTROLS[way] for way in rows["way"]],
        orientation="h",
        marker={
            "color": [colour(own.get(way, "catro")) for way in rows["way"]],
            "opacity": [1.0 if way == "catro" else 0.55 for way in rows["way"]],
        },
        text=[f"{row.correct:,} of {row.images:,}" for row in rows.itertuples()],
        hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
    )
    if len(rows):
        share = 100 * full / rows["images"].iloc[0]
        figure.add_vline(share, line={"color": QUIET, "dash": "dot"}, annotation_text="full network")
    else:
        nothing(figure, "Nothing has been counted yet")
    return figure
