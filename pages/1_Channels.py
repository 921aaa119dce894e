"""The Channels page: how a criterion ranks every channel, what the cut takes, and what others would take."""

import streamlit as st

from pruning.ui import channel, channels, judge, method_view, names, network, page
from pruning.ui.gates import group

recipe = page.begin("Channels")
st.title("Which channels are cut?", anchor=False)
st.markdown(
    f"{names.subject(recipe)}: each row is a channel group. "
    "Coupled layers share one row: their channels are pruned together."
)
channels.controls(recipe)
table = channels.table_of(recipe)
channels.rank_map(recipe, table)
channels.one_group(recipe, table)
method_view.panel(recipe, table)
group.panel(channels.opened(table))
channel.panel(recipe, table)
network.panel(recipe, channels.opened(table))
channels.others(recipe, table)
judge.panel(recipe, table)
judge.labels(recipe)
