"""Accuracy now: right answers of the cut network as it is and repaired, beside the full network's. What is
not counted yet is read from the curve, and marked as such."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from pruning.cost import Plan
from pruning.experiment import Recipe
from pruning.inspection.preview import best_repair, error_of
from pruning.inspection.tradeoff import between, expected_at
from pruning.terms import REPAIRS, percent, sentence
from pruning.ui import current_plan, display_names, open_pages, preview_cache, test_accuracy
from pruning.ui.page_messages import in_page_words
from pruning.ui.prune import accuracy_questions

HELP = {
    "Full network": "The full network on the same images.",
    "Cut": "Cut, and nothing else done to it.",
    "Repaired": "Cut, then repaired without labels and without training.",
}
UNTOUCHED = (
    "What a cut leaves of the test accuracy is only counted by a run: a cut that is chosen because the test "
    "images like it would look better than it is."
)
BEFORE = "Greyed: the figures before the last change."
MEANING = {
    "recalibrate": "batch norm statistics estimated anew",
    "reconstruct": "every layer that reads what was cut is refitted",
    "match": "reconstruction, then all weights are moved until every block gives the full network's features",
}


@dataclass(frozen=True)
class Figure:
    """One accuracy as a metric shows it. share: a fraction.   right: answers where they were counted; None
    where the share is read from the curve.   rough: counted on the first images only."""

    share: float
    right: int | None = None
    rough: bool = False


@dataclass(frozen=True)
class Shown:
    """What the metrics show. figures: {label: Figure}.   images: which ones they are of, in words.   learned:
    the network may have been trained on them."""

    figures: Mapping[str, Figure]
    images: str = ""
    learned: bool = False


def panel(recipe: Recipe, plan: Plan):
    """Follows the counts until nothing more will be known of the recipe's own cut."""
    waits = not accuracy_questions.look(recipe).settled
    st.fragment(follow, run_every=open_pages.every(0.3) if waits else None)(
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
    """The full network's test accuracy, which is counted once the slider's own cut is."""
    if (full := test_accuracy.ask(recipe, start=begin).value) is not None:
        st.caption(f"Full network, test accuracy: {test_accuracy.in_words(full)}.", help=UNTOUCHED)


def figures(found: accuracy_questions.Counted) -> Shown:
    """What is known, counted or read from the curve."""
    now, read = found.exact or found.first, between(found.curve(), found.recipe.cut)
    rough, shown, images, learned = found.exact is None and found.first is not None, {}, "", False
    if any_point := now or next(iter(found.points.values()), None):
        shown["Full network"] = Figure(any_point.baseline / any_point.images, any_point.baseline, rough)
        images, learned = f"{any_point.images:,} {any_point.where} images", any_point.learned
        images = f"the first {images}; the others follow" if rough else images
    for label, state in (("Cut", "raw"), ("Repaired", "repaired")):
        right = getattr(now, state, None)
        share = getattr(read, state, None)
        if right is not None:
            shown[label] = Figure(right / now.images, right, rough)
        elif share is not None:
            shown[label] = Figure(share)
    return Shown(shown, images, learned) if len(shown) > 1 else Shown({})


def draw(shown: Shown, said: str):
    st.markdown(f"**Hold-out accuracy**{f', on {shown.images}' if shown.images else ''}")
    for column, (label, text) in zip(st.columns(3), HELP.items(), strict=True):
        one(column, label, shown.figures.get(label), shown.figures.get("Full network"), text)
    test_accuracy.memorised(shown.learned)
    st.caption(said)


def one(column, label: str, figure: Figure | None, full: Figure | None, text: str):
    off = {"delta_color": "off", "delta_arrow": "off", "border": True}
    if figure is None:
        column.metric(label, "–", " ", help=text, **off)
        return
    points = display_names.points(figure.share - full.share)
    counted, exact = figure.right is not None, figure.right is not None and not figure.rough
    told = f"{figure.right} right" if figure is full else points
    more = f" {figure.right} right." if counted else " Read from the curve below; measured in a moment."
    more += " Of the first images; the others follow." if figure.rough else ""
    column.metric(label, f"{'' if exact else '≈ '}{percent(figure.share)}", told, help=text + more, **off)


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
    low, high = percent(told["low"]), percent(told["high"])
    band = f"**{percent(told['accuracy'])}**" + (f", {low} to {high}" if low != high else "")
    st.markdown(
        f"Expected after {REPAIRS[repair].title}: {band} of the hold-out images.",
        help=f"Predicted from the other cuts of the curve below and {how}, without trying this one; at most "
        "the full network's accuracy.",
    )
