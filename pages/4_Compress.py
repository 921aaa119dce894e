"""The Compress page: fewer bits for channels that tell less, and a network for a few classes."""

import streamlit as st

from pruning.ui import display_names, page
from pruning.ui.compress import controls, planning
from pruning.ui.prune import tabs

recipe = page.begin("Compress")
recipe = controls.shown(recipe)
st.title("How many bits does a weight need?", anchor=False)
st.markdown(
    f"{display_names.subject(recipe)}: after pruning, weights are quantized: more bits go to channels that "
    "tell more about the class."
)
tabs.show("Compress", lambda: planning.panel(recipe))
