"""Both networks as the browser draws them: what it is sent, and the group that a click there opens."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from pruning.figures.layered_layout import layout
from pruning.inspection.layer_graph import LayerGraph
from pruning.ui import state

HERE = Path(__file__).parent
PAIRS = ("channels", "reads", "macs", "parameters", "shape")
_component = st.components.v2.component(
    "layer_graph",
    **{part: (HERE / f"layer_graph.{part}").read_text(encoding="utf-8") for part in ("html", "css", "js")},
)


def draw(graph: LayerGraph, table: pd.DataFrame, *, cut: str, key: str):
    """table: what `whole_and_cut` says of the graph.   cut: what the right side is called.   key: of the
    widget.
    A click opens the layer's channel group, for all pages."""

    def open_group():
        if group := st.session_state[key]["group"]:
            state.look_at(group=group, channel=None, gone=None)

    data = told(graph, table) | {"cut": cut, "group": state.looking_at("group") or ""}
    _component(key=key, data=data, on_group_change=open_group)


def told(graph: LayerGraph, table: pd.DataFrame) -> dict[str, Any]:
    """What the browser draws of the nodes, their places and the lines between them."""
    places = layout([node.sources for node in graph.nodes])
    rows = table[table["node"] >= 0].to_dict("records")
    nodes = [
        {
            "name": node.name,
            "kind": node.kind,
            "group": row["group"],
            "row": places.rows[number],
            "lane": places.lanes[number],
            "state": row["state"],
            "after": list(node.after),
            "again": node.again,
            **{name: [row[name], row[f"{name}_cut"]] for name in PAIRS},
        }
        for number, (node, row) in enumerate(zip(graph.nodes, rows, strict=True))
    ]
    totals = {n: [int(table[n].sum()), int(table[f"{n}_cut"].sum())] for n in ("macs", "parameters")}
    edges = [[edge.source, edge.target, edge.way, edge.track] for edge in places.edges]
    return {"nodes": nodes, "edges": edges, "tracks": places.tracks, "totals": totals}
