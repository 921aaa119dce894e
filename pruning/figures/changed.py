"""What changed: the same accuracy can be made of other errors, class by class and image by image."""

import pandas as pd
import plotly.graph_objects as go

from pruning.figures.look import CUT, KEPT, QUIET


def by_class(classes: pd.DataFrame) -> go.Figure:
    """A line a class from its accuracy before to its accuracy after, the class that lost most on top.

    classes: class (its name), baseline, final (0 to 1, of that class's test images).
    """
    ordered = lost_most_first(classes)
    figure = go.Figure(
        layout={
            "xaxis_title": "accuracy on the class's test images (%)",
            "yaxis": {"autorange": "reversed", "type": "category", "ticksuffix": " ", "title": "class"},
            "height": 120 + 24 * max(4, len(ordered)),
            "margin": {"t": 30, "b": 50},
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1, "x": 0},
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


def lost_most_first(classes: pd.DataFrame) -> pd.DataFrame:
    """The classes that have test images, the one that lost most first."""
    known = classes.dropna(subset=["baseline", "final"])
    known = known.assign(lost=known["baseline"] - known["final"])
    return known.sort_values("lost", ascending=False, kind="stable")


def by_class_in_words(classes: pd.DataFrame) -> str:
    ordered = lost_most_first(classes)
    if ordered.empty:
        return "No run has finished yet."
    worst, best = ordered.iloc[0], ordered.iloc[-1]
    words = "No class lost any accuracy."
    if worst["lost"] > 0:
        words = f"Class {worst['class']} lost most: {worst['baseline']:.1%} of its images were right, "
        words += f"{worst['final']:.1%} are."
    if best["lost"] < 0:
        gained = f"{best['baseline']:.1%} before, {best['final']:.1%} now"
        words += f" Class {best['class']} gained most: {gained}."
    return words


def changed_in_words(broken: int, mended: int, images: int, agreement: float) -> str:
    """broken: right before, wrong after; mended: the reverse; agreement: share of equal answers, 0 to 1."""
    if not broken and not mended:
        words = f"On none of the {images:,} test images did an answer turn right or wrong"
        return words + f"; {agreement:.1%} of the answers are the same."
    gained = mended - broken
    net = f"{abs(gained):,} {'more' if gained > 0 else 'fewer'} are right" if gained else "as many are right"
    words = f"{broken:,} of {images:,} test images were right and are wrong now, {mended:,} the reverse: "
    return words + f"{net}, and on {agreement:.1%} the pruned network gives the full network's answer."
