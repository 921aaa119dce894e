"""The Gates page: gates polarize while one watches, and what is closed is removed without a trace."""

import streamlit as st

from pruning.ui import aside, page
from pruning.ui.gates import controls, explain, result, running, seeds
from pruning.ui.prune.result import as_text
from pruning.ui.prune.running import others

recipe = page.begin("Gates", aside.gated)
st.title("Gates that close channels in training", anchor=False)
controls.words(recipe)
left, right = st.columns([2, 3], gap="large")
with left:
    controls.main(recipe)
    controls.every(recipe)
with right:
    running.button(recipe)
    with st.container():  # a place each, so that what comes and goes moves nothing else
        running.status()
    with st.container():
        result.button()
for part in (running.courses, result.panel, seeds.section):
    with st.container():
        part()
with right if running.shown() is None else st.container():
    explain.function()
explain.readings()
with st.expander("The same in Python and on the command line"):
    as_text(recipe)
others(running.shown(), lambda recipe: recipe.trained)
