"""The Channels page: how a criterion ranks every channel, what the cut takes, and what others would take."""

import streamlit as st

from pruning.ui import (
    channel_map,
    criterion_duel,
    criterion_view,
    display_names,
    network_drawing,
    one_channel,
    page,
    step_by_step,
)
from pruning.ui.compare import added_recipes
from pruning.ui.gates import group

recipe = page.begin("Channels")
st.title("Which channels are cut?", anchor=False)
st.markdown(
    f"{display_names.subject(recipe)}: each row is a channel group. "
    "Coupled layers share one row: their channels are pruned together."
)
channel_map.controls(recipe)
added_recipes.button(recipe)
table = channel_map.table_of(recipe)
channel_map.rank_map(recipe, table)
channel_map.one_group(recipe, table)
step_by_step.panel(recipe, table)
criterion_view.panel(recipe, table)
group.panel(channel_map.opened(table))
one_channel.panel(recipe, table)
network_drawing.panel(recipe, channel_map.opened(table))
channel_map.others(recipe, table)
criterion_duel.panel(recipe, table)
criterion_duel.labels(recipe)
