"""The wall of test pictures: what ships at once, the rest as the preview worker fills it. Two that are
compared have their places and titles from the first moment on; one that is not known yet is greyed."""

import streamlit as st

from pruning.experiment import Recipe
from pruning.terms import title, titled
from pruning.ui import open_pages, preview_cache, recipe_controls, state, test_accuracy
from pruning.ui.learn.articles import TITLES
from pruning.ui.learn.links import to_article
from pruning.ui.one_element import one_element
from pruning.ui.recipe_controls import LISTED
from pruning.ui.wall import component, filling
from pruning.ui.wall.wall_data import Shown


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
        recipe_controls.about_criteria()
        to_article(recipe.criterion if recipe.criterion in TITLES else "channel")


def beside(recipe: Recipe) -> str:
    """The criterion that stands beside the recipe's own, or ""."""
    name = state.looking_at("beside")
    return name if name and name != recipe.criterion else ""


@one_element
def show(recipe: Recipe) -> str:
    """One wall, or two; those that do not come along are filled coarse to fine while one looks.

    Returns the sentence that was shown where there can be no wall, else ""."""
    walls, pending = ask(recipe, start=preview_cache.asked())  # else after the first paint
    if pending is not None and not pending.error:
        often = 1.5 if preview_cache.asked() else 0.5  # what is asked after the first paint is asked soon
        st.fragment(fill, run_every=open_pages.every(often))(recipe, [])
        return ""
    if any(walls.values()):
        component.draw(recipe, walls)
    if pending is None:
        return ""
    preview_cache.settle(pending, lambda **how: ask(recipe, **how), draw=component.draw)  # type: ignore[arg-type] # an error: nothing is drawn
    return pending.error


def fill(recipe: Recipe, painted: list[bool]):
    """Draws what is known and asks for more, until all is there; what the person does meanwhile goes to the
    page."""
    walls, pending = ask(recipe, start=bool(painted) or preview_cache.asked())
    painted.append(True)
    if pending is None or pending.error or state.moved_on():
        st.rerun()
    if any(walls.values()):
        component.draw(recipe, walls)
    for name, wall in walls.items():
        if wall is None or not wall.complete:
            st.progress(*progress(name, wall, pending))
            break


def progress(name: str, wall: Shown | None, pending: preview_cache.Answer) -> tuple[float, str]:
    """How far the first wall is that is still being computed, and what the worker does, in words."""
    share, text = preview_cache.progress(pending.job) if pending.job else (0.0, "Starting")
    if wall is None:
        return share, f"{title(name)}: {text}"
    there = sum(known is not None for known in wall.values[0])
    return there / len(wall.cuts), f"{title(name)}: {there} of {len(wall.cuts)} cuts are there. {text}"


def ask(recipe: Recipe, **how) -> tuple[dict[str, Shown | None], preview_cache.Answer | None]:
    """{criterion: wall} as far as it is known, the recipe's own first, and the first answer that is still to
    come. The full network's accuracy is asked for before any wall that takes time."""
    names = [name for name in (recipe.criterion, beside(recipe)) if name]
    walls, pending = {}, None
    for name in names:
        start = how.get("start", True) and pending is None
        one = recipe.but(criterion=name)
        known, waiting = filling.ask(one, **how | {"start": False})
        if waiting is not None and start:
            test_accuracy.ask(recipe)
            known, waiting = filling.ask(one, **how)
        walls[name] = known
        pending = pending or waiting
    return walls, pending
