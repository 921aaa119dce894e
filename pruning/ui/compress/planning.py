"""The plan of the Compress page: bits on the left, what they leave on the right, the channels' bits below."""

import streamlit as st

from pruning.experiment import Recipe
from pruning.ui import preview_cache
from pruning.ui.compare import added_recipes
from pruning.ui.compress import controls, rounded, subtask
from pruning.ui.prune import result


def panel(recipe: Recipe):
    left, right = st.columns([2, 3], gap="large")
    with left:
        controls.bits(recipe)
    with right:
        rounded.numbers(recipe)
        controls.button()
        added_recipes.button(recipe)
    st.subheader("Who gets the bits", anchor=False)
    rounded.channels(recipe)
    name = preview_cache.task_of(recipe).metric.name
    st.subheader(f"Size against {name}", anchor=False)
    rounded.curve(recipe)
    subtask.section(recipe)
    with st.expander("The same in Python and on the command line", key="python folded"):
        result.as_text(recipe)
