"""The whole and the cut network side by side: a plan's before it is run, and a result's; nothing is computed
before it is unfolded."""

from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from pruning.cost import Plan
from pruning.experiment import Recipe
from pruning.inspection.layer_graph import LayerGraph
from pruning.inspection.whole_and_cut import CLOSED, CUT, layer_graph, whole_and_cut
from pruning.terms import percent, plural
from pruning.ui import charts, preview_cache, state
from pruning.ui.layer_graph import component
from pruning.ui.page import places

TITLE = "The whole and the cut network, layer by layer"
COLUMNS = ["layer", "kind", "group", "channels", "channels_cut", "kept", "macs", "macs_cut", "parameters"]
COLUMNS += ["parameters_cut", "state"]


def planned(recipe: Recipe, plan: Plan):
    """Of a plan, before it is run."""
    panel(recipe, lambda: plan, "Planned network", "plan")


def run(recipe: Recipe, folder: Path):
    """Of a run. folder: where it was saved."""
    panel(recipe, lambda: Plan.from_json((folder / "plan.json").read_bytes()), "Cut network", "result")


def panel(recipe: Recipe, plan, cut: str, key: str):
    folded = st.expander(TITLE, key=f"layers of the {key}", on_change="rerun")
    if folded.open:
        with folded:
            preview_cache.follow(partial(ask, recipe), partial(both, plan=plan(), cut=cut, key=key))


def ask(recipe: Recipe, **how) -> preview_cache.Answer:
    """The LayerGraph of a recipe's network; does not wait."""
    key = preview_cache.digest(recipe, preview_cache.NETWORK)
    return preview_cache.ask(layer_graph, recipe, key=key, title="Layers", **how)


def both(graph: LayerGraph, *, plan: Plan, cut: str, key: str):
    if plan.model_digest != graph.structure.model_digest:
        st.info("This plan is of another network than the one that its recipe makes now.")
        return
    table = whole_and_cut(graph, plan.kept)
    component.draw(graph, table, cut=cut, key=f"layer graph {key}")
    st.caption(in_words(table))
    if (group := state.looking_at("group")) in graph.structure.names:
        label = f"Open {group} on Channels"
        st.page_link(places()["Channels"], label=label, query_params=state.link(), icon=":material/search:")
    as_table(table, key)


def in_words(table: pd.DataFrame) -> str:
    """How many layers differ, and where least is left."""
    layers = table[(table["node"] >= 0) & (table["macs"] > 0)]
    counts = layers["state"].value_counts()
    changed, closed = counts.get(CUT, 0), counts.get(CLOSED, 0)
    if not changed + closed:
        return f"All {plural(len(layers), 'layer')} are as in the whole network."
    words = f"{changed + closed} of {plural(len(layers), 'layer')} differ"
    words += f", {closed} of them closed whole" if closed else ""
    left = layers[layers["state"] == CUT]
    if left.empty:
        return words + "."
    least = left.loc[(left["macs_cut"] / left["macs"]).idxmin()]
    share = percent(least["macs_cut"] / least["macs"])
    return f"{words}. Of those that stay, {least['layer']} keeps least of its MACs: {share}."


def as_table(table: pd.DataFrame, key: str):
    kept = (table["channels_cut"] / table["channels"].where(table["channels"] > 0)).round(3)
    shown = table.assign(kept=kept)[COLUMNS]
    with st.popover("As a table", key=f"layer graph {key} as a table"):
        st.dataframe(shown, hide_index=True, key=f"layer table {key}", alt="Layers, whole and cut")
        charts.csv(shown, f"layers of the {key}")
