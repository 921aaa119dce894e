"""A new comparison: what is to be compared, how many runs that makes and how long they take, and its start.
What is chosen is in the link."""

from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

import streamlit as st

from pruning import models
from pruning.criteria import CRITERIA
from pruning.experiment import Recipe
from pruning.experiment.duration import about
from pruning.experiment.recipe_fields import Allocation, Measure, Repair
from pruning.figures.comparison import factor_in_words
from pruning.runs.comparison_text import reasons_in_words
from pruning.runs.forecast import Forecast, forecast_of
from pruning.runs.kept_comparisons import (
    KeptComparison,
    begin,
    comparison_id,
    forget,
    kept_comparison,
    run_comparison,
)
from pruning.runs.product import BASELINES, Comparison
from pruning.terms import ALLOCATIONS, MEASURE_NAMES, REPAIRS, titled
from pruning.ui import display_names, jobs, preview_cache, state, visitor
from pruning.ui.compare import added_recipes
from pruning.ui.compare.comparison_lists import (
    CUTS,
    FIELDS,
    MOST,
    comparison_of,
    lists_of,
    pair_in,
    title_of,
    written,
)
from pruning.ui.compare.shown_comparison import CLOSED
from pruning.ui.page_messages import in_page_words

OWN = "Allocation follows the criterion where none is chosen: one ratio in all groups, open gates for GDP."
NO_PRODUCT = "The lists are left out; only the recipes that were added are run, with every seed."
CONTROLS = (
    "Beside each fine-tuned recipe: its widths newly initialised, and a uniformly narrower network, each "
    "with the same epochs and with the same computation. Random order and energy are added to the criteria."
)


def panel(recipe: Recipe):
    """What to compare on the left, what that makes on the right."""
    drawn = lists_of(recipe)
    left, right = st.columns([3, 2], gap="large")
    with left:
        what(recipe, drawn)
    with right:
        added_recipes.panel()
        try:
            asked = comparison_of(recipe, drawn)
        except ValueError as error:
            st.error(in_page_words(error))
            return
        button(recipe, asked)


# --------------------------------------------------------------------------------------------- what is chosen


def what(recipe: Recipe, lists: dict[str, Any]):
    """The lists as widgets; each change is in the link."""
    tie = partial(tied, lists)
    if added_recipes.there():
        text = "Off: only the added recipes are run."
        st.toggle("Every combination of these lists", help=text, **tie("product"))
        if not lists["product"]:
            st.caption(NO_PRODUCT)
    if lists["product"]:
        many = partial(st.multiselect, placeholder="Choose one or more")
        many(FIELDS["networks"], networks(recipe, lists), format_func=pair, **tie("networks"))
        many(FIELDS["criteria"], offered(CRITERIA, lists["criteria"]), format_func=titled, **tie("criteria"))
        one, other = st.columns(2)
        with one:
            shown = partial(factor_in_words, "cut")
            many(FIELDS["cuts"], sorted({*CUTS, *lists["cuts"]}), format_func=shown, **tie("cuts"))
            allocations = offered(get_args(Allocation), lists["allocations"])
            how = {"format_func": named(ALLOCATIONS), "placeholder": "Each criterion's own", "help": OWN}
            st.multiselect("Allocations", allocations, **how, **tie("allocations"))
        with other:
            many(FIELDS["repairs"], get_args(Repair), format_func=named(REPAIRS), **tie("repairs"))
            st.number_input("Epochs of fine-tuning", *MOST["epochs"], step=1, **tie("epochs"))
    left, right = st.columns(2)
    text = "Each recipe is run with seeds 0, 1, 2, ...: they choose calibration images and their order."
    left.number_input("Seeds", *MOST["seeds"], step=1, help=text, **tie("seeds"))
    if lists["product"]:
        right.multiselect(
            FIELDS["measures"], get_args(Measure), format_func=MEASURE_NAMES.get, **tie("measures")
        )
    if lists["epochs"] or any(one.epochs for one in added_recipes.recipes()):
        st.toggle("Controls", help=CONTROLS, **tie("controls"))


def tied(lists: dict[str, Any], name: str) -> dict[str, Any]:
    """Ties a widget to one of the lists."""
    value = lists[name]
    shown = list(value) if isinstance(value, tuple) else value

    def changed(new):
        state.look_at(lists=written(lists | {name: tuple(new) if isinstance(new, list) else new}))

    by = "default" if isinstance(value, tuple) else "value"
    return state.tied(f"widget compare {name}", shown, changed, by)


