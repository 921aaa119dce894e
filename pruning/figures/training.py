"""Fine-tuning as it goes: loss and hold-out accuracy, from a job's events while it runs and from its history
after.
"""

from collections.abc import Iterable

import pandas as pd
import plotly.graph_objects as go

from pruning.figures.method_style import KEPT, LEGEND, PALETTE, QUIET
from pruning.terms import percent

TUNING = "tune"  # the stage of which `pruning.train.fit` tells
DRAWN = 400  # points of a live curve; a screen shows no more


def loss_curve(events: Iterable) -> pd.DataFrame:
    """epoch (a fraction while one is under way) and loss (nats, the mean of the epoch so far), from a job's
    events.

    events: with stage, done, total and values, as a job's. At most DRAWN rows, the last one always among
    them.
    """
    rows = [
        (event.done / event.total * event.values["epochs"], event.values["loss"])
        for event in events
        if event.stage == TUNING and "loss" in event.values
    ]
    every = -(-len(rows) // DRAWN) or 1  # so many points stand for one
    return pd.DataFrame(rows[::-1][::every][::-1], columns=["epoch", "loss"])


def accuracy_curve(events: Iterable) -> pd.DataFrame:
    """epoch (a whole number) and accuracy (% of the hold-out), from a job's events: a row an epoch that is
    over; before the first one row of epoch 0.
    """
    rows = [
        (event.values["epoch"], 100 * event.values["accuracy"])
        for event in events
        if event.stage == TUNING and "accuracy" in event.values
    ]
    return pd.DataFrame(rows, columns=["epoch", "accuracy"])


def training(history: pd.DataFrame) -> go.Figure:
    """Losses on the left axis, hold-out accuracy on the right.

    history: a row an epoch: epoch, loss, holdout_loss (nats), holdout_accuracy (0 to 1), kept (the state that
    was taken).
    """
    figure = go.Figure(
        layout={
            "xaxis": {"title": "epoch", "dtick": max(1, len(history) // 10)},
            "yaxis": {"title": "loss (nats)", "rangemode": "tozero"},
            "yaxis2": {
                "title": "hold-out accuracy (%)",
                "overlaying": "y",
                "side": "right",
                "showgrid": False,
            },
            "height": 340,
            "margin": {"t": 30, "b": 50},
            **LEGEND,
        }
    )
    curves = (
        ("loss", "training loss", QUIET, "dot", "y"),
        ("holdout_loss", "hold-out loss", PALETTE[1], "dash", "y"),
        ("holdout_accuracy", "hold-out accuracy", KEPT, "solid", "y2"),
    )
    for column, name, colour, dash, axis in curves:
        scale, unit = (100, " %") if axis == "y2" else (1, "")
        figure.add_scatter(
            x=history["epoch"].to_numpy("float32"),
            y=history[column].to_numpy("float32") * scale,
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            yaxis=axis,
            hovertemplate=f"epoch %{{x}}: %{{y:.4g}}{unit}<extra>{name}</extra>",
        )
    if history.empty:
        figure.add_annotation(text="This run had no epochs of fine-tuning", showarrow=False)
    return figure


def training_in_words(history: pd.DataFrame) -> str:
    """Which state was taken, and why."""
    if history.empty:
        return "This run had no epochs of fine-tuning."
    kept = history[history["kept"]]
    if kept.empty:
        return "No epoch made the network better on the hold-out, so it stayed as it was before fine-tuning."
    epoch = kept.iloc[-1]
    words = f"The state after epoch {epoch['epoch']:.0f} of {len(history)} was kept: it has the lowest "
    words += (
        f"hold-out loss ({epoch['holdout_loss']:.3f}), with a hold-out accuracy of "
        f"{percent(epoch['holdout_accuracy'])}. "
    )
    return words + "The test images play no part in this choice."
