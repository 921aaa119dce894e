"""What the recipe says of gates, as widgets: what matters in sight, every parameter unfolded on demand."""

from functools import partial
from typing import Any

import streamlit as st

from pruning.allocation import MEASURE_NAMES
from pruning.criteria import CRITERIA
from pruning.criteria.registry import with_option
from pruning.experiment import Recipe
from pruning.experiment.checks import TRAINED
from pruning.inspection import Description
from pruning.terms import plural
from pruning.ui import criterion_switch, display_names, preview_cache, recipe_controls, state
from pruning.ui.learn.links import to_article
from pruning.ui.prune import controls as cutting

WIDTHS = {
    "gates": "Open gates: as many channels as training leaves open",
    "uniform": "Uniform: the same pruning ratio in every group, by its gates",
    "global": "Global ranking: one ranking over all gates",
}
SAID = {  # of gdp's options, what their choices are called here
    "pull": {"worth": "by worth", "signed": "signed"},
    "start": {"none": "together", "l1": "by L1", "fpgm": "by FPGM", "energy": "by energy"},
}
MEASURED = {name: said for name, said in MEASURE_NAMES.items() if name != "latency"}


def words(recipe: Recipe):
    """What is to be seen, in two sentences."""
    st.markdown(
        f"{display_names.subject(recipe)}: every channel gets a gate between 0 and 1 that is trained along "
        "with the network. By the end each gate is either exactly 0 or wide open, so the closed channels can "
        "be removed and the outputs stay as they are."
    )
    to_article("gdp")


def main(recipe: Recipe):
    """How much of what goes, and how long it trains."""
    recipe_controls.cut(recipe)
    if recipe.measure not in MEASURED:  # time does not fall with every channel
        state.edit(measure="macs")
        st.rerun()
    cutting.one_of("measure", "Measure", MEASURED)
    cutting.one_of("groups", "Channels that get gates", cutting.GROUPS)
    left, right = st.columns(2)
    bound = state.bound(
        "epochs", between=(1, 1000), show=lambda epochs: epochs or criterion_switch.FIRST_EPOCHS
    )
    left.number_input("Epochs in total", step=1, **bound)
    right.number_input("Seed", min_value=0, step=1, **state.bound("seed"))
    tuned = f", the other {recipe.tune_epochs} fine-tune the pruned network" if recipe.tune_epochs else ""
    st.caption(f"{recipe.gate_epochs} of {plural(recipe.epochs, 'epoch')} train the gates{tuned}.")


def every(recipe: Recipe):
    """Every parameter there is; nothing in a lesson."""
    if state.lesson():
        return
    with st.expander("All settings", key="all settings folded"):
        for columns, option in in_pairs(CRITERIA[recipe.criterion].options.values()):
            with columns:
                recipe_controls.one_option(option, partial(tie_option, recipe), SAID.get(option.name, {}))
        left, right = st.columns(2)
        bound = tie("gate_epochs", recipe.gate_epochs)
        left.number_input("Gate epochs", min_value=1, max_value=recipe.epochs, step=1, **bound)
        right.number_input("Images per step", min_value=1, step=16, **state.bound("batch_size"))
        bound = state.bound("lr", between=(1e-5, 10.0))
        left.number_input("Learning rate", step=0.005, format="%g", **bound)
        right.number_input("Channels kept at least", min_value=1, step=1, **state.bound("min_channels"))
        share: dict[str, Any] = {"show": lambda most: round(100 * most), "read": lambda most: most / 100}
        bound = state.bound("max_cut_per_group", between=(5, 100), **share)
        st.slider("Highest ratio of a group (%)", step=5, **bound)
        bound = tie("allocation", recipe.allocation, options=TRAINED)
        st.selectbox("Allocation over groups", TRAINED, format_func=WIDTHS.get, **bound)
        preview_cache.follow(partial(preview_cache.ask_structure, recipe), partial(protected, recipe))
        recipe_controls.repair("Repair after the cut")
        cutting.distillation(recipe)


def in_pairs(things):
    """Each with the column that it goes into, two in a row."""
    for number, thing in enumerate(things):
        if number % 2 == 0:
            columns = st.columns(2, vertical_alignment="bottom")
        yield columns[number % 2], thing


def protected(recipe: Recipe, described: Description):
    """Groups that get no gates."""
    known = list(dict.fromkeys([*described.structure.names, *recipe.protect]))
    bound = state.bound("protect", by="default", show=list, read=tuple)
    st.multiselect("Without gates", known, placeholder="none", **bound)


# ------------------------------------------------------------------- what only a training with gates knows


def tie(field: str, shown: Any, **how) -> dict[str, Any]:
    """As `state.bound`, for a field of which other criteria know nothing: with it the link's recipe becomes
    one that trains gates."""
    text = Recipe.__dataclass_fields__[field].metadata["help"]
    kept = state.tied(f"widget {field}", shown, lambda value: edit(**{field: value}), **how)
    return kept | {"help": text}


def tie_option(recipe: Recipe, name: str, **how) -> dict[str, Any]:
    """As `state.bound_option`, likewise."""
    held = dict(recipe.options)

    def changed(value):
        edit(options=with_option(recipe.criterion, held, name, value))

    return state.tied(f"widget option {name}", held[name], changed, **how)


def edit(**fields):
    try:
        state.take_up(criterion_switch.with_gates(state.recipe_now()).but(**fields))
    except ValueError as error:
        state.refuse(error)
