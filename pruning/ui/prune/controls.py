"""What the recipe says of cutting and fine-tuning, as widgets."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from pruning.allocation import CLOSING, MEASURE_NAMES
from pruning.channels.structure import Structure
from pruning.experiment import Recipe
from pruning.ui import preview_cache, recipe_controls, state

PRICES = {
    "cross-entropy": "Cross-entropy",
    "kl": "KL",
    "kl-moved": "KL, images moved and mixed",
    "di": "DI lost",
}
GROUPS = {"inner": "Inside blocks", "all": "Residual streams as well"}
Shares = tuple[tuple[str, float], ...]  # the recipe's cut_group: (group, share of its channels)
SIZE = "Channels of the group that can be cut one by one."
TAUGHT_BY = {  # where labels alone do not train
    "pictures": "Fine-tuning is adversarial: the discriminator that the network was trained with goes on "
    "training, and judges its translations. With knowledge distillation the full network teaches instead: "
    "its pictures are the targets, and neither labels nor a discriminator are needed."
}
TAUGHT = (
    ("distill_temperature", "Temperature", 0.5, 100.0),
    ("distill_logits", "Weight of predictions", 0.0, 1000.0),
    ("distill_features", "Weight of features", 0.0, 1000.0),
)


def what_to_cut(recipe: Recipe):
    """Criterion, how much of what, and how that is spread over the groups."""
    recipe_controls.criterion(recipe)
    recipe_controls.options(recipe, across=2)
    recipe_controls.cut(recipe)
    bound = state.bound("measure", options=list(MEASURE_NAMES))
    st.selectbox("Measure", MEASURE_NAMES, format_func=MEASURE_NAMES.get, **bound)
    if not state.lesson():
        ways = list(recipe_controls.ALLOCATIONS)
        bound = state.bound("allocation", options=ways)
        st.selectbox("Allocation over groups", ways, format_func=recipe_controls.ALLOCATIONS.get, **bound)
        if recipe.allocation == "greedy":
            searching(recipe)
        whole_blocks(recipe)


def whole_blocks(recipe: Recipe):
    """Whether residual branches may close, where the allocation can weigh that against channels."""
    weighs = recipe.allocation in CLOSING and not recipe.search_every
    st.toggle("Whole blocks may go", disabled=not weighs, **state.bound("blocks"))


def searching(recipe: Recipe):
    """What the greedy search counts, and on how many images."""
    one_of("search_by", "Cost of a step", PRICES)
    left, middle, right = st.columns(3)
    images = state.bound("search_images", between=(2, None)) | {"disabled": recipe.search_by == "di"}
    left.number_input("Images per step", step=64, **images)
    softer = state.bound("search_temperature", between=(0.5, 100.0))
    softer |= {"disabled": not recipe.search_by.startswith("kl")}
    middle.number_input("Temperature", step=0.5, format="%g", **softer)
    bound = state.bound("search_every") | {"disabled": recipe.blocks}  # a closed block has nothing to score
    right.number_input("Score again after", min_value=0, step=10, **bound)


def one_of(field: str, label: str, names: dict[str, str]):
    """A choice of a few, all in sight."""
    bound = state.bound(field, by="default")
    st.segmented_control(
        label, list(names), format_func=names.get, required=True, width="stretch", wrap=True, **bound
    )


def limits(place, recipe: Recipe, structure: Structure):
    """What the allocation has to respect, folded; nothing in a lesson."""
    if state.lesson():
        return
    with place, st.expander("Limits for groups", key="limits folded"):
        one_of("groups", "Groups that may be cut", GROUPS)
        known = list(dict.fromkeys([*structure.names, *recipe.protect]))
        bound = state.bound("protect", by="default", show=list, read=tuple)
        st.multiselect("Protected", known, placeholder="none", **bound)
        share: dict[str, Any] = {"show": lambda most: round(100 * most), "read": lambda most: most / 100}
        bound = state.bound("max_cut_per_group", between=(5, 100), **share)
        st.slider("Highest ratio of a group (%)", step=5, **bound)
        left, right = st.columns(2)
        left.number_input("Channels kept at least", min_value=1, step=1, **state.bound("min_channels"))
        right.number_input("Channels in multiples of", min_value=1, step=1, **state.bound("round_to"))
        overrides(recipe, structure)


def overrides(recipe: Recipe, structure: Structure):
    """A table in which a group can be given a share of its own."""
    held = st.session_state.setdefault("overrides", {"number": 0, "start": None, "of": None})
    key = f"overrides {held['number']}"
    edits = st.session_state.get(key, {}).get("edited_rows", {})
    if held["of"] != structure.model_digest or overridden(held["start"], edits) != recipe.cut_group:
        # Changed elsewhere, by a link or another network: a new table. One that is edited keeps its start, so
        # that it is not mounted anew at every edit, which would scroll it back to its first group.
        held |= {"number": held["number"] + 1, "start": override_table(structure, recipe.cut_group)}
        held["of"], key = structure.model_digest, f"overrides {held['number']}"

    def changed():
        state.edit(cut_group=overridden(held["start"], st.session_state[key]["edited_rows"]))

    text = Recipe.__dataclass_fields__["cut_group"].metadata["help"]
    share = {"min_value": 0, "max_value": 95, "format": "%.4g", "help": f"{text} Empty: as all others."}
    columns = {
        "group": st.column_config.TextColumn("Group", disabled=True, width=118),
        "channels": st.column_config.NumberColumn("Size", disabled=True, width=52, help=SIZE),
        "own": st.column_config.NumberColumn("Cut (%)", width=86, **share),
    }
    how = {"hide_index": True, "height": 220, "placeholder": "as all others", "on_change": changed}
    st.caption("Pruning ratio of single groups")
    shown = held["start"][[*columns]]
    st.data_editor(shown, key=key, column_config=columns, alt="Pruning ratio of each group", **how)


def override_table(structure: Structure, cut_group: Shares) -> pd.DataFrame:
    """A row a group: group, channels, own (percent; NaN: as the allocation has it), and as `given` the share
    and the name it came with. A link may name a group by any of its layers; what it names and is not there
    has a row too, so that it can be emptied."""
    owner = {layer: group.name for group in reversed(structure.groups) for layer in group.layers}
    owner |= {name: name for name in structure.names}
    given = {owner.get(name, name): (name, share) for name, share in cut_group}
    sizes = {group.name: group.size for group in structure.groups}
    names = list(dict.fromkeys([*structure.names, *given]))
    return pd.DataFrame(
        {
            "group": names,
            "channels": pd.array([sizes.get(name) for name in names], "Int64"),
            "own": np.array([100 * given[name][1] if name in given else np.nan for name in names]),
            "given": [given.get(name) for name in names],
        }
    )


def overridden(table: pd.DataFrame, edits: dict[int, dict]) -> Shares:
    """The recipe's `cut_group` after these edits of `override_table`'s table; what was not edited stays to
    the last digit. edits: {row: {"own": percent, or None for an emptied cell}}, as data_editor tells them."""
    rows = dict(enumerate(table["given"]))
    for row, cells in edits.items():
        own = cells.get("own")
        rows[row] = None if own is None else (table["group"][row], round(own / 100, 6))
    return tuple(sorted(given for given in rows.values() if given is not None))


def fine_tuning(recipe: Recipe):
    """What follows the cut."""
    recipe_controls.repair("Repair, without labels and before training")
    if recipe.repair == "match" and not state.lesson():
        bound = state.bound("match_steps", between=(1, 10_000))
        st.number_input("Steps of matching", step=50, **bound)
    left, right = st.columns(2)
    left.number_input("Epochs of fine-tuning", step=1, **state.bound("epochs", between=(0, 1000)))
    right.number_input(
        "Learning rate",
        step=0.005,
        format="%g",
        disabled=not recipe.epochs,
        **state.bound("lr", between=(1e-5, 10.0)),
    )
    if told := TAUGHT_BY.get(preview_cache.task_of(recipe).drawn_as):
        st.caption(told)
    if not state.lesson():
        distillation(recipe)


def distillation(recipe: Recipe):
    """The full network as teacher of the fine-tuning; without epochs there is nothing to teach."""
    if recipe.distill and not recipe.epochs:
        state.edit(distill=False)
        st.rerun()
    st.toggle("Knowledge distillation", disabled=not recipe.epochs, **state.bound("distill"))
    if not recipe.distill:
        return
    columns = [*st.columns(2)[:1], *st.columns(2)]
    for column, (field, label, least, most) in zip(columns, TAUGHT, strict=True):
        bound = state.bound(field, between=(least, most))
        column.number_input(label, step=0.5, format="%g", **bound)
