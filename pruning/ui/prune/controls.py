"""What the recipe says of cutting and fine-tuning, as widgets."""

import pandas as pd
import streamlit as st

from pruning.allocation import MEASURE_NAMES
from pruning.experiment import Recipe
from pruning.ui import choices, state

ALLOCATIONS = {"uniform": "Same share", "global": "One ranking"}
GROUPS = {"inner": "Inside blocks", "all": "Residual streams too"}
REPAIRS = {"none": "None", "recalibrate": "Recalibrate norms"}
FIRST_EPOCHS, FIRST_REPAIR = 2, "recalibrate"


def first_visit():
    """Who has come by no link finds fine-tuning filled in; a link is followed to the letter."""
    if "prune seen" in st.session_state:
        return
    st.session_state["prune seen"] = True
    recipe = state.recipe_now()
    if not st.session_state.get("opened by link") and not recipe.epochs and recipe.repair == "none":
        state.edit(epochs=FIRST_EPOCHS, repair=FIRST_REPAIR)
        st.rerun()


def what_to_cut(recipe: Recipe):
    """Criterion, how much of what, and how that is spread over the groups."""
    choices.criterion(recipe)
    choices.options(recipe, across=2)
    choices.cut(recipe)
    one_of("measure", "Share of the", MEASURE_NAMES)
    if not state.lesson():
        one_of("allocation", "Taken from the groups by", ALLOCATIONS)


def one_of(field: str, label: str, names: dict[str, str]):
    """A choice of a few, all in sight."""
    bound = state.bound(field, by="default")
    st.segmented_control(label, list(names), format_func=names.get, required=True, width="stretch", **bound)


def limits(place, recipe: Recipe, groups: tuple[str, ...]):
    """What the allocation has to respect, folded; nothing in a lesson. groups: names of all there are."""
    if state.lesson():
        return
    with place, st.expander("Which groups, and how far"):
        one_of("groups", "Groups that may be cut", GROUPS)
        known = list(dict.fromkeys([*groups, *recipe.protect]))
        bound = state.bound("protect", by="default", show=list, read=tuple)
        st.multiselect("Protected", known, placeholder="none", **bound)
        share = {"show": lambda most: round(100 * most), "read": lambda most: most / 100}
        st.slider("At most of a group (%)", 5, 100, step=5, **state.bound("max_cut_per_group", **share))
        left, right = st.columns(2)
        left.number_input("At least, channels", min_value=1, step=1, **state.bound("min_channels"))
        right.number_input("Multiples of", min_value=1, step=1, **state.bound("round_to"))
        overrides(recipe, groups)


def overrides(recipe: Recipe, groups: tuple[str, ...]):
    """A table in which a group can be given a share of its own."""
    given = dict(recipe.cut_group)
    table = pd.DataFrame({"group": groups, "own": [given.get(name) for name in groups]})
    table["own"] = table["own"].astype("float64") * 100
    key = f"overrides {sorted(given.items())}"  # a new table for new values: its edits count from there

    def changed():
        for row, cells in st.session_state[key]["edited_rows"].items():
            name, own = groups[row], cells.get("own")
            given.pop(name, None)
            if own is not None:
                given[name] = own / 100
        state.edit(cut_group=tuple(given.items()))

    text = Recipe.__dataclass_fields__["cut_group"].metadata["help"]
    columns = {
        "group": st.column_config.TextColumn("Group", disabled=True),
        "own": st.column_config.NumberColumn("Own cut (%)", min_value=0, max_value=99, help=text),
    }
    how = {"hide_index": True, "height": 220, "placeholder": "as the rest"}
    st.data_editor(table, key=key, column_config=columns, on_change=changed, **how)


def fine_tuning(recipe: Recipe):
    """What follows the cut."""
    one_of("repair", "Repair, before any training", REPAIRS)
    left, right = st.columns(2)
    left.number_input("Epochs of fine-tuning", min_value=0, max_value=1000, step=1, **state.bound("epochs"))
    right.number_input(
        "Learning rate",
        min_value=1e-5,
        max_value=10.0,
        step=0.005,
        format="%g",
        disabled=not recipe.epochs,
        **state.bound("lr"),
    )
