"""What changed: the same accuracy can be made of other errors, class by class and image by image. `task` is a
`tasks.Task`."""

import pandas as pd
import plotly.graph_objects as go

from pruning.figures.method_style import CUT, KEPT, LEGEND, QUIET
from pruning.terms import percent, sentence


def by_class(classes: pd.DataFrame, task) -> go.Figure:
    """A line a class from its value before to its value after, the class that lost most on top.

    classes: class (its name), baseline, final (0 to 1, of that class in the test images).
    """
    ordered = lost_most_first(classes)
    figure = go.Figure(
        layout={
            "xaxis_title": f"{task.of_class} of the {kind_of(task)} in the test images (%)",
            "yaxis": {"autorange": "reversed", "type": "category", "ticksuffix": " ", "title": kind_of(task)},
            "height": 120 + 24 * max(4, len(ordered)),
            "margin": {"t": 30, "b": 50},
            **LEGEND,
        }
    )
    names = ordered["class"].astype(str)
    before, after = (ordered[c].to_numpy("float32") * 100 for c in ("baseline", "final"))
    for name, x, y in zip(names, before, after, strict=True):
        line = {"color": CUT if y < x else KEPT, "width": 2}
        figure.add_scatter(
            x=[x, y], y=[name, name], mode="lines", line=line, showlegend=False, hoverinfo="skip"
        )
    for label, values, mark in (
        ("full network", before, {"symbol": "circle-open", "size": 10, "color": QUIET}),
        ("pruned", after, {"symbol": "circle", "size": 10, "color": KEPT}),
    ):
        hover = f"%{{y}}: %{{x:.1f}} %<extra>{label}</extra>"
        figure.add_scatter(x=values, y=names, mode="markers", name=label, marker=mark, hovertemplate=hover)
    figure.update_yaxes(categoryorder="array", categoryarray=names.tolist())
    if classes.empty:
        figure.add_annotation(text="No run has finished yet", showarrow=False)
    return figure


def kind_of(task) -> str:
    """What an image is sorted by: its class, or the domain that it is asked for in."""
    return "domain asked for" if task.drawn_as == "pictures" else "class"


def lost_most_first(classes: pd.DataFrame) -> pd.DataFrame:
    """The classes that have test images, the one that lost most first."""
    known = classes.dropna(subset=["baseline", "final"])
    known = known.assign(lost=known["baseline"] - known["final"])
    return known.sort_values("lost", ascending=False, kind="stable")


def by_class_in_words(classes: pd.DataFrame, task) -> str:
    ordered = lost_most_first(classes)
    if ordered.empty:
        return "No run has finished yet."
    worst, best = ordered.iloc[0], ordered.iloc[-1]
    kind = kind_of(task)
    words = f"No {kind} lost any {task.of_class}."
    if worst["lost"] > 0:
        words = f"{sentence(kind)} {worst['class']} lost most: {task.of_class} "
        words += f"{percent(worst['baseline'])} before, {percent(worst['final'])} now."
    if best["lost"] < 0:
        gained = f"{percent(best['baseline'])} before, {percent(best['final'])} now"
        words += f" {sentence(kind)} {best['class']} gained most: {gained}."
    return words


def changed_in_words(broken: int, mended: int, images: int, agreement: float, *, task) -> str:
    """broken: right before, wrong after; mended: the reverse; agreement: share of equal answers, 0 to 1."""
    if task.drawn_as == "masks":
        words = f"{broken:,} of {images:,} test images were right and are wrong now, {mended:,} the reverse; "
        words += f"one is right where {task.right_means}. "
        return words + f"Both networks say the same class of {percent(agreement)} of the pixels."
    if task.drawn_as == "pictures":
        words = f"{broken:,} of {images:,} test images were right and are wrong now, {mended:,} the reverse; "
        words += f"one is right where {task.right_means}. "
        same = "both networks' translations are taken for the same domain"
        return words + f"For {percent(agreement)} of the images {same}."
    if not broken and not mended:
        words = f"No prediction turned right or wrong on the {images:,} test images"
        return words + f"; {percent(agreement)} of the predictions are the same."
    gained = mended - broken
    net = "the accuracy is the same"
    if gained:
        net = f"{abs(gained):,} {'more' if gained > 0 else 'fewer'} right in all"
    words = f"{broken:,} of {images:,} test images were right and are wrong now, {mended:,} the reverse: "
    return words + f"{net}, and on {percent(agreement)} of them both networks predict the same class."
