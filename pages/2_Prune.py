"""The Prune page: choose what goes, see what that leaves, fine-tune, and take the smaller network away."""

import streamlit as st

from pruning.ui import names, page
from pruning.ui.prune import controls, planning, views

recipe = page.begin("Prune")
controls.first_visit()
st.title("Cut it, mend it, take it away", anchor=False)
st.markdown(
    f"{names.subject(recipe)}: what goes, what that leaves at once, and what fine-tuning brings back."
)
views.show("Prune", lambda: planning.panel(recipe))
