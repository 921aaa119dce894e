"""Where a network's multiply-accumulates and parameters are, layer by layer."""

from collections import Counter

import pandas as pd
import plotly.graph_objects as go

from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import KEPT, QUIET
from pruning.terms import percent

UNITS = {"macs": "MACs", "parameters": "parameters"}
FRAME, LABEL = "rgba(148, 164, 162, 0.18)", "#7d8791"  # of the parts that hold layers, on light and on dark


def treemap(layers: pd.DataFrame, value: str = "macs") -> go.Figure:
    """Areas by `value` (macs or parameters), nested as the layers' dotted names are; grey is what cannot be
    cut.

    layers: a row a layer, with layer (its name), macs, parameters (counts) and prunable."""
    boxes, unit = nested(layers, value), UNITS[value]
    fixed = set(layers.loc[~layers["prunable"].astype(bool), "layer"])
    inside = set(boxes["parent"])
    colours = [FRAME if path in inside else QUIET if path in fixed else KEPT for path in boxes["path"]]
    figure = go.Figure(layout={"height": 360, "margin": {"t": 10, "b": 10, "l": 0, "r": 0}})
    figure.add_treemap(
        ids=boxes["path"],
        labels=[
            named(label, path in inside) for path, label in zip(boxes["path"], boxes["label"], strict=True)
        ],
        parents=boxes["parent"],
        values=boxes["value"],
        branchvalues="total",
        marker={"colors": colours, "line": {"width": 0}},
        text=[percent(share) for share in boxes["value"] / max(1, layers[value].sum())],
        texttemplate="%{label}<br>%{text}",
        hovertemplate=f"%{{id}}<br>%{{value:,}} {unit}, %{{text}}<extra></extra>",
        tiling={"pad": 2},
        pathbar={"visible": False},
        sort=False,
    )
    if boxes.empty:
        nothing(figure, "This network has no convolution or linear layer")
    return figure


def named(label: str, holds_others: bool) -> str:
    """A box's label; that of a box which is nearly see-through keeps a colour of its own on light and on
    dark."""
    return f"<span style='color:{LABEL}'>{label}</span>" if holds_others else label


def nested(layers: pd.DataFrame, value: str) -> pd.DataFrame:
    """A row a box: path, label, parent ("" at the top) and value.

    What would hold one box alone is no box of its own: the one inside has both names."""
    totals: dict[str, int] = {}
    for name, amount in zip(layers["layer"], layers[value], strict=True):
        parts = name.split(".") if amount else []
        for depth in range(1, len(parts) + 1):
            path = ".".join(parts[:depth])
            totals[path] = totals.get(path, 0) + int(amount)
    children = Counter(path.rpartition(".")[0] for path in totals)
    merged = {path for path in totals if children[path] == 1} - set(layers["layer"])
    rows = []
    for path, amount in totals.items():
        parent = path.rpartition(".")[0]
        while parent in merged:
            parent = parent.rpartition(".")[0]
        if path not in merged:
            rows.append((path, path.removeprefix(parent).lstrip("."), parent, amount))
    return pd.DataFrame(rows, columns=["path", "label", "parent", "value"])


def treemap_in_words(layers: pd.DataFrame, value: str = "macs") -> str:
    """Where most of it is, in a sentence."""
    boxes = nested(layers, value)
    if boxes.empty:
        return "This network has no convolution or linear layer."
    tops = boxes[boxes["parent"] == ""].sort_values("value", ascending=False)
    whole, most = tops["value"].sum(), tops.iloc[0]
    single = layers.loc[layers[value].idxmax()]
    unit = UNITS[value]
    return (
        f"{most['label']} holds {percent(most['value'] / whole, 0)} of the {whole:,} {unit}; "
        f"the largest single layer is {single['layer']} with {percent(single[value] / whole)}."
    )
