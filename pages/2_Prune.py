"""The Prune page: choose what goes, see what that leaves, fine-tune, and take the smaller network away."""

import streamlit as st

from pruning.ui import names, page
from pruning.ui.prune import planning, views

recipe = page.begin("Prune")
st.title("Prune, repair, take away", anchor=False)
st.markdown(
    f"{names.subject(recipe)}: what is cut, what accuracy that leaves, and what repair and fine-tuning "
    "bring back."
)
views.show("Prune", lambda: planning.panel(recipe))
