"""A tour through the program, beside what it explains: a card at the top of the page that a step is about,
which stays while one tries what it says and goes on across pages. A link with tour=off does not offer it."""

from typing import NamedTuple

import streamlit as st

from pruning.ui import state

STEP = "tour step"  # of the session: the number of the step that is shown; none: no tour is on


class Step(NamedTuple):
    """page: the page that it is about.   text: names the page's own controls, as they are written there."""

    page: str
    title: str
    text: str


STEPS = (
    Step(
        "Start",
        "See what breaks",
        "These are test images that the network has not learned. Drag the slider below: that share of the "
        "network's work is cut away, and images that the smaller network gets wrong turn red.",
    ),
    Step(
        "Start",
        "Repair it without labels",
        "Switch on **Repair (no labels)** beside the slider. It shows both networks some unlabelled "
        "images and "
        "solves, layer by layer, for weights that give the same features as before (least squares). "
        "Nothing is "
        "trained, and most of the red goes.",
    ),
    Step(
        "Channels",
        "See which channels were cut",
        "Each row of the map is a channel group; red outlines are cut. Click a square to look into its "
        "channel, "
        "and choose another **Criterion** to see what it would cut instead.",
    ),
    Step(
        "Prune",
        "Take the smaller network home",
        "Set the pruning ratio with **Cut (%)** and press the blue button, **Prune**. When the run is done, "
        "**Result** compares it with the full network and hands it over as a file.",
    ),
)


def offer(page: str, places: dict[str, str]):
    """A button in the sidebar that begins the tour. page: the page one is on.   places: {page: file}."""
    if state.looking_at("tour") == "off" or shown() is not None:
        return
    if st.button("Take the tour", width="stretch", key="tour offer"):
        go_to(0, page, places)


def card(page: str, places: dict[str, str]):
    """The step that is on; on another page than its own the way there."""
    number = shown()
    if number is None or state.looking_at("tour") == "off":
        return
    step, last = STEPS[number], number == len(STEPS) - 1
    st.space("small")  # the bar above the page would hide it
    with st.container(border=True, key="tour"):
        text = step.text if step.page == page else f"This step is on the page {step.page}."
        st.markdown(f"**Tour, {number + 1} of {len(STEPS)}: {step.title}.** {text}")
        with st.container(horizontal=True, vertical_alignment="center"):
            if step.page != page and st.button(f"Open {step.page}", type="primary", key="tour there"):
                go(step.page, places)
            if number and st.button("Previous step", key="tour previous"):
                go_to(number - 1, page, places)
            if not last and st.button("Next step", key="tour next"):
                go_to(number + 1, page, places)
            st.button("End the tour", key="tour end", on_click=turn, args=(None,))


def shown() -> int | None:
    return st.session_state.get(STEP)


def turn(number: int | None):
    """Another step, or none."""
    st.session_state[STEP] = number


def go_to(number: int, page: str, places: dict[str, str]):
    """Shows a step, on its own page."""
    turn(number)
    if STEPS[number].page == page:
        st.rerun()
    go(STEPS[number].page, places)


def go(page: str, places: dict[str, str]):
    st.switch_page(places[page], query_params=state.link())
