"""A criterion that trains gates has a page of its own: pages that score channels put its recipe aside and
say so, and the Gates page takes it up again."""

import streamlit as st

from pruning.criteria import CRITERIA
from pruning.experiment import Recipe
from pruning.terms import title
from pruning.ui import state, undo

GATES = next(name for name, known in CRITERIA.items() if known.trained)
OWN = ("criterion", "options", "allocation", "repair", "gate_epochs")  # swapped; all else is about both
FIRST_EPOCHS = 2  # where the recipe names none: enough for gates to be decided, and soon done


def scored(recipe: Recipe, page: str) -> Recipe:
    """For a page that scores channels: the recipe, its criterion the last one that can be scored."""
    held = st.session_state.setdefault("aside", {})
    if recipe.trained:
        held["gates"], held["told on"] = recipe, page
        swap(held.get("scored", Recipe()))
    held["scored"] = recipe
    if held.get("told on") != page:
        held["told on"] = None
    return recipe


def gated(recipe: Recipe, page: str = "Gates") -> Recipe:
    """For the Gates page: the recipe that was put aside here, taken up again; in a session that has none, the
    link's own, with gates in place of another criterion."""
    held = st.session_state.setdefault("aside", {})
    before = held.pop("gates", None)
    if not recipe.trained:
        held["scored"] = recipe
        if before:
            swap(before)
    return with_gates(recipe)


def with_gates(recipe: Recipe) -> Recipe:
    """The recipe with gates in place of another criterion, and some epochs to train them."""
    return recipe.but(criterion=GATES, epochs=recipe.epochs or FIRST_EPOCHS)


def swap(other: Recipe):
    """Goes on with another recipe's criterion, options, allocation and repair."""
    state.edit(**{name: getattr(other, name) for name in OWN})
    undo.follow()
    st.rerun()


def notice(recipe: Recipe, page: str):
    """One sentence on a page that has put gates aside, and the way to them."""
    held = st.session_state.get("aside", {})
    if held.get("told on") != page or "gates" not in held:
        return
    st.space("small")  # the bar above the page would hide it
    st.info(
        f"{title(GATES)} trains its gates, which takes epochs and has a page of its own; on this page "
        f"{title(recipe.criterion)} ranks the channels."
    )
    job = {"job": state.looking_at("job")} if state.looking_at("job") else {}
    query = held["gates"].to_query() | job
    st.page_link("pages/5_Gates.py", label="Watch the gates", query_params=query)
