"""The Compare page: what matters, who leads, and every run that is kept."""

import streamlit as st

from pruning.ui import page
from pruning.ui.compare import tabs

recipe = page.begin("Compare", lambda recipe, title: recipe)
st.title("What matters, and who leads?", anchor=False)
st.markdown(
    "Criteria, allocations and repairs beside each other, on the same test images and over the same seeds."
)
tabs.show(recipe)
