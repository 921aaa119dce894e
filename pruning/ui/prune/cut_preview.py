"""What the cut leaves: exact costs and widths at once, the accuracy as soon as the worker has it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import streamlit as st

from pruning.cost import Plan
from pruning.experiment import Recipe
from pruning.figures.structure import structure, structure_in_words
from pruning.inspection import Description
from pruning.search import SEARCHES
from pruning.shipped.keys import SECONDS
from pruning.tasks import TASKS, Task
from pruning.terms import GLOSSARY, percent
from pruning.ui import charts, current_plan, display_names, open_pages, preview_cache, state
from pruning.ui.layer_graph import panel as layer_graph
from pruning.ui.page_messages import in_page_words
from pruning.ui.prune import accuracy, curve, latency, search

# What is out of date stays in its place, greyed, until its successor is there: nothing jumps.
STALE = "<style>[class*='st-key-stale'] {opacity: 0.4}</style>"
LATER = "Known once the search has ended."
WAITS = "Measuring on hold-out images…"
MACS = GLOSSARY["MACs"]


@dataclass(frozen=True, eq=False)
class Planned:
    """A recipe's network and plan. error: one sentence in place of a plan that is out of reach.   searches:
    the plan takes a search that has not ended."""

    recipe: Recipe
    described: Description
    plan: Plan | None = None
    error: str = ""
    searches: bool = False


def ask(recipe: Recipe, **how) -> preview_cache.Answer:
    """Structure, then scores, then the plan (milliseconds, or a search that is asked for elsewhere) as a
    Planned; does not wait."""
    described = preview_cache.ask_structure(recipe, **how)
    scored = preview_cache.ask_scores(recipe, **how)  # in the queue right behind it
    if described.value is None:
        return described
    if scored.value is None:
        return scored
    timed = latency.with_times(recipe, described.value.structure, **how)
    if timed.value is None:
        return timed
    recipe = timed.value
    if recipe.allocation in SEARCHES:
        seconds = recipe.allocation in SECONDS
        found = current_plan.ask(recipe, **how) if seconds else current_plan.ask(recipe, start=False)
        if seconds and (found.job is not None or (found.pending and not how.get("start", True))):
            return found
        searches = found.value is None and not found.error
        return preview_cache.Answer(Planned(recipe, described.value, found.value, found.error, searches))
    blocks = current_plan.ask_blocks(recipe, **how)
    if blocks.value is None:
        return blocks
    try:
        plan = current_plan.of_scores(recipe, described.value.structure, scored.value, blocks.value)
    except ValueError as error:
        return preview_cache.Answer(Planned(recipe, described.value, error=str(error)))
    return preview_cache.Answer(Planned(recipe, described.value, plan))


def follow(recipe: Recipe, numbers, costs_of_cuts, picture, beside: Callable[[Planned], None]):
    """Draws what the recipe leaves; while the worker still scores, what the last recipe left, greyed.

    numbers, costs_of_cuts, picture: containers for metrics, the curve of cuts, and the widths.   beside:
    draws elsewhere what needs the groups."""
    st.html(STALE)
    waiting, numbers = numbers.container(), numbers.container()  # each in its place, whether filled or not
    answer, last = ask(recipe), st.session_state.get("last planned")
    if answer.value is not None and answer.value.recipe.latency != recipe.latency:
        state.edit(latency=answer.value.recipe.latency)
        st.rerun()
    if answer.value is not None and answer.value.searches:
        beside(answer.value)
        with waiting:
            search.panel(recipe)
    elif answer.value is not None:
        st.session_state["last planned"] = answer.value
        beside(answer.value)
        draw(answer.value, numbers, picture)
        if not answer.value.error:
            with costs_of_cuts:
                curve.panel(answer.value.recipe)
        return
    else:
        with waiting:
            question = partial(ask, recipe)
            if answer.error:
                preview_cache.settle(answer, question, draw=None)
                return
            st.fragment(preview_cache.look_again, run_every=open_pages.every(0.6))(question)
    if last and preview_cache.same_network(last.recipe, recipe):
        if answer.value is None:
            beside(last)
        places = (numbers.container(key="stale numbers"), picture.container(key="stale picture"))
        draw(last, *places, current=False)
        with costs_of_cuts:  # as far as it is known: it stays where it is, while the plan is on its way
            curve.panel(recipe, ask=False)
    else:
        with numbers:
            nothing_yet(preview_cache.task_of(recipe), counting=answer.value is None or search.quick(recipe))


def draw(found: Planned, numbers, picture, current: bool = True):
    with numbers:
        if found.error:
            st.error(in_page_words(found.error))
            latency.offer_again(found.recipe)
            return
        costs(found.plan)
        latency.estimate(found.recipe, found.plan)
        if current:
            accuracy.panel(found.recipe, found.plan)
        else:  # not asked for: that would end the scoring
            nothing = accuracy.Shown({}, TASKS[found.described.task])
            _, last = st.session_state.get("last accuracy", (None, nothing))
            accuracy.draw(last, f"{accuracy.BEFORE} {WAITS}")
        for message in found.plan.messages:
            st.info(in_page_words(message))
    with picture:
        steps, gone = found.plan.path_table(), found.plan.achieved
        search.path(found.recipe, steps, gone, found.plan.table(), key="search")
        widths(found.plan)
        layer_graph.planned(found.recipe, found.plan)


def nothing_yet(task: Task, counting: bool = True):
    """Keeps the places of the figures until the network, or a searched plan, is known."""
    for column, label in zip(st.columns(3), ("MACs", "Parameters", "Channels"), strict=True):
        column.metric(label, "–", " ", delta_color="off", delta_arrow="off", border=True)
    accuracy.draw(accuracy.Shown({}, task), WAITS if counting else LATER)


# ------------------------------------------------------------------------------------------- exact, at once


def costs(plan: Plan):
    """MACs, parameters and channels of the cut network against the full one."""
    table = plan.table()
    columns = st.columns(3)
    for column, label, after, before, text in (
        (columns[0], "MACs", plan.macs, plan.macs_before, MACS),
        (
            columns[1],
            "Parameters",
            plan.parameters,
            plan.parameters_before,
            ("Weights, biases and batch norms."),
        ),
        (
            columns[2],
            "Channels",
            table["after"].sum(),
            table["before"].sum(),
            ("In all groups, residual streams included."),
        ),
    ):
        against(column, label, int(after), int(before), text)


def against(column, label: str, after: int, before: int, text: str):
    """One count beside what the full network has."""
    column.metric(
        label,
        display_names.count(after),
        f"{percent(after / before - 1, signed=True)} of {display_names.count(before)}",
        delta_color="off",
        delta_arrow="off",
        help=f"{text} {after:,} of {before:,} are left.",
        border=True,
    )


def widths(plan: Plan):
    """Kept and cut channels of every group."""
    table = plan.table()
    charts.chart(
        structure(table),
        structure_in_words(table),
        key="widths",
        alt="Channels kept and cut in every group",
        table=table,
    )
