"""The controls of a recipe that several pages share."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import streamlit as st

from pruning import terms
from pruning.criteria import CRITERIA, SCORED, Option
from pruning.experiment import Recipe
from pruning.terms import sentence, title, titled
from pruning.ui import state
from pruning.ui.learn.links import to_article

ALLOCATIONS = {name: f"{sentence(term.title)}: {term.about}" for name, term in terms.ALLOCATIONS.items()}
REPAIRS = {name: sentence(term.title) for name, term in terms.REPAIRS.items()}
LISTED = tuple(name for names in terms.grouped(SCORED).values() for name in names)  # as every list has them
# In the place of a criterion's meaning, where an option changes it: {(criterion, option, value): sentence}
WITH_OPTION = {
    (
        "cpot",
        "distribution",
        "projection",
    ): "Keeps the channels that best take over the work of the others: a "
    "group is one distribution over its channels, projected in the Wasserstein sense on those that stay."
}
NOTHING: Mapping[str, str] = MappingProxyType({})
PLAINEST = {"cpot": {"distribution": "maps"}}  # the default, filters, cuts more accurately but shows little


def criterion(recipe: Recipe):
    """Which criterion orders the channels, and below it in one sentence what that means."""
    how = state.bound("criterion", options=LISTED) | {"on_change": choose_criterion}
    st.selectbox("Criterion", LISTED, format_func=titled, **how)
    known = CRITERIA[recipe.criterion]
    labels = " It uses labels." if known.uses_labels else ""
    looks = "" if known.looks_at_images(dict(recipe.options)) else " It uses the weights alone."
    st.caption(meaning(recipe) + looks + labels)
    with st.container(horizontal=True, vertical_alignment="center"):
        about_criteria()
        to_article(recipe.criterion)


def meaning(recipe: Recipe) -> str:
    """What the recipe's criterion keeps, with its options as they are."""
    for (criterion, option, value), told in WITH_OPTION.items():
        if criterion == recipe.criterion and dict(recipe.options)[option] == value:
            return told
    return CRITERIA[recipe.criterion].meaning


def about_criteria():
    """The criteria in their groups, a line each, folded."""
    with st.popover("About these criteria", type="tertiary", key="about criteria"):
        for group, names in terms.grouped(CRITERIA).items():
            lines = [f"- **{title(name)}**: {CRITERIA[name].meaning}" for name in names]
            st.markdown("\n".join([f"**{group}.** {terms.in_common(group)}", "", *lines]))


def choose_criterion():
    """Takes the chosen criterion; in a lesson with the options that show most plainly what it does."""
    name = st.session_state["widget criterion"]
    state.edit(criterion=name, options=PLAINEST.get(name, {}) if state.lesson() else {})


def options(recipe: Recipe, across: int = 5):
    """The criterion's own options, folded, `across` in a row; nothing if it has none, or in a lesson. Those
    that have nothing to say beside the others' values are left out."""
    known, now = CRITERIA[recipe.criterion].options, dict(recipe.options)
    tie = partial(state.bound_option, recipe)
    if known and not state.lesson():
        with st.expander(f"Options of {title(recipe.criterion)}", key="criterion options"):
            listed = [option for option in known.values() if option.counts(now)]
            for row in range(0, len(listed), across):
                columns = st.columns(min(across, max(2, len(listed))))
                for column, option in zip(columns, listed[row : row + across], strict=False):
                    with column:
                        one_option(option, tie)


def one_option(option: Option, tie: Callable[..., dict], said: Mapping[str, str] = NOTHING):
    """A widget for one option, by its kind. tie: what ties it to its recipe, as `state.bound_option`.   said:
    choices that are written otherwise."""
    label, text = option.name.replace("_", " ").capitalize(), {"help": option.help}
    if option.choices:
        written: dict[str, Any] = {"format_func": lambda choice: said.get(choice, choice)}
        st.selectbox(label, option.choices, **written, **text, **tie(option.name, options=option.choices))
    elif option.kind is bool:
        st.toggle(label, **text, **tie(option.name))
    elif option.kind is int:
        st.number_input(label, step=1, **text, **tie(option.name, between=(0, None)))
    else:
        st.number_input(label, format="%g", **text, **tie(option.name, between=(0.0, None)))


def cut(recipe: Recipe):
    """How much goes. The slider moves in steps of a hundredth; a link may say more digits."""
    percent: dict[str, Any] = {"show": lambda cut: round(100 * cut), "read": lambda percent: percent / 100}
    st.slider("Cut (%)", **state.bound("cut", between=(0, 95), **percent))


def repair(label: str):
    """What mends the cut network before any training."""
    now = state.recipe_now()
    shut = terms.MERGING if now.trained else ()  # shut gates leave nothing to hand on
    offered = [name for name in REPAIRS if name not in shut or name == now.repair]
    st.selectbox(label, offered, format_func=REPAIRS.get, **state.bound("repair", options=offered))
    to_article("repair")
