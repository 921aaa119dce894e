"""What the cut leaves: exact costs and widths at once, the accuracy as soon as the worker has it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import streamlit as st

from pruning.cost import Plan
from pruning.experiment import AccuracyNow, Description, Recipe
from pruning.experiment.run import planned
from pruning.figures.structure import structure, structure_in_words
from pruning.search import SEARCHES
from pruning.ui import caches, names, plans, show
from pruning.ui.prune import search

# What is out of date stays in its place, greyed, until its successor is there: nothing jumps.
STALE = "<style>[class*='st-key-stale'] {opacity: 0.4}</style>"
MACS = "Multiply-accumulates of convolutions and linear layers, for one image; papers call them FLOPs."


@dataclass(frozen=True, eq=False)
class Planned:
    """A recipe's network and plan. error: one sentence in place of a plan that is out of reach.   searches:
    the plan takes a search that has not ended."""

    recipe: Recipe
    described: Description
    plan: Plan | None = None
    error: str = ""
    searches: bool = False


def ask(recipe: Recipe, **how) -> caches.Answer:
    """Structure, then scores, then the plan (milliseconds, or a search that is asked for elsewhere) as a
    Planned; does not wait."""
    described = caches.ask_structure(recipe, **how)
    if described.value is None:
        return described
    scored = caches.ask_scores(recipe, **how)
    if scored.value is None:
        return scored
    if recipe.allocation in SEARCHES:
        found = plans.ask(recipe, start=False).value
        return caches.Answer(Planned(recipe, described.value, found, searches=found is None))
    try:
        plan = planned(recipe, described.value, scored.value)
    except ValueError as error:
        return caches.Answer(Planned(recipe, described.value, error=str(error)))
    return caches.Answer(Planned(recipe, described.value, plan))


def follow(recipe: Recipe, numbers, picture, beside: Callable[[Planned], None]):
    """Draws what the recipe leaves; while the worker still scores, what the last recipe left, greyed.

    numbers, picture: containers for metrics and figure.   beside: draws elsewhere what needs the groups."""
    st.html(STALE)
    waiting, numbers = numbers.container(), numbers.container()  # each in its place, whether filled or not
    answer, last = ask(recipe), st.session_state.get("last planned")
    if answer.value is not None and answer.value.searches:
        beside(answer.value)
        with waiting:
            search.panel(recipe)
    elif answer.value is not None:
        st.session_state["last planned"] = answer.value
        beside(answer.value)
        draw(answer.value, numbers, picture)
        return
    else:
        with waiting:
            question = partial(ask, recipe)
            if answer.error:
                caches.settle(answer, question, draw=None)
                return
            st.fragment(caches.look_again, run_every=0.3)(question)
    if last and same_network(last.recipe, recipe):
        if answer.value is None:
            beside(last)
        places = (numbers.container(key="stale numbers"), picture.container(key="stale picture"))
        draw(last, *places, current=False)
    else:
        with numbers:
            nothing_yet(counting=answer.value is None)


def draw(found: Planned, numbers, picture, current: bool = True):
    with numbers:
        if found.error:
            st.error(found.error)
            return
        costs(found.plan)
        if current:
            accuracy(found.recipe)
        else:  # not asked for: that would end the scoring
            draw_accuracy(st.session_state.get("last accuracy", (None, None))[1], waits=True)
    with picture:
        steps, gone = found.plan.path_table(), found.plan.achieved
        search.path(found.recipe, steps, gone, found.plan.table(), key="search")
        widths(found.plan)


def nothing_yet(counting: bool = True):
    """Keeps the places of the figures until the network, or a searched plan, is known."""
    for column, label in zip(st.columns(3), ("MACs", "Parameters", "Channels"), strict=True):
        column.metric(label, "–", " ", delta_color="off", delta_arrow="off", border=True)
    draw_accuracy(None, waits=counting)


def same_network(one: Recipe, other: Recipe) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in caches.NETWORK)


# ------------------------------------------------------------------------------------------- exact, at once


def costs(plan: Plan):
    """MACs, parameters and channels of the cut network against the full one."""
    table = plan.table()
    columns = st.columns(3)
    for column, label, after, before, text in (
        (columns[0], "MACs", plan.macs, plan.macs_before, MACS),
        (columns[1], "Parameters", plan.parameters, plan.parameters_before, "Weights, biases and norms."),
        (columns[2], "Channels", table["after"].sum(), table["before"].sum(), "Of all groups, streams too."),
    ):
        against(column, label, int(after), int(before), text)
    for message in plan.messages:
        st.info(message)


def against(column, label: str, after: int, before: int, text: str):
    """One count beside what the full network has."""
    column.metric(
        label,
        names.count(after),
        f"{after / before - 1:+.1%} of {names.count(before)}",
        delta_color="off",
        delta_arrow="off",
        help=f"{text} {after:,} of {before:,} are left.",
        border=True,
    )


def widths(plan: Plan):
    """Kept and cut channels of every group."""
    table = plan.table()
    show.chart(
        structure(table),
        structure_in_words(table),
        key="widths",
        alt="Channels kept and cut in every group",
        table=table,
    )


# ------------------------------------------------------------------------------------------- accuracy now


def accuracy(recipe: Recipe):
    """Right answers of the cut network, raw and recalibrated, beside the full one's on the same images."""
    pending = caches.accuracy(recipe).pending
    st.fragment(look_at_accuracy, run_every=0.3 if pending else None)(recipe, pending)


