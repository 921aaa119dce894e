"""The network's groups as a drawing, and beneath it what cannot be cut, and why."""

import numpy as np
import pandas as pd
import streamlit as st

from pruning.channels.structure import LayerRecord, Structure
from pruning.experiment import Recipe
from pruning.figures.network import network, network_in_words
from pruning.inspection import Description
from pruning.listing import whole
from pruning.terms import plural
from pruning.ui import charts, current_plan, preview_cache

SIDES = {"writes": "output", "reads": "input"}
COLUMNS = "place layer kind inputs outputs role group channels stream reason".split()


def panel(recipe: Recipe, opened: str | None = None):
    """Which layers write and read every group; the opened one's line is thick."""
    described = preview_cache.structure(recipe)
    links = link_table(described.structure, described.layers)
    st.subheader("Coupled layers")
    charts.chart(
        network(links, opened),
        network_in_words(links, opened),
        key="network",
        alt="Layers in execution order, and the channel groups that couple them",
        table=links,
    )
    fixed(described, current_plan.plan(recipe).messages)


def link_table(structure: Structure, layers: pd.DataFrame) -> pd.DataFrame:
    """A row for each group that a layer touches, and one for a layer that writes none: the columns that
    `figures.network` draws. layers: those of a Description."""
    rows, stays = [], whole(structure)
    sizes = {row.layer: (row.inputs, row.outputs) for row in layers.itertuples()}
    for place, layer in enumerate(layer for layer in structure.layers if layer.kind != "norm"):
        reason = stays.get(layer.name, "")
        about = (place, layer.name, layer.kind, *sizes.get(layer.name, (0, 0)))
        touched = groups_of(structure, layer)
        if not any(role != "reads" for role, _ in touched):
            rows.append((*about, "fixed", "", 0, False, reason))
        for role, g in touched:
            group = structure.groups[g]
            rows.append((*about, role, group.name, group.size, not group.inner, reason))
    return pd.DataFrame(rows, columns=COLUMNS)


def groups_of(structure: Structure, layer: LayerRecord) -> list[tuple[str, int]]:
    """(writes, reads or passes; position of the group) for each group that indexes the layer's weight."""
    sides = SIDES if layer.dense else {"passes": "output"}
    maps = structure.maps.get(layer.weight, {})
    found = [(role, maps.get(getattr(layer, side))) for role, side in sides.items()]
    return [
        (role, int(g)) for role, index in found if index is not None for g in np.unique(index.group) if g >= 0
    ]


def fixed(described: Description, messages: tuple[str, ...]):
    """The layers whose channels stay, each with the reason. messages: what else is to be known of the
    plan."""
    stays = whole(described.structure)
    label = f"What cannot be cut, and why: {plural(len(stays), 'layer')}"
    with st.expander(label, key="stays folded"):
        if stays:
            known = described.layers.drop_duplicates("layer").set_index("layer")[["kind", "outputs"]]
            table = pd.DataFrame({"layer": stays.keys(), "why": stays.values()}).join(known, on="layer")
            table = table[["layer", "kind", "outputs", "why"]]
            st.dataframe(table, hide_index=True, key="fixed", alt="Layers that cannot be cut")
        else:
            st.caption("Every layer of this network can be cut.")
        for note in (*described.messages, *messages):
            st.caption(note)
