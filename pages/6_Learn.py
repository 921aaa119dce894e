"""The Learn page: what each method does, as a short article with a figure that is moved by hand."""

import streamlit as st

from pruning.ui import page
from pruning.ui.learn import reading

recipe = page.begin("Learn", lambda recipe, title: recipe)
st.title("How does it work?", anchor=False)
reading.choose()
reading.read()
