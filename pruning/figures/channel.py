"""One channel: its kernel, where in images it answers, the channels most like it, and the classes whose
scores it feeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import BELOW, CUT, DIVERGING, KEPT, QUIET
from pruning.terms import percent, plural

ACROSS = 8  # kernels in a row
SHADES = "Cividis"  # as the map of ranks: told apart with any colour vision
SIGNS = DIVERGING  # orange below zero, blue above
NEAREST = 12  # similar channels that are shown


# ---------------------------------------------------------------------------------------------- the kernel


def kernel_table(inputs: Sequence[int] | np.ndarray, kernel: np.ndarray) -> pd.DataFrame:
    """A row a weight: place (0 for the input read most strongly), input, row, column, weight.
    inputs: [m].   kernel: [m, h, w]."""
    many, height, width = np.asarray(kernel).shape
    place, row, column = (axis.ravel() for axis in np.indices((many, height, width)))
    inputs = np.asarray(inputs, int)[place]
    values = {"place": place, "input": inputs, "row": row, "column": column, "weight": np.ravel(kernel)}
    return pd.DataFrame(values)


def kernel_maps(weights: pd.DataFrame) -> go.Figure:
    """A small map for each input channel, the strongest first; bars where a kernel is one weight.

    weights: as `kernel_table`'s. One colour scale for all, white at zero."""
    figure = go.Figure(layout={"margin": {"t": 24, "b": 10, "l": 10, "r": 10}, "height": 240})
    if weights.empty:
        nothing(figure, "This channel has no weights")
        return figure
    height, width = int(weights["row"].max()) + 1, int(weights["column"].max()) + 1
    if height * width == 1:
        return weight_bars(weights, figure)
    top, left = weights["place"] // ACROSS, weights["place"] % ACROSS
    rows, across = int(top.max()) + 1, min(ACROSS, int(weights["place"].max()) + 1)
    sheet = np.full((rows * (height + 1), across * (width + 1) - 1), np.nan, "float32")  # a gap beside each
    inputs = np.full(sheet.shape, -1)
    y, x = top * (height + 1) + 1 + weights["row"], left * (width + 1) + weights["column"]
    sheet[y, x], inputs[y, x] = weights["weight"], weights["input"]
    most = float(np.nanmax(np.abs(sheet))) or 1.0
    figure.add_heatmap(
        z=sheet,
        customdata=inputs,
        zmin=-most,
        zmax=most,
        colorscale=SIGNS,
        hoverongaps=False,
        showscale=False,
        hovertemplate="input channel %{customdata}: %{z:.3g}<extra></extra>",
    )
    for place, name in weights.drop_duplicates("place")[["place", "input"]].to_numpy():
        at = {"x": (place % ACROSS) * (width + 1) + (width - 1) / 2, "y": (place // ACROSS) * (height + 1)}
        figure.add_annotation(**at, text=str(name), showarrow=False, font={"size": 11})
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x")
    figure.update_layout(height=30 + 80 * rows, plot_bgcolor="rgba(0,0,0,0)")
    return figure


def weight_bars(weights: pd.DataFrame, figure: go.Figure) -> go.Figure:
    """A kernel of one weight an input channel."""
    values = weights["weight"].to_numpy("float32")
    figure.add_bar(
        x=weights["input"].astype(str),
        y=values,
        marker={"color": np.where(values < 0, BELOW, KEPT)},
        hovertemplate="input channel %{x}: %{y:.3g}<extra></extra>",
    )
    figure.update_xaxes(title="input channel, the largest weight first", type="category")
    figure.update_yaxes(title="weight")
    figure.update_layout(margin={"t": 10, "b": 50, "l": 60, "r": 10})
    return figure


def kernel_in_words(weights: pd.DataFrame, layer: str, inputs: int) -> str:
    """inputs: how many input channels the layer reads in all."""
    if weights.empty or not weights["weight"].any():
        return f"All its weights in {layer} are zero: the channel is dead."
    sizes = (weights["weight"] ** 2).groupby(weights["place"]).sum()
    names = weights.drop_duplicates("place")["input"].astype(str).tolist()
    shown = f"the {len(names)} of its {inputs} input channels with the largest weights"
    if len(names) == inputs:
        shown = f"{'all ' if inputs > 1 else ''}{plural(inputs, 'input channel')}, the largest weights first"
    share = sizes.iloc[0] / sizes.sum()
    return (
        f"Its weights in {layer} for {shown} (numbers above); input channel {names[0]} alone holds "
        f"{percent(share, 0)} of their squared norm. Orange is negative, blue positive, the strongest "
        f"{weights['weight'].abs().max():.2g}."
    )


# ------------------------------------------------------------------------------------------------- its maps


def shades(maps: np.ndarray) -> np.ndarray:
    """Maps as pictures of one scale, from their least value to their largest: [n, h, w] -> uint8
    [n, h, w, 3]; what is no finite number is grey."""
    finite = np.isfinite(maps)
    least = min(0.0, float(np.min(maps, where=finite, initial=0.0)))
    most = float(np.max(maps, where=finite, initial=least))
    share = (np.where(finite, maps, least) - least) / ((most - least) or 1.0)
    steps = sample_colorscale(SHADES, np.linspace(0, 1, 256), colortype="tuple")
    colours = (np.array(steps) * 255).round().astype(np.uint8)
    pictures = colours[(share * 255).round().astype(int)]
    pictures[~finite] = 128
    return pictures


def signed(kernels: np.ndarray) -> np.ndarray:
    """Kernels as pictures of one scale, white at zero: [n, h, w] -> uint8 [n, h, w, 3]."""
    most = float(np.abs(kernels).max(initial=0)) or 1.0
    steps = sample_colorscale([list(step) for step in SIGNS], np.linspace(0, 1, 256), colortype="tuple")
    colours = (np.array(steps) * 255).round().astype(np.uint8)
    return colours[((kernels / most + 1) / 2 * 255).round().astype(int)]


def maps_in_words(
    labels: Sequence[str] | np.ndarray, maps: np.ndarray, reader: str, *, of: str = "of class {}"
) -> str:
    """Where the channel answers. maps: [n, h, w], as read by the layer `reader`.   of: what a label says of
    an image."""
    if not len(labels):
        return "There are no hold-out images."
    active = [np.isfinite(one).all() and one.max() > 0 for one in maps]
    means = [float(np.mean(one)) for one in maps]
    words = f"Each image and, below it, the channel's activation where {reader} reads it: yellow is high, "
    words += f"dark blue is {'low or zero' if np.nanmin(maps) >= 0 else 'negative'}"
    if not any(active):
        return words + ". It is active in none of them."
    best = labels[int(np.nanargmax(means))]
    return words + f". It is active in {sum(active)} of {len(maps)}, most in an image {of.format(best)}."


def strongest_in_words(
    labels: Sequence[str] | np.ndarray,
    classes: int,
    images: int,
    by: str,
    *,
    pixels: bool = False,
    kind: str = "class",
) -> str:
    """labels: classes of the most exciting images, the strongest first.   by: what is highest in them.
    pixels: each names the classes of an image's pixels.   kind: what a label is."""
    if pixels:
        labels = [name for each in labels for name in each.split(", ")]
    counts = pd.Series(list(labels), dtype=str).value_counts()
    if counts.empty:
        return "There are no hold-out images."
    most, times = counts.index[0], int(counts.iloc[0])
    if pixels:
        return f"Of the hold-out images with the highest {by}, {times} show pixels of class {most}."
    words = f"The {len(labels)} of {images} hold-out images with the highest {by}: "
    if times > 2 * len(labels) / classes + 1:
        return words + f"{times} are of {kind} {most}, so it responds to something typical of that {kind}."
    several = plural(len(counts), kind, "classes" if kind == "class" else None)
    return words + f"{several}, so what it responds to is typical of no single {kind}."


# ------------------------------------------------------------------------- similar channels, and classes


def similar_bars(similar: pd.DataFrame, distance: str) -> go.Figure:
    """The nearest channels. similar: channel, distance, cut (bool), the nearest first."""
    near = similar.head(NEAREST)
    figure = go.Figure(layout={"height": 260, "margin": {"t": 10, "b": 50}, "showlegend": False})
    figure.add_bar(
        x=near["channel"].astype(str),
        y=near["distance"].to_numpy("float32"),
        marker={
            "color": np.where(near["cut"].astype(bool), CUT, KEPT),
            "pattern": {"shape": np.where(near["cut"].astype(bool), "/", "")},
        },
        customdata=np.where(near["cut"].astype(bool), "is cut", "stays"),
        hovertemplate="channel %{x}: %{y:.3g}<extra>%{customdata}</extra>",
    )
    figure.update_xaxes(title="channel, the nearest first; red with stripes is cut", type="category")
    figure.update_yaxes(title=distance, rangemode="tozero", title_font_size=11)
    if similar.empty:
        nothing(figure, "There is no other channel to compare this one with")
    return figure


def similar_in_words(similar: pd.DataFrame, channel: int, distance: str) -> str:
    """Which channel could stand in for this one."""
    if similar.empty:
        return "There is no other channel to compare this one with."
    first, middle = similar.iloc[0], float(similar["distance"].median())
    fate = "is cut" if first["cut"] else "stays"
    words = f"By {distance}, the most similar channel is {int(first['channel'])} ({first['distance']:.3g}), "
    words += f"which {fate}"
    if first["distance"] <= 1e-9:
        return words + ": an exact copy."
    near = middle / first["distance"]
    return words + (
        f": {near:.1f} times as near as the median channel."
        if near >= 1.5
        else ": hardly nearer than the others, so no channel can replace this one."
    )


def class_bars(attributions: pd.DataFrame) -> go.Figure:
    """attributions: class, attribution, of one channel."""
    ordered = attributions.sort_values("attribution", ascending=False, kind="stable").head(24)
    values = ordered["attribution"].to_numpy("float32")
    figure = go.Figure(layout={"height": 260, "margin": {"t": 10, "b": 50}, "showlegend": False})
    figure.add_bar(
        x=ordered["class"].astype(str),
        y=values,
        marker={"color": np.where(values < 0, QUIET, KEPT)},
        hovertemplate="class %{x}: %{y:+.3g}<extra></extra>",
    )
    figure.update_xaxes(title="class", type="category")
    figure.update_yaxes(title="added to the class's score (logit)", title_font_size=11)
    if attributions.empty:
        nothing(figure, "No class has been computed")
    return figure


def classes_in_words(attributions: pd.DataFrame, *, of: str = "hold-out images of class") -> str:
    """of: what has the classes."""
    if attributions.empty:
        return "No class has been computed."
    ordered = attributions.sort_values("attribution", ascending=False, kind="stable")
    top, low = ordered.iloc[0], ordered.iloc[-1]
    if not ordered["attribution"].any():
        return "It adds nothing to any class's score."
    words = f"On {of} {top['class']} it adds {top['attribution']:+.2g} to its score"
    words += f", on those of {low['class']} {low['attribution']:+.2g}"
    return words + " (gradient x activation by Captum, a first-order estimate)."
