"""Letters for runs whose names are too long for legends, axes and columns, with the key that tells them."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from textwrap import wrap

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pruning.ui import charts
from pruning.ui.page_messages import unlinked

ROOM = 40  # letters of all names together that leave an axis, which names several runs in a row, its plot
LINE = 50  # letters of a line of a hover


def key(names: Sequence[str]) -> dict[str, str]:
    """{letter: name} in the names' order; empty where the names are short enough to be written out."""
    if sum(map(len, names)) <= ROOM or len(names) > len(ascii_uppercase):
        return {}
    return dict(zip(ascii_uppercase, names, strict=False))


def told(key: Mapping[str, str]):
    """The key, for the eye and as a file: what is taken away from below has the letters alone."""
    if not key:
        return
    st.markdown("\n".join(f"- **{letter}**: {unlinked(name)}" for letter, name in key.items()))
    table = pd.DataFrame({"run": list(key), "settings": list(key.values())})
    charts.csv(table, "side-by-side-runs", told="What the letters stand for")


def hovered(figure: go.Figure, key: Mapping[str, str]) -> go.Figure:
    """The same with the whole name in a mark's hover, where a letter stands for it in the legend."""
    for trace in figure.data:
        if trace.name in key:
            whole = "<br>".join(wrap(f"{trace.name}: {key[trace.name]}", LINE))
            trace.hovertemplate = trace.hovertemplate.replace(
                f"<extra>{trace.name}</extra>", f"<extra>{whole}</extra>"
            )
    return figure
