"""Fine-tuning as it goes: loss and hold-out metric, from a job's events while it runs and from its history
after. `metric` is the task's, a `tasks.Metric`.
"""

from collections.abc import Iterable

import pandas as pd
import plotly.graph_objects as go

from pruning.figures.method_style import KEPT, LEGEND, PALETTE, QUIET
from pruning.metric_words import axis, scale

TUNING = "tune"  # the stage of which `pruning.train.fit` tells
RIGHT = {"overlaying": "y", "side": "right", "showgrid": False}  # an axis
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


def metric_curve(events: Iterable, metric) -> pd.DataFrame:
    """epoch (a whole number) and value (of the metric on the hold-out, as it is drawn), from a job's events:
    a row an epoch that is over; before the first one row of epoch 0.
    """
    rows = [
        (event.values["epoch"], scale(metric) * event.values[metric.name])
        for event in events
        if event.stage == TUNING and metric.name in event.values
    ]
    return pd.DataFrame(rows, columns=["epoch", "value"])


def loss_axis(task, distill: bool) -> str:
    """What the training loss of a run of a task is. distill: the full network teaches."""
    if task.taught:
        return "training loss" if distill else "the discriminator's loss"
    return "training loss (nats)"


def training(history: pd.DataFrame, metric) -> go.Figure:
    """Losses on the left axis, the hold-out's metric on the right. Of adversarial training, which history's
    terms tell, the loss is the discriminator's.

    history: a row an epoch: epoch, loss, holdout_loss (nats), holdout_METRIC, kept (the state taken)."""
    adversarial = any(column.startswith("adversarial_") for column in history)
    figure = go.Figure(
        layout={
            "xaxis": {"title": "epoch", "dtick": max(1, len(history) // 10)},
            "yaxis": {"title": "loss" if adversarial else "loss (nats)", "rangemode": "tozero"},
            "yaxis2": {"title": f"hold-out {axis(metric)}", **RIGHT},
            "height": 340,
            "margin": {"t": 30, "b": 50},
            **LEGEND,
        }
    )
    unit = " %" if metric.unit == "share" else ""
    curves = (
        ("loss", "the discriminator's loss" if adversarial else "training loss", QUIET, "dot", "y", 1, ""),
        ("holdout_loss", "hold-out loss", PALETTE[1], "dash", "y", 1, ""),
        (f"holdout_{metric.name}", f"hold-out {metric.name}", KEPT, "solid", "y2", scale(metric), unit),
    )
    for column, name, colour, dash, side, size, after in curves:
        figure.add_scatter(
            x=history["epoch"].to_numpy("float32"),
            y=history[column].to_numpy("float32") * size,
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            yaxis=side,
            hovertemplate=f"epoch %{{x}}: %{{y:.4g}}{after}<extra>{name}</extra>",
        )
    if history.empty:
        figure.add_annotation(text="This run had no epochs of fine-tuning", showarrow=False)
    return figure


def training_in_words(history: pd.DataFrame, metric, *, taught: bool = False) -> str:
    """Which state was taken, and why. taught: of a task whose states are chosen by Fréchet distance."""
    if history.empty:
        return "This run had no epochs of fine-tuning."
    kept = history[history["kept"]]
    if kept.empty:
        return "No epoch made the network better on the hold-out, so it stayed as it was before fine-tuning."
    epoch = kept.iloc[-1]
    words = f"The state after epoch {epoch['epoch']:.0f} of {len(history)} was kept: it has the lowest "
    words += "hold-out Fréchet distance" if taught else f"hold-out loss ({epoch['holdout_loss']:.3f})"
    words += f", with a hold-out {metric.name} of {metric.in_words(epoch[f'holdout_{metric.name}'])}. "
    return words + "The test images play no part in this choice."
