"""The Learn page: what each method does, articles with figures to move by hand, exercises, a glossary."""

import streamlit as st

from pruning.ui import page
from pruning.ui.learn import reading

recipe = page.begin("Learn", lambda recipe, title: recipe)
st.title("How does it work?", anchor=False)
reading.choose()
reading.read()
