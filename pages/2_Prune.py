"""The Prune page: choose what goes, see what that leaves, fine-tune, and take the smaller network away."""

import streamlit as st

from pruning.ui import display_names, page, preview_cache
from pruning.ui.prune import planning, tabs

recipe = page.begin("Prune")
st.title("Prune, repair, take away", anchor=False)
name = preview_cache.task_of(recipe).metric.name
st.markdown(
    f"{display_names.subject(recipe)}: what is cut, what {name} that leaves, and what repair and "
    "fine-tuning bring back."
)
tabs.show("Prune", lambda: planning.panel(recipe))
