"""The Start page: what breaks when a network is cut, what mends it, and where its work is."""

import streamlit as st

from pruning.ui import page, start, wall

recipe = page.begin("Start")
st.title("How much of a network can be cut away?", anchor=False)
start.words(recipe)
wall.choose(recipe)
said = wall.show(recipe)
if not said:
    start.next_steps()
start.cards(recipe)
start.own(recipe)
start.subtask(recipe)
start.running()
start.structure(recipe, said)
