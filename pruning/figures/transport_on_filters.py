"""CPOT on filters: a channel's mass on its taps beside the barycenter's, and what of it has to move."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pruning.figures.channel_group import frame
from pruning.figures.method_style import QUIET

TAPS = 160  # bars that can still be told apart; more taps are drawn as kernels
BOTH_WAYS = ((0.0, "#3f90da"), (0.5, "#f2f2f2"), (1.0, "#e76300"))  # less and more than the barycenter
GIVES, TAKES = "#e76300", "#3f90da"


class Shown(NamedTuple):
    """A channel that is drawn: its number, its distance to the barycenter, and whether it goes."""

    channel: int
    distance: float
    cut: bool

    @property
    def label(self) -> str:
        return f"channel {self.channel} ({'is cut' if self.cut else 'stays'}): {self.distance:.3g}"


def over_even(mass: np.ndarray) -> np.ndarray:
    """Mass relative to an even spread, p x n - 1: 0 is even, 1 is twice as much. [..., taps]."""
    return mass * mass.shape[-1] - 1


def filter_figure(
    mass: np.ndarray, barycenter: np.ndarray, kernel: Sequence[int], some: Sequence[Shown]
) -> go.Figure:
    """Bars a tap, or kernels where taps are many. mass: [C, taps].   kernel: input channels, its sides.
    some: channels, the first of them the one that is looked at."""
    if len(barycenter) <= TAPS:
        return tap_bars(mass, barycenter, kernel, some)
    return kernel_maps(mass, barycenter, kernel, some)


def tap_bars(
    mass: np.ndarray, barycenter: np.ndarray, kernel: Sequence[int], some: Sequence[Shown]
) -> go.Figure:
    """A row a channel: the barycenter as a line, and bars from it to the channel's mass."""
    labels = [channel.label for channel in some]
    figure = make_subplots(rows=len(some), shared_xaxes=True, vertical_spacing=0.14, subplot_titles=labels)
    taps, line = np.arange(len(barycenter)), {"color": QUIET, "width": 1.5, "shape": "hvh"}
    names, middle = [tap_name(int(tap), kernel) for tap in taps], over_even(barycenter).astype("float32")
    for row, channel in enumerate(some, start=1):
        more = ((mass[channel.channel] - barycenter) * len(taps)).astype("float32")
        for colour, name, part in ((GIVES, "more than the barycenter", more > 0), (TAKES, "less", more <= 0)):
            figure.add_bar(
                x=taps[part],
                y=more[part],
                base=middle[part],
                marker={"color": colour, "line": {"width": 0}},
                name=name,
                showlegend=row == 1,
                customdata=np.array(names, object)[part],
                hovertemplate="%{customdata}: %{y:+.2f} against the barycenter<extra></extra>",
                row=row,
                col=1,
            )
        drawn = {"name": "barycenter", "showlegend": row == 1, "hoverinfo": "skip", "row": row, "col": 1}
        figure.add_scatter(x=taps, y=middle, mode="lines", line=line, **drawn)
    figure.update_layout(height=200 * len(some) + 110, bargap=0, barmode="overlay", **frame())
    figure.update_layout(margin_t=70, legend_y=1.08)  # above the first title
    each = len(taps) // kernel[0]
    figure.update_xaxes(tickvals=np.arange(kernel[0]) * each - 0.5, ticktext=list(map(str, range(kernel[0]))))
    figure.update_xaxes(title="taps of the filter, by input channel", row=len(some), col=1)
    figure.update_yaxes(title="mass relative to uniform, - 1", matches="y")
    return figure


def kernel_maps(
    mass: np.ndarray, barycenter: np.ndarray, kernel: Sequence[int], some: Sequence[Shown]
) -> go.Figure:
    """Filters as tiles, a tile an input channel: the barycenter, and of each channel what is more or less."""
    names = ["barycenter", *(f"{channel.label}<br>less the barycenter" for channel in some)]
    parts = [over_even(barycenter), *((mass[c.channel] - barycenter) * len(barycenter) for c in some)]
    figure = make_subplots(cols=len(parts), subplot_titles=names, horizontal_spacing=0.03)
    for column, part in enumerate(parts, start=1):
        text = "%{z:+.2f}<extra></extra>"
        figure.add_heatmap(
            z=tiles(part, kernel), coloraxis="coloraxis", hovertemplate=text, row=1, col=column
        )
    most = max(float(np.abs(part).max()) for part in parts) or 1.0
    bar = {"title": "mass /<br>uniform", "thickness": 12}
    scale = {"colorscale": BOTH_WAYS, "cmin": -most, "cmax": most, "colorbar": bar}
    figure.update_layout(coloraxis=scale, height=380, **frame() | {"margin": {"t": 60, "b": 20}})
    return bare(figure, tiles(barycenter, kernel).shape)


def tiles(values: np.ndarray, kernel: Sequence[int]) -> np.ndarray:
    """[taps] as tiles of the kernel's size in a near-square: [rows, columns], nan in the gaps between."""
    inputs, sides = kernel[0], (1, 1, *kernel[1:])[-2:]
    across = int(np.ceil(np.sqrt(inputs)))
    down = -(-inputs // across)
    sheet = np.full((down * (sides[0] + 1) - 1, across * (sides[1] + 1) - 1), np.nan, "float32")
    for number, tile in enumerate(values.reshape(inputs, -1, *sides).sum(axis=1)):
        top, left = number // across * (sides[0] + 1), number % across * (sides[1] + 1)
        sheet[top : top + sides[0], left : left + sides[1]] = tile
    return sheet


def tap_name(tap: int, kernel: Sequence[int]) -> str:
    place = np.unravel_index(tap, kernel)
    where = f", place {tuple(int(part) for part in place[1:])}" if len(kernel) > 1 else ""
    return f"input channel {place[0]}{where}"


def bare(figure: go.Figure, size: Sequence[int]) -> go.Figure:
    """Pictures of the same [height, width] side by side: no axes, rows from the top, square places."""
    figure.update_xaxes(visible=False, constrain="domain", range=(-0.5, size[1] - 0.5))
    figure.update_yaxes(visible=False, constrain="domain", constraintoward="top", range=(size[0] - 0.5, -0.5))
    for number, axis in enumerate(figure.select_yaxes(), start=1):
        axis.scaleanchor = f"x{number}" if number > 1 else "x"
    return figure
