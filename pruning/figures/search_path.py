"""How a search found its widths: which group gave when, and what was lost on the way."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import KEPT, QUIET
from pruning.figures.name_ticks import name_ticks
from pruning.terms import percent

PRICES = {  # on the axis, and after a number
    "cross-entropy": ("cross-entropy<br>(nats)", "nats of cross-entropy"),
    "kl": ("KL from the full<br>network (nats)", "nats of KL from the full network"),
    "kl-moved": ("KL, images moved<br>and mixed (nats)", "nats of KL from the full network"),
    "di": ("discriminant<br>information lost", "of discriminant information"),
    "trace-ratio": ("utility lost<br>(groups' totals)", "times a group's total utility"),
    "error": ("reconstruction<br>error (share)", "of the variance, over all groups"),
}
ROW = 18  # pixels of a group
SHADES = "Cividis"  # told apart with any colour vision


def path_rows(path: pd.DataFrame, achieved: float) -> pd.DataFrame:
    """The steps with what a drawing needs: share_left (of the whole measure, 0 to 1) and group_left (of the
    group's channels, 0 to 1) after each.

    path: as `Plan.path_table()`.   achieved: the share of the measure that is gone in the end."""
    if path.empty:
        return path.assign(share_left=0.0, group_left=0.0)
    whole = path["left"].iloc[-1] / (1 - achieved)
    first = path.groupby("group", sort=False)[["channels", "kept"]].first().sum(axis=1)
    return path.assign(share_left=path["left"] / whole, group_left=path["kept"] / path["group"].map(first))


def search_path(rows: pd.DataFrame, groups: Sequence[str], price: str, measure: str) -> go.Figure:
    """Above, what was lost against what is left; below, a square each time that a group gave, darker the less
    it has left. Read from left to right as the search went.

    rows: as `path_rows`.   groups: all that could give, in the network's order.   price: of PRICES.
    measure: in words, such as MACs."""
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.35, 0.65], vertical_spacing=0.06)
    left = (100 * rows["share_left"]).to_numpy("float32")
    figure.add_scatter(
        x=left,
        y=rows["price"].to_numpy("float32"),
        mode="lines",
        line={"color": KEPT, "shape": "vh"},
        hovertemplate=f"%{{x:.1f}} % of the {measure} left: %{{y:.4g}}<extra></extra>",
        row=1,
        col=1,
    )
    squares(figure, rows, left, measure)
    figure.update_xaxes(autorange="reversed")
    figure.update_xaxes(title=f"{measure} left (%); the search goes to the right", row=2, col=1)
    figure.update_yaxes(title=PRICES[price][0], row=1, col=1)
    figure.update_yaxes(
        row=2, col=1, type="category", categoryorder="array", categoryarray=list(groups)[::-1]
    )
    figure.update_yaxes(row=2, col=1, range=[-0.7, len(groups) - 0.3], **name_ticks(groups))
    figure.update_layout(showlegend=False, height=240 + ROW * len(groups), margin={"t": 20, "b": 50})
    if rows.empty:
        nothing(figure, "Nothing had to be cut, so no group lost channels")
    return figure


def squares(figure: go.Figure, rows: pd.DataFrame, left: np.ndarray, measure: str):
    """A square a step, in its group's row."""
    figure.add_scatter(
        x=left,
        y=rows["group"],
        mode="markers",
        marker={
            "symbol": "square",
            "size": 9,
            "line": {"color": QUIET, "width": 0.5},  # dark ones on a dark page
            "color": (100 * rows["group_left"]).to_numpy("float32"),
            "colorscale": SHADES,
            "cmin": 0,
            "cmax": 100,
            "colorbar": {"title": "group left (%)", "thickness": 12, "len": 0.6, "y": 0.3},
        },
        customdata=rows[["channels", "kept", "rise"]].to_numpy(object),
        hovertemplate="%{y} loses %{customdata[0]}, keeps %{customdata[1]}<br>cost %{customdata[2]:.3g}, "
        f"%{{x:.1f}} % of the {measure} left<extra></extra>",
        row=2,
        col=1,
    )


def search_path_in_words(rows: pd.DataFrame, price: str) -> str:
    """Who gave first and most, and when it became dear."""
    if rows.empty:
        return "Nothing had to be cut, so no group lost channels."
    first, last = rows.iloc[0], rows.groupby("group", sort=False).last()
    most = last["group_left"].idxmin()
    share = f"most ({percent(last['group_left'][most], 0)} of its channels are left)."
    same = most == first["group"]
    words = f"{most} was cut first and lost {share}"
    if not same:
        words = f"{first['group']} was cut first; {most} lost {share}"
    rise = rows["rise"].sum()
    if rise > 0:
        done = (1 - rows["share_left"]) / (1 - rows["share_left"].iloc[-1])
        late = rows["rise"][done > 0.75 + 1e-9].sum() / rise
        words += f" The last quarter of the cut made up {percent(late, 0)} of the cost"
        words += f" ({rise:.3g} {PRICES[price][1]})."
    else:
        words += " On these images it cost nothing."
    return words
