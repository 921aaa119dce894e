"""The Start page: what breaks when a network is cut, what mends it, and where its work is."""

import streamlit as st

from pruning.ui import own_network, page, start, wall

recipe = page.begin("Start")
st.title("How much of a network can be cut away?", anchor=False)
start.words(recipe)
first = start.figures_first(recipe)
said = start.structure(recipe) if first else ""
if not said:
    wall.choose(recipe)
    said = wall.show(recipe)
if not said:
    start.next_steps()
with st.container(key="network"):
    start.cards(recipe)
    own_network.form(recipe)
    start.subtask(recipe)
start.running()
if not first:
    start.structure(recipe, said)
