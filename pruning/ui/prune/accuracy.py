"""The metric now: of the cut network as it is and repaired, beside the full network's. What is not measured
yet is read from the curve, and marked as such."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from pruning.cost import Plan
from pruning.experiment import Recipe
from pruning.inspection.preview import best_repair, error_of
from pruning.inspection.tradeoff import between, expected_at
from pruning.metric_words import change, counted
from pruning.tasks import Task
from pruning.terms import REPAIRS, sentence
from pruning.ui import current_plan, open_pages, preview_cache, test_accuracy
from pruning.ui.page_messages import in_page_words
from pruning.ui.prune import accuracy_questions

HELP = {
    "Full network": "The full network on the same images.",
    "Cut": "Cut, and nothing else done to it.",
    "Repaired": "Cut, then repaired without labels and without training.",
}
UNTOUCHED = (
    "Only a run measures the cut network on the test images: a cut that is chosen by its test accuracy "
    "would look better than it is."
)
BEFORE = "Greyed: the figures before the last change."
MEANING = {
    "recalibrate": "batch norm statistics estimated anew",
    "transport": "the weights that read a cut channel are added to those of the one that replaces it best",
    "merge": "the weights that read a cut channel are distributed over those that stay, by least squares",
    "reconstruct": "every layer that reads what was cut is refitted",
    "match": REPAIRS["match"].about,
}


@dataclass(frozen=True)
class Figure:
    """One value of the metric. measured: else it is read from the curve.   images: on how many it was
    measured.   rough: on the first images only."""

    value: float
    measured: bool = False
    images: int = 0
    rough: bool = False


@dataclass(frozen=True)
class Shown:
    """What is shown. figures: {label: Figure}.   task: what the images are asked for.   images: which ones
    they are of, in words.   learned: the network may have been trained on them."""

    figures: Mapping[str, Figure]
    task: Task
    images: str = ""
    learned: bool = False


def panel(recipe: Recipe, plan: Plan):
    """Follows the counts until nothing more will be known of the recipe's own cut."""
    waits = not accuracy_questions.look(recipe).settled
    st.fragment(follow, run_every=open_pages.every(0.8) if waits else None)(
        recipe, error_of(plan, recipe), waits
    )


def follow(recipe: Recipe, error: float | None, waited: bool):
    """Draws what is counted, what the curve says meanwhile, or the last figures greyed."""
    found = accuracy_questions.look(recipe)
    if waited and found.settled:
        st.rerun()
    if answer := found.failed.get(recipe.cut):
        st.error(in_page_words(answer.error))
        question = {
            "recipe": recipe,
            "how": accuracy_questions.quick(recipe),
            "raw_only": True,
            "again": True,
        }
        st.button("Try again", on_click=current_plan.ask_accuracy, kwargs=question, key="accuracy again")
        return
    shown = figures(found)
    last = st.session_state.get("last accuracy")
    if shown.figures:
        st.session_state["last accuracy"] = (recipe, shown)
    elif last and preview_cache.same_network(last[0], recipe):
        with st.container(key="stale accuracy"):
            draw(last[1], f"{BEFORE} {words(found)}")
        return
    draw(shown, words(found))
    expectation(found, error)
    in_the_headline(recipe, begin=found.exact is not None)


def in_the_headline(recipe: Recipe, begin: bool):
    """The full network's test metric, which is measured once the slider's own cut is."""
    if (full := test_accuracy.ask(recipe, start=begin).value) is not None:
        name = full.of_task.metric.name
        st.caption(f"Full network, test {name}: {test_accuracy.in_words(full)}.", help=UNTOUCHED)


def figures(found: accuracy_questions.Counted) -> Shown:
    """What is known, counted or read from the curve."""
    now, read = found.exact or found.first, between(found.curve(), found.recipe.cut)
    rough, shown, images, learned = found.exact is None and found.first is not None, {}, "", False
    if any_point := now or next(iter(found.points.values()), None):
        shown["Full network"] = Figure(any_point.baseline, True, any_point.images, rough)
        images, learned = f"{any_point.images:,} {any_point.where} images", any_point.learned
        images = f"the first {images}; the others follow" if rough else images
    for label, state in (("Cut", "raw"), ("Repaired", "repaired")):
        measured, between_cuts = getattr(now, state, None), getattr(read, state, None)
        if measured is not None:
            shown[label] = Figure(measured, True, now.images, rough)
        elif between_cuts is not None:
            shown[label] = Figure(between_cuts)
    task = preview_cache.task_of(found.recipe)
    return Shown(shown, task, images, learned) if len(shown) > 1 else Shown({}, task)


def draw(shown: Shown, said: str):
    name = shown.task.metric.name
    st.markdown(f"**Hold-out {name}**{f', on {shown.images}' if shown.images else ''}")
    for column, (label, text) in zip(st.columns(3), HELP.items(), strict=True):
        full = shown.figures.get("Full network")
        one(column, label, shown.figures.get(label), full, shown.task, text)
    test_accuracy.memorised(shown.learned)
    st.caption(said)


def one(column, label: str, figure: Figure | None, full: Figure | None, task: Task, text: str):
    off = {"delta_color": "off", "delta_arrow": "off", "border": True}
    if figure is None:
        column.metric(label, "–", " ", help=text, **off)
        return
    right = counted(task, figure.value, figure.images) if figure.measured else ""
    told = (right or task.metric.name) if figure is full else change(task.metric, figure.value - full.value)
    more = " Read from the curve below; measured in a moment."
    if figure.measured:
        more = f" {right}." if right else ""
    more += " Of the first images; the others follow." if figure.rough else ""
    value = f"{'' if figure.measured and not figure.rough else '≈ '}{task.metric.in_words(figure.value)}"
    column.metric(label, value, told, help=text + more, **off)


def words(found: accuracy_questions.Counted) -> str:
    """Where the figures come from, how the repair was made, and how far they can be trusted."""
    now, recipe = found.exact, found.recipe
    if now is None:
        return "Measuring on hold-out images…"
    told = "All three on the same images, before any training."
    if now.repaired is not None and now.how in MEANING:
        took = f" in {now.repair_seconds:.1f} s" if now.repair_seconds else ""
        told += (
            f" Repaired by {REPAIRS[now.how].title}{took}, from {recipe.calibration:,} unlabelled images: "
        )
        told += f"{MEANING[now.how]}."
    for message in now.messages:
        told += f" {sentence(message).removesuffix('.')}."
    if found.settled:
        return told
    if now.repaired is not None:
        return told + f" {sentence(REPAIRS[best_repair(recipe)].title)} follows once the curve is complete…"
    return told + " Measuring…"


def expectation(found: accuracy_questions.Counted, error: float | None):
    """What the other cuts of the curve let expect of this one, whether it was counted by now or not."""
    repair = best_repair(found.recipe)
    told = expected_at(found.points, found.recipe.cut, error, matched=repair == "match")
    if told is None:
        return
    how = "the reconstruction error of this plan" if error is not None else "interpolation"
    task = preview_cache.task_of(found.recipe)
    metric = task.metric
    likely, low, high = (metric.in_words(told[name]) for name in ("accuracy", "low", "high"))
    band = f"**{likely}**" + (f", {low} to {high}" if low != high else "")
    band = f"{band} of" if task.counts_right else f"{metric.name} {band} on"
    st.markdown(
        f"Expected after {REPAIRS[repair].title}: {band} the hold-out images.",
        help=f"Predicted from the other cuts of the curve below and {how}, without trying this one; at most "
        f"the full network's {metric.name}.",
    )
