"""The wall of test pictures: the shipped one at once, any other as the preview worker fills it."""

import streamlit as st

from pruning.experiment import Recipe
from pruning.terms import titled
from pruning.ui import caches, choices, state
from pruning.ui.choices import LISTED
from pruning.ui.wall import component, live
from pruning.ui.wall.shown import Shown, shipped_for


def choose(recipe: Recipe):
    """Which criterion decides, and a second one beside it."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        bound = state.bound("criterion", options=LISTED)
        st.selectbox("Channels are ranked by", LISTED, format_func=titled, width=300, **bound)
        names = ["", *(name for name in LISTED if name != recipe.criterion)]
        st.selectbox(
            "Compared with",
            names,
            format_func=lambda name: titled(name) if name else "nothing",
            width=300,
            help="A second wall of pictures, pruned by another criterion at the same pruning ratio.",
            **state.bound_look("beside", beside(recipe), none="", options=names),
        )
        choices.about_criteria()


def beside(recipe: Recipe) -> str:
    """The criterion that stands beside the recipe's own, or ""."""
    name = state.looking_at("beside")
    return name if name and name != recipe.criterion else ""


def show(recipe: Recipe) -> str:
    """One wall, or two; those that do not come along are filled coarse to fine while one looks.

    Returns the sentence that was shown where there can be no wall, else ""."""
    walls, pending = ask(recipe)
    if pending is not None and not pending.error:
        st.fragment(fill, run_every=0.7)(recipe)
        return ""
    if walls:
        component.draw(recipe, walls)
    if pending is None:
        return ""
    caches.settle(pending, lambda **how: ask(recipe, **how), draw=component.draw)
    return pending.error


def fill(recipe: Recipe):
    """Draws what is known and asks for more, until all is there; what the person does meanwhile goes to the
    page."""
    walls, pending = ask(recipe)
    if pending is None or pending.error or state.moved_on():
        st.rerun()
    if walls:
        component.draw(recipe, walls)
    known = [k is not None for wall in walls.values() for k in wall.predictions[0]]
    share, text = caches.progress(pending.job)
    if known:
        share, text = sum(known) / len(known), f"{sum(known)} of {len(known)} cuts are there"
    st.progress(share, text)


def ask(recipe: Recipe, **how) -> tuple[dict[str, Shown], caches.Answer | None]:
    """{criterion: wall} as far as they are known, and the first answer that is still to come."""
    names = [name for name in (recipe.criterion, beside(recipe)) if name]
    walls, pending = {}, None
    for one in (recipe.but(criterion=name) for name in names):
        known, waiting = shipped_for(one), None
        if known is None:
            known, waiting = live.ask(one, **how)
        if known is not None:
            walls[one.criterion] = known
        pending = pending or waiting
    return walls, pending
