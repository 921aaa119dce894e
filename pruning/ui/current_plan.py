"""Plans: milliseconds from scores, here; by an allocation that searches, what the preview worker has found;
and what a planned cut leaves of the accuracy.

A search that may take minutes is never waited for. Where it has not ended, pages other than Prune show the
same share of every group, and say so."""

from functools import partial
from typing import Any, Literal

import streamlit as st

from pruning import inspection
from pruning.channels.residual_branches import ResidualBranches
from pruning.channels.structure import Structure
from pruning.cost import Plan
from pruning.criteria.scores import Scores
from pruning.experiment import Recipe
from pruning.experiment.planning import planned
from pruning.search import SEARCHES
from pruning.shipped import questions
from pruning.shipped.keys import SECONDS, as_searched
from pruning.terms import ALLOCATIONS, sentence
from pruning.ui import page, preview_cache

Blocks = ResidualBranches | Literal[False]
ALMOST = 1 - 1e-9  # the largest pruning ratio of a single group
NAMES = {name: f"The {ALLOCATIONS[name].title}" for name in ("greedy", "trace-ratio")}


def plan(recipe: Recipe):
    """Which channels stay. Ends the page with a sentence where the target is out of reach."""
    described, scored = preview_cache.structure(recipe), preview_cache.scores(recipe)
    try:
        if recipe.allocation in SEARCHES and recipe.allocation not in SECONDS:
            if (known := ask(recipe, start=False).value) is not None:
                return known
            recipe = recipe.but(allocation="uniform")
        blocks = preview_cache.wait(partial(ask_blocks, recipe))
        if recipe.allocation in SECONDS:
            errors = preview_cache.wait(lambda **how: preview_cache.ask_errors(recipe, **how))
            return by_error(recipe, described.structure, scored, errors, blocks)
        return of_scores(recipe, described.structure, scored, blocks)
    except ValueError as error:
        page.stop(error)


def ask_blocks(recipe: Recipe, **how) -> preview_cache.Answer:
    """The blocks that may close; False where none is to. Does not wait."""
    if not recipe.blocks:
        return preview_cache.Answer(False)
    key = preview_cache.digest(recipe, preview_cache.NETWORK)
    return preview_cache.ask(inspection.closable_blocks, recipe, key=key, title="Blocks", **how)


def of_scores(recipe: Recipe, structure: Structure, scores: Scores, blocks: Blocks = False) -> Plan:
    """The plan that these scores make of a recipe whose allocation runs no network: milliseconds. blocks: as
    `ask_blocks` has them. Raises ValueError where the target is out of reach."""
    return planned(recipe, structure, scores, blocks=blocks or None)


def by_error(
    recipe: Recipe, structure: Structure, scores: Scores, errors: dict, blocks: Blocks = False
) -> Plan:
    """The plan by error: milliseconds once the errors are known. Raises ValueError where the target is out of
    reach."""
    asked = as_searched(recipe)

    def made() -> Plan:
        return planned(asked, structure, scores, errors=errors, blocks=blocks or None)

    key = preview_cache.digest(asked, (*preview_cache.SCORING, *preview_cache.CUTTING))
    return preview_cache.remembered("plan", key, made)


def beside(recipe: Recipe, scores: Scores) -> Plan:
    """What another criterion's scores would cut in the recipe's place: at the same widths, where they took a
    search, else at those that its allocation gives these scores."""
    other = at_once(recipe).but(criterion=scores.criterion)
    blocks = preview_cache.wait(partial(ask_blocks, other))
    return of_scores(other, preview_cache.structure(recipe).structure, scores, blocks)


def ask(recipe: Recipe, **how) -> preview_cache.Answer:
    """The Plan of an allocation that searches; does not wait. A newer search of this session ends it."""
    if recipe.allocation in SECONDS:
        return _by_error(recipe, **how)
    recipe = as_searched(recipe)
    key = preview_cache.digest(recipe, (*preview_cache.SCORING, *preview_cache.CUTTING))
    more: dict[str, Any] = {
        "key": key,
        "about": f"search {key}",
        "title": sentence(ALLOCATIONS[recipe.allocation].title),
    }
    return preview_cache.ask(inspection.plan_of, recipe, **more, **how)


def _by_error(recipe: Recipe, **how) -> preview_cache.Answer:
    parts = []
    asks = (preview_cache.ask_structure, preview_cache.ask_scores, preview_cache.ask_errors, ask_blocks)
    for question in asks:
        answer = question(recipe, **how)
        if answer.value is None:
            return answer
        parts.append(answer.value)
    described, *found = parts
    try:
        return preview_cache.Answer(by_error(recipe, described.structure, *found))
    except ValueError as error:
        return preview_cache.Answer(error=str(error))


def known(recipe: Recipe) -> preview_cache.Answer:
    """The recipe's plan, as far as it needs no more than what is known by now."""
    if recipe.allocation in SEARCHES:
        return ask(recipe, start=False)
    asks = (preview_cache.ask_structure, preview_cache.ask_scores, ask_blocks)
    described, scores, blocks = (ask(recipe, start=False).value for ask in asks)
    if described is None or scores is None or blocks is None:
        return preview_cache.Answer()
    try:
        return preview_cache.Answer(of_scores(recipe, described.structure, scores, blocks))
    except ValueError as error:
        return preview_cache.Answer(error=str(error))


def at_once(recipe: Recipe) -> Recipe:
    """The recipe, its widths given where they took a search: what other criteria would cut there."""
    if recipe.allocation not in SEARCHES:
        return recipe
    table = plan(recipe).table()
    kept = table["share_cut"].clip(upper=ALMOST)  # of a closed block one channel a group
    shares = zip(table["group"], kept, strict=True)
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


def ask_accuracy(
    recipe: Recipe, how: str = "", *, raw_only: bool = False, about: str = "", **more
) -> preview_cache.Answer:
    """inspection.AccuracyNow of the cut network and of the whole one on the same images; does not wait.

    how: the repair, by default the recipe's, or reconstruction where it has none. A newer one ends this
    session's older ones, unless `about` says that they belong together."""
    question = questions.accuracy(recipe, how, raw_only)
    more |= {"about": about or question.key, "title": "Hold-out images counted"}
    answer = preview_cache.ask_question(question, **more | {"start": False})
    if not more.get("start", True) or answer.value is not None or (answer.job and not more.get("again")):
        return answer
    planned = known(recipe)
    if planned.error:  # out of reach, which the worker would only say again
        return preview_cache.Answer(error=planned.error)
    return preview_cache.ask_question(questions.accuracy(recipe, how, raw_only, planned.value), **more)
