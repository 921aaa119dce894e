"""Plans: milliseconds from scores, here; by an allocation that searches, what the preview worker has found.

A search is never waited for. Where it has not ended, pages other than Prune show the same share of every
group, and say so."""

import streamlit as st

from pruning import experiment
from pruning.experiment import Recipe
from pruning.experiment.run import planned
from pruning.search import SEARCHES
from pruning.ui import caches, page

NAMES = {"greedy": "The greedy search", "trace-ratio": "The trace ratio"}


def plan(recipe: Recipe):
    """Which channels stay. Ends the page with a sentence where the target is out of reach."""
    described, scored = caches.structure(recipe), caches.scores(recipe)
    if recipe.allocation in SEARCHES:
        if (known := ask(recipe, start=False).value) is not None:
            return known
        recipe = recipe.but(allocation="uniform")
    try:
        return planned(recipe, described.structure, scored)
    except ValueError as error:
        page.stop(error)


def ask(recipe: Recipe, **how) -> caches.Answer:
    """The Plan of an allocation that searches; does not wait. A newer search of this session ends it."""
    recipe = caches.as_searched(recipe)
    key = caches.digest(recipe, (*caches.SCORING, *caches.CUTTING))
    more = {"key": key, "about": f"search {key}", "title": f"Search: {recipe.allocation}"}
    return caches.ask(experiment.plan_of, recipe, **more, **how)


def at_once(recipe: Recipe) -> Recipe:
    """The recipe, its widths given where they took a search: what other criteria would cut there."""
    if recipe.allocation not in SEARCHES:
        return recipe
    table = plan(recipe).table()
    shares = zip(table["group"], table["share_cut"], strict=True)
    return recipe.but(allocation="uniform", cut=0.0, groups="all", protect=(), cut_group=tuple(shares))


def in_words(recipe: Recipe):
    """Says whose widths a page shows, where they take a search."""
    if recipe.allocation not in SEARCHES:
        return
    if ask(recipe, start=False).value is not None:
        st.caption(f"{NAMES[recipe.allocation]} on Prune has found the widths that are shown here.")
    else:
        words = (
            f"{NAMES[recipe.allocation]} finds its widths on Prune. Until it has, this page cuts the same "
        )
        st.caption(words + "share of every group.")
