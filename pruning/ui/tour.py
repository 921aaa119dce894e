"""Three steps through the program, offered in the sidebar; a link with tour=off does not offer it."""

import streamlit as st

from pruning.ui import state

STEPS = {
    "See what breaks": (
        "Start shows a trained network and 60 pictures that it has not learned. Drag the slider: that share "
        "of the network's work is cut away, and pictures that the smaller network gets wrong turn red."
    ),
    "Mend it without labels": (
        "**Repair (no labels)** shows both networks some unlabelled pictures and solves, layer by layer, for "
        "weights that answer as before (least squares). Nothing is trained, and most of the red goes."
    ),
    "See which channels went, then take the network away": (
        "**Channels** shows which channels a criterion lets go, and which another one would have cut. "
        "**Prune** cuts, fine-tunes while you watch, and hands you the smaller network as a file."
    ),
}


def offer():
    """A button in the sidebar; the tour opens over whatever page one is on."""
    if state.looking_at("tour") != "off" and st.button("Tour in three steps", width="stretch"):
        st.session_state["tour step"] = 0
        walk()


@st.dialog("Pruning Explorer in three steps")
def walk():
    step = st.session_state["tour step"]
    name, text = list(STEPS.items())[step]
    st.markdown(f"##### {step + 1}. {name}")
    st.markdown(text)
    with st.container(horizontal=True):
        if step and st.button("Back"):
            turn(step - 1)
        if step < len(STEPS) - 1:
            if st.button("Next", type="primary"):
                turn(step + 1)
        elif st.button("Done", type="primary"):
            st.rerun()


def turn(step: int):
    st.session_state["tour step"] = step
    st.rerun(scope="fragment")
