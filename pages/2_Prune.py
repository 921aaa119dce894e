"""The Prune page: choose what goes, see what that leaves, fine-tune, and take the smaller network away."""

import streamlit as st

from pruning.ui import names, page
from pruning.ui.prune import controls, now, result, running, sensitivity

recipe = page.begin("Prune")
controls.first_visit()
st.title("Cut it, mend it, take it away", anchor=False)
st.markdown(
    f"{names.subject(recipe)}: what goes, what that leaves at once, and what fine-tuning brings back."
)
left, right = st.columns([2, 3], gap="large")
with left:
    controls.what_to_cut(recipe)
    limits = st.container()
    controls.fine_tuning(recipe)
with right:
    numbers = st.container()
    running.button(recipe)
    running.status()
    picture = st.container()
now.follow(recipe, numbers, picture, lambda p: controls.limits(limits, recipe, p.described.structure))
sensitivity.panel(recipe)
with st.expander("The same in Python and on the command line"):
    result.as_text(recipe)
running.details()
