"""The Gates page: gates polarize while one watches, and what is closed is removed without a trace."""

import streamlit as st

from pruning.ui import criterion_switch, page
from pruning.ui.compare import added_recipes
from pruning.ui.gates import controls, gate_function, result, seeds, training_job
from pruning.ui.prune.result import as_text
from pruning.ui.prune.run_job import others

recipe = page.begin("Gates", criterion_switch.gated)
st.title("Gates that close channels in training", anchor=False)
controls.words(recipe)
left, right = st.columns([2, 3], gap="large")
with left:
    controls.main(recipe)
    controls.every(recipe)
with right:
    training_job.button(recipe)
    added_recipes.button(recipe)
    with st.container():  # a place each, so that what comes and goes moves nothing else
        training_job.status()
    with st.container():
        result.button()
for part in (training_job.courses, result.panel, seeds.section):
    with st.container():
        part()
with right if training_job.shown() is None else st.container():
    gate_function.function()
gate_function.readings()
with st.expander("The same in Python and on the command line", key="python folded"):
    as_text(recipe)
others(training_job.shown(), lambda recipe: recipe.trained)
