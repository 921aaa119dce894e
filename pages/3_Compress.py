"""The Compress page: fewer bits for channels that tell less, and a network for a few classes."""

import streamlit as st

from pruning.ui import names, page
from pruning.ui.compress import controls, now, subtask
from pruning.ui.prune import controls as cutting
from pruning.ui.prune import result, running

recipe = page.begin("Compress")
cutting.first_visit()
recipe = controls.shown(recipe)
st.title("How many bits does a weight need?", anchor=False)
st.markdown(
    f"{names.subject(recipe)}: what is left after the cut is stored in fewer bits, more of them for channels "
    "that tell more about the class."
)
left, right = st.columns([2, 3], gap="large")
with left:
    controls.bits(recipe)
with right:
    now.numbers(recipe)
    controls.button()
    running.status()
st.subheader("Who gets the bits", anchor=False)
now.channels(recipe)
st.subheader("Size against accuracy", anchor=False)
now.curve(recipe)
subtask.section(recipe)
with st.expander("The same in Python and on the command line"):
    result.as_text(recipe)
running.details()