def offered(known, chosen: tuple[str, ...]) -> list[str]:
    """All there are, and what a link says with options of its own."""
    return list(dict.fromkeys([*known, *chosen]))


def named(terms):
    return lambda name: terms[name].title if name in terms else name


def networks(recipe: Recipe, lists: Mapping[str, Any]) -> list[str]:
    """The page's own pair, and those whose weights come along."""
    bundled = [f"{model} {data}" for model, data in models.bundled()]
    return list(dict.fromkeys([f"{recipe.model} {recipe.data}", *bundled, *lists["networks"]]))


def pair(text: str) -> str:
    model, data = pair_in(text)
    return f"{display_names.network(model)} on {display_names.data(data)}"


# ------------------------------------------------------------------------------------------ what comes of it


def button(recipe: Recipe, asked: Comparison):
    """How many runs and how long, then the start."""
    number = asked.size
    st.metric(
        "Runs", f"{number:,}", border=True, help="Every combination, with every seed; controls not counted."
    )
    how_long(recipe, asked)
    added = [name for name in BASELINES if name in asked.every_criterion and name not in asked.criteria]
    if added:
        st.caption(f"Beside what you chose: {' and '.join(titled(name) for name in added)}.")
    refused = refusal(asked)
    if refused:
        st.warning(in_page_words(refused))
    st.button(
        "Compare",
        type="primary",
        disabled=bool(refused),
        width="stretch",
        on_click=start,
        args=(asked,),
        help="Runs what is not known yet. Every result is kept, and the page can be left or reloaded.",
    )


def refusal(asked: Comparison) -> str:
    """Why this server does not allow it, in a sentence; else nothing."""
    most = jobs.limits()
    refused = (most.refusal(recipe) for recipe in asked.representatives())
    return most.refusal_of_runs(asked.size) or next(filter(None, refused), "")


def how_long(recipe: Recipe, asked: Comparison):
    """Counts and foresees in the preview worker, since a network has to be timed for that."""
    ended = sum(job.finished for job in jobs.workers().jobs("comparison"))
    key = f"{comparison_id(asked)} {ended}"
    question = partial(
        preview_cache.ask,
        forecast_of,
        recipe,
        asked,
        key=key,
        about="forecast",
        title="How long",
        page_only=True,
    )
    preview_cache.follow(question, lambda found: st.caption(foreseen(found)))


def foreseen(found: Forecast) -> str:
    """How long, what is known already, and what can't be done."""
    words = []
    if found.controls:
        words.append(f"{found.controls} controls beside them")
    if found.known:
        words.append(f"{found.known} known already, which are not run again")
    if found.failed:
        words.append(f"{found.failed} that can't be done: each becomes a row with its reason")
    if found.seconds:
        at_once = f", {found.at_once} at once" if found.at_once > 1 else ""
        words.append(f"about {about(found.seconds)} on this machine{at_once}")
    elif found.seconds == 0:
        words.append("nothing to run")
    told = "; ".join(words)
    why = in_page_words(reasons_in_words(found.reasons))
    if found.failed == found.recipes:
        return f"Not one of these recipes can be done: {why}."
    return f"{told[:1].upper()}{told[1:]}." + (f" Why some can't: {why}." if why else "")


def start(asked: Comparison):
    """A click's callback: the comparison is kept, on its way and in the link before the page is drawn."""
    if any(jobs.lacks_file(recipe) for recipe in asked.representatives()):
        return
    new = kept_comparison(comparison_id(asked)) is None
    try:
        kept = begin(asked, title_of(asked), visitor.owner())
    except ValueError as error:
        state.refuse(error)
        return
    if not submit(kept):
        if new:
            forget(kept)
        return
    state.look_at(**(CLOSED | {"comparison": kept.id, "view": None}))


def go_on(kept: KeptComparison):
    """A click's callback: one that was cut off. Comparisons are everybody's, so anybody may."""
    if not any(jobs.lacks_file(recipe) for recipe in kept.asked.representatives()):
        submit(kept)


def submit(kept: KeptComparison) -> bool:
    """Hands it to the queue of comparisons, unless it is there already. Whether it is there now; else the top
    of the page says why."""
    running = [
        job for job in jobs.workers().jobs("comparison") if job.about == (kept.id,) and not job.finished
    ]
    if running:
        return True
    about = {"title": kept.title, "about": (kept.id,)}
    arguments = (run_comparison, kept.asked, str(kept.folder), jobs.workers().scheduler, visitor.owner())
    return jobs.hand_in("comparison", *arguments, **about) is not None
