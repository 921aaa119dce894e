"""The plan of the Prune page: what is to go on the left, what that leaves on the right, details below."""

import streamlit as st

from pruning.experiment import Recipe
from pruning.ui.compare import added_recipes
from pruning.ui.prune import controls, cut_preview, history, result, run_job, sensitivity, target


def panel(recipe: Recipe):
    history.remember()
    left, right = st.columns([2, 3], gap="medium")
    with left:
        controls.what_to_cut(recipe)
        target.panel(recipe)
        limits = st.container()
        controls.fine_tuning(recipe)
    with right:
        numbers = st.container()
        run_job.button(recipe)
        added_recipes.button(recipe)
        curve = st.container()
    widths = st.container()
    cut_preview.follow(
        recipe,
        numbers,
        curve,
        widths,
        lambda planned: controls.limits(limits, recipe, planned.described.structure),
    )
    history.panel(recipe)
    sensitivity.panel(recipe)
    with st.expander("The same in Python and on the command line", key="python folded"):
        result.as_text(recipe)
