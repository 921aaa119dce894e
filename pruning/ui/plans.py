"""Plans: milliseconds from scores, here; by an allocation that searches, what the preview worker has found;
and what a planned cut leaves of the accuracy.

A search that may take minutes is never waited for. Where it has not ended, pages other than Prune show the
same share of every group, and say so."""

from dataclasses import replace

import streamlit as st

from pruning import experiment
from pruning.channels.records import Structure
from pruning.cost import Plan
from pruning.criteria.scores import Scores
from pruning.experiment import Recipe
from pruning.experiment.preview import best_repair
from pruning.experiment.run import planned
from pruning.experiment.unsaid import MATCH_STEPS
from pruning.search import SEARCHES
from pruning.terms import ALLOCATIONS, sentence
from pruning.ui import caches, page

NAMES = {name: f"The {ALLOCATIONS[name].title}" for name in ("greedy", "trace-ratio")}
SECONDS = ("error",)  # searches that take seconds, and a moment at the next cut: these are waited for


def plan(recipe: Recipe):
    """Which channels stay. Ends the page with a sentence where the target is out of reach."""
    described, scored = caches.structure(recipe), caches.scores(recipe)
    if recipe.allocation in SECONDS:
        return caches.wait(lambda **how: ask(recipe, **how))
    if recipe.allocation in SEARCHES:
        if (known := ask(recipe, start=False).value) is not None:
            return known
        recipe = recipe.but(allocation="uniform")
    try:
        return of_scores(recipe, described.structure, scored)
    except ValueError as error:
        page.stop(error)


def of_scores(recipe: Recipe, structure: Structure, scores: Scores) -> Plan:
    """The plan that these scores make of a recipe whose allocation runs no network: milliseconds. Raises
    ValueError where the target is out of reach."""
    return planned(recipe, structure, scores)


def beside(recipe: Recipe, scores: Scores) -> Plan:
    """What another criterion's scores would cut in the recipe's place: at the same widths, where they took a
    search, else at those that its allocation gives these scores."""
    other = at_once(recipe).but(criterion=scores.criterion)
    return of_scores(other, caches.structure(recipe).structure, scores)


def ask(recipe: Recipe, **how) -> caches.Answer:
    """The Plan of an allocation that searches; does not wait. A newer search of this session ends it."""
    recipe = as_searched(recipe)
    key = caches.digest(recipe, (*caches.SCORING, *caches.CUTTING))
    more = {"key": key, "about": f"search {key}", "title": sentence(ALLOCATIONS[recipe.allocation].title)}
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
    if recipe.allocation not in NAMES:
        return
    if ask(recipe, start=False).value is not None:
        st.caption(f"{NAMES[recipe.allocation]} on Prune has found the widths shown here.")
    else:
        words = (
            f"{NAMES[recipe.allocation]} finds its widths on Prune. Until then this page cuts every group "
        )
        st.caption(words + "by the same ratio.")


def as_searched(recipe: Recipe, how: str = "") -> Recipe:
    """The recipe with all that its plan does not depend on at one value. A search by losses only asks whether
    the norms will follow the cut, by repair or training; one by errors expects an accuracy after a repair, by
    default the best; other allocations ask nothing."""
    repair = "none"
    if recipe.allocation == "error":
        repair = how or best_repair(recipe)
    elif recipe.allocation in SEARCHES and (recipe.epochs or recipe.repair != "none"):
        repair = "recalibrate"
    steps = recipe.match_steps if repair == "match" else MATCH_STEPS
    return replace(recipe, epochs=0, distill=False, repair=repair, match_steps=steps)


def ask_accuracy(
    recipe: Recipe, how: str = "", *, raw_only: bool = False, about: str = "", **more
) -> caches.Answer:
    """experiment.AccuracyNow of the cut network and of the whole one on the same images; does not wait.

    how: the repair, by default the recipe's, or reconstruction where it has none. A newer one ends this
    session's older ones, unless `about` says that they belong together."""
    how = how or best_repair(recipe)
    asked = as_searched(recipe, how)
    if how == "match" and not raw_only:
        asked = replace(asked, match_steps=recipe.match_steps)
    key = f"{caches.digest(asked, (*caches.SCORING, *caches.CUTTING))} {'raw' if raw_only else how}"
    more |= {"key": key, "about": about or key, "title": "Hold-out accuracy"}
    return caches.ask(experiment.accuracy_now, asked, how, raw_only, **more)