def look_at_accuracy(recipe: Recipe, was_pending: bool):
    """Draws the answer, what there is of it, or the last one greyed."""
    answer = caches.accuracy(recipe)
    if was_pending and not answer.pending:
        st.rerun()
    if answer.error:
        st.error(answer.error)
        question = {"recipe": recipe, "again": True}
        st.button("Try again", on_click=caches.accuracy, kwargs=question, key="accuracy again")
        return
    last = st.session_state.get("last accuracy")
    if not answer.pending:
        st.session_state["last accuracy"] = (recipe, answer.value)
        draw_accuracy(answer.value)
        return
    early = next((e.values for e in reversed(answer.job.events) if "raw" in e.values), None)
    told = (
        AccuracyNow(early["images"], "hold-out", False, early["baseline"], early["raw"], None, 0)
        if early
        else None
    )
    if told:
        draw_accuracy(told, waits=True)
    elif last and same_network(last[0], recipe):
        with st.container(key="stale accuracy"):
            draw_accuracy(last[1], waits=True)
    else:
        draw_accuracy(None, waits=True)


def draw_accuracy(now: AccuracyNow | None, waits: bool = False):
    """now: None while nothing is known yet.   waits: whether more is on its way."""
    columns = st.columns(3)
    help_texts = (
        "The full network on the same images.",
        "Cut, and nothing else done to it.",
        "Cut, then its norms re-estimated on unlabelled calibration images.",
    )
    counts = (now.baseline, now.raw, now.repaired) if now else (None, None, None)
    labels = ("Full network", "Cut", "Repaired")
    for column, label, right, text in zip(columns, labels, counts, help_texts, strict=True):
        one_accuracy(column, label, right, now, text)
    st.caption(accuracy_in_words(now, waits))


def one_accuracy(column, label: str, right: int | None, now: AccuracyNow | None, text: str):
    if right is None:
        column.metric(label, "–", " ", delta_color="off", delta_arrow="off", help=text, border=True)
        return
    points = 100 * (right - now.baseline) / now.images
    column.metric(
        label,
        f"{right / now.images:.1%}",
        f"{points:+.1f} points" if right is not now.baseline else f"{right} of {now.images} right",
        delta_color="off",
        delta_arrow="off",
        help=f"{text} {right} of {now.images} right.",
        border=True,
    )


def accuracy_in_words(now: AccuracyNow | None, waits: bool) -> str:
    """Where the figures come from, and how far they can be trusted."""
    if now is None:
        words = "Accuracy now: right answers on hold-out images."
        return words + (" Counting…" if waits else " Known once the search has ended.")
    words = f"Accuracy now: right answers on the same {now.images} {now.where} images, before any training."
    if now.learned:
        words += " The network may have learned these images: expect less on new ones."
    if now.repaired is None and not waits:
        words += " This network has no norm to re-estimate."
    return words + (" Counting…" if waits else "")
