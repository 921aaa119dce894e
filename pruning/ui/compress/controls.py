"""What the recipe says of rounding, as widgets, and the button that does it."""

from typing import Any

import streamlit as st

from pruning.experiment import Recipe
from pruning.figures.bit_allocation import WAYS
from pruning.shipped.questions import FIRST_BITS
from pruning.ui import own_network, recipe_controls, state
from pruning.ui.prune import controls, run_job

HELP = (
    "Cuts, repairs and fine-tunes as the recipe says, quantizes the weights, and measures on the test images."
)


def shown(recipe: Recipe) -> Recipe:
    """What the page is about: the recipe, with a mean of bits where it names none yet."""
    return recipe if recipe.bits is not None else recipe.but(bits=FIRST_BITS)


def bits(recipe: Recipe):
    """How many bits, from which widths, given by whom."""
    low, high = float(recipe.bit_choices[0]), float(recipe.bit_choices[-1])
    if low < high:
        how: dict[str, Any] = {"show": lambda bits: min(high, max(low, bits or FIRST_BITS)), "read": float}
        st.slider("Mean bits per weight", low, high, step=0.25, **state.bound("bits", **how))
    else:
        st.caption(f"Every channel has {recipe.bit_choices[0]} bits: the only bit-width to choose from.")
    recipe_controls.cut(recipe)
    if state.lesson():
        return
    with st.expander("Bit-widths, allocation and training", key="bits settings folded"):
        bound = state.bound("bit_choices", by="default", show=list, read=tuple)
        st.pills("Bit-widths to choose from", list(range(1, 9)), selection_mode="multi", **bound)
        controls.one_of("bits_by", "More bits by", WAYS)
        left, right = st.columns(2)
        rounded = state.bound("bits_epochs", between=(0, 1000))
        left.number_input("Epochs of quantization-aware training", step=1, **rounded)
        bound = state.bound("epochs", between=(0, 1000))
        right.number_input("Epochs before quantization", step=1, **bound)
        recipe_controls.repair("Repair after the cut")


def button():
    """The primary action: the whole recipe as a job."""
    lacking = own_network.lacks_weights(state.recipe_now())
    st.button(
        "Compress",
        type="primary",
        width="stretch",
        help=lacking or HELP,
        disabled=bool(lacking),
        on_click=start,
    )
    run_job.foretold(shown(state.recipe_now()))


def start():
    """A click's callback: from now on the recipe has bits, in the link and in the run."""
    state.edit(bits=shown(state.recipe_now()).bits)
    run_job.start()
