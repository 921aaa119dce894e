"""What taking channels out of one group costs, step by step."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.channel_group import frame
from pruning.figures.method_style import CUT, KEPT, QUIET
from pruning.terms import plural


def steps_table(order: tuple[int, ...], losses: np.ndarray) -> pd.DataFrame:
    """A row a step: gone (channels out), channel (the one that goes at this step; -1 at the start) and loss
    in nats, after it."""
    gone = np.arange(len(losses))
    return pd.DataFrame({"gone": gone, "channel": [-1, *order[: len(losses) - 1]], "loss": losses})


def removal_curve(table: pd.DataFrame, gone: int) -> go.Figure:
    """Loss against channels out, the step one stands at marked. table: as `steps_table`'s.   gone: channels
    that are out now."""
    figure = go.Figure(layout={"height": 300, **frame()})
    for name, rows, shade, dash in (
        ("out", table[table["gone"] <= gone], CUT, "solid"),
        ("still to go", table[table["gone"] >= gone], QUIET, "dot"),
    ):
        figure.add_scatter(
            x=rows["gone"].to_numpy("float32"),
            y=rows["loss"].to_numpy("float32"),
            name=name,
            mode="lines+markers",
            line={"color": shade, "dash": dash},
            marker={"size": 5},
            customdata=rows["channel"],
            hovertemplate="%{x} out, the last was channel %{customdata}: loss %{y:.3f}<extra></extra>",
        )
    now = table[table["gone"] == gone]
    mark = {"size": 13, "color": KEPT, "symbol": "diamond"}
    figure.add_scatter(
        x=now["gone"], y=now["loss"], mode="markers", marker=mark, name="now", hoverinfo="skip"
    )
    figure.update_xaxes(title="channels of this group that are out", range=(-0.5, len(table) - 0.5))
    figure.update_yaxes(title="hold-out loss (nats)", rangemode="tozero")
    return figure


def step_in_words(table: pd.DataFrame, gone: int, images: int) -> str:
    """Where one stands, and what the last step and the next one cost."""
    losses = table["loss"].to_numpy(float)
    words = f"With {plural(gone, 'channel')} out the loss is {losses[gone]:.3f} ({losses[0]:.3f} with none). "
    if gone:
        last = int(table["channel"][gone])
        words += f"Channel {last} went last and changed it by {losses[gone] - losses[gone - 1]:+.3f}. "
    if gone + 1 < len(losses):
        following = int(table["channel"][gone + 1])
        words += f"Next is channel {following}: {losses[gone + 1] - losses[gone]:+.3f}. "
    return words + f"Nothing is repaired; {images:,} hold-out images."
