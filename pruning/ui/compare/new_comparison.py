"""A new comparison: what is to be compared, how many runs that makes and how long they take, and its start.
What is chosen is in the link."""

from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

import streamlit as st

from pruning import models
from pruning.criteria import CRITERIA
from pruning.data import DATA
from pruning.experiment import Recipe
from pruning.experiment.duration import about
from pruning.experiment.recipe_fields import Allocation, Measure, Repair
from pruning.figures.comparison import factor_in_words
from pruning.runs.forecast import Forecast, forecast_of
from pruning.runs.kept_comparisons import begin, comparison_id, run_comparison
from pruning.runs.product import BASELINES, Comparison
from pruning.terms import ALLOCATIONS, MEASURE_NAMES, REPAIRS, plural, titled
from pruning.ui import display_names, jobs, preview_cache, state
from pruning.ui.compare import added_recipes
from pruning.ui.page_messages import in_page_words

CUTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
USUAL = {"cuts": (0.3, 0.5, 0.7), "seeds": 3, "epochs": 0}
# Fields that all recipes of a comparison share, taken from the settings of the other pages.
SHARED = (
    *("checkpoint", "normalize", "size", "groups", "calibration", "match_steps", "lr", "batch_size"),
    *("device", "threads", "subtask", "protect", "round_to", "min_channels", "max_cut_per_group"),
)
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


def lists_of(recipe: Recipe) -> dict[str, Any]:
    """What the link says is to be compared, and for what it does not say, what suits the recipe."""
    criteria = dict.fromkeys((recipe.criterion, "l1", "random"))
    lists: dict[str, Any] = {
        "networks": (f"{recipe.model} {recipe.data}",),
        "criteria": tuple(criteria),
        "measures": (recipe.measure,),
        "allocations": () if recipe.trained else (recipe.allocation,),
        "repairs": (recipe.repair,),
        "controls": True,
        "product": True,
    } | USUAL
    return lists | read(state.looking_at("lists") or "")


def read(text: str) -> dict[str, Any]:
    """A link's text as lists; parts that can't be read, of another version or by a slip, are left out."""
    found: dict[str, Any] = {}
    for part in filter(None, text.split(";")):
        name, _, rest = part.partition(":")
        values = tuple(filter(None, rest.split("|")))
        try:
            if name == "cuts":
                found[name] = tuple(float(value) for value in values)
            elif name in ("seeds", "epochs"):
                found[name] = int(rest)
            elif name in ("controls", "product"):
                found[name] = rest == "1"
            elif name in ("networks", "criteria", "measures", "allocations", "repairs"):
                found[name] = values
        except ValueError:
            continue
    return found


def written(lists: Mapping[str, Any]) -> str:
    """As `read` takes it."""

    def told(value) -> str:
        if isinstance(value, bool):
            return str(int(value))
        return str(value) if isinstance(value, int) else "|".join(f"{one}" for one in value)

    return ";".join(f"{name}:{told(value)}" for name, value in lists.items())


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
        many("Networks and data", networks(recipe, lists), format_func=pair, **tie("networks"))
        many("Criteria", offered(CRITERIA, lists["criteria"]), format_func=titled, **tie("criteria"))
        one, other = st.columns(2)
        with one:
            shown = partial(factor_in_words, "cut")
            many("Pruning ratios", sorted({*CUTS, *lists["cuts"]}), format_func=shown, **tie("cuts"))
            allocations = offered(get_args(Allocation), lists["allocations"])
            how = {"format_func": named(ALLOCATIONS), "placeholder": "Each criterion's own", "help": OWN}
            st.multiselect("Allocations", allocations, **how, **tie("allocations"))
        with other:
            many("Repairs", get_args(Repair), format_func=named(REPAIRS), **tie("repairs"))
            st.number_input("Epochs of fine-tuning", 0, 200, step=1, **tie("epochs"))
    left, right = st.columns(2)
    text = "Each recipe is run with seeds 0, 1, 2, ...: they choose calibration images and their order."
    left.number_input("Seeds", 1, 20, step=1, help=text, **tie("seeds"))
    if lists["product"]:
        right.multiselect(
            "The ratio is of", get_args(Measure), format_func=MEASURE_NAMES.get, **tie("measures")
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
    model, _, data = text.partition(" ")
    return f"{display_names.network(model)} on {display_names.data(data)}"


# ------------------------------------------------------------------------------------------ what comes of it


def comparison_of(recipe: Recipe, lists: Mapping[str, Any]) -> Comparison:
    """Raises ValueError in one sentence where the lists make none."""
    recipes = tuple(one.to_dict() for one in added_recipes.recipes())
    seeds, controls = tuple(range(lists["seeds"])), None if lists["controls"] else "none"
    if recipes and not lists["product"]:
        return Comparison(criteria=(), seeds=seeds, controls=controls, recipes=recipes)
    pairs = [one.partition(" ")[::2] for one in lists["networks"]]
    models, datasets = (
        (tuple(dict.fromkeys(names)) for names in zip(*pairs, strict=True)) if pairs else ((), ())
    )
    if len(models) * len(datasets) != len(pairs):
        raise ValueError(
            "Networks and data are combined with each other: choose networks for one data set, or data sets "
            "for one network"
        )
    for name in set(datasets) - set(DATA) - {recipe.data}:
        raise ValueError(f"There is no data set {name} here; choose it on Start first")
    return Comparison(
        models=models,
        datasets=datasets,
        criteria=tuple(lists["criteria"]),
        cuts=tuple(lists["cuts"]),
        measures=tuple(lists["measures"]),
        allocations=tuple(lists["allocations"]),
        repairs=tuple(lists["repairs"]),
        epochs=(lists["epochs"],),
        seeds=seeds,
        controls=controls,
        settings=settings(recipe, pairs),
        recipes=recipes,
    )


def settings(recipe: Recipe, pairs: list) -> dict[str, Any]:
    """What the other pages have set and every recipe is to have; weights of one's own only where the network
    and the data are those they are for."""
    own = pairs == [(recipe.model, recipe.data)]
    told = {name: value for name, value in recipe.differences().items() if name in SHARED}
    return told if own else {n: v for n, v in told.items() if n not in ("checkpoint", "normalize", "size")}


def title_of(asked: Comparison) -> str:
    """What is compared, in a few words."""
    parts = []
    if asked.criteria:
        where = [f"{display_names.network(m)} on {display_names.data(d)}"
                 for m in asked.models for d in asked.datasets]  # fmt: skip
        parts.append(", ".join(where[:2]) + (f" and {len(where) - 2} others" if len(where) > 2 else ""))
        for values, word in (
            (asked.every_criterion, "criteria"),
            (asked.cuts, "ratios"),
            (asked.allocations, "allocations"),
            (asked.repairs, "repairs"),
        ):
            if len(values) > 1:
                parts.append(f"{len(values)} {word}")
    if asked.recipes:
        parts.append(f"{plural(len(asked.recipes), 'recipe')} chosen one by one")
    return ", ".join([*parts, plural(len(asked.seeds), "seed")])


def button(recipe: Recipe, asked: Comparison):
    """How many runs and how long, then the start."""
    number = asked.size
    st.metric("Runs", f"{number:,}", help="Every combination, with every seed; controls not counted.")
    how_long(recipe, asked)
    added = [name for name in BASELINES if name in asked.every_criterion and name not in asked.criteria]
    if added:
        st.caption(f"Beside what you chose: {' and '.join(titled(name) for name in added)}.")
    st.button(
        "Compare",
        type="primary",
        width="stretch",
        on_click=start,
        args=(asked,),
        help="Runs what is not known yet. Every result is kept, and the page can be left or reloaded.",
    )


def how_long(recipe: Recipe, asked: Comparison):
    """Counts and foresees in the preview worker, since a network has to be timed for that."""
    ended = sum(job.finished for job in jobs.workers().jobs("comparison"))
    key = f"{comparison_id(asked)} {ended}"
    question = partial(
        preview_cache.ask, forecast_of, recipe, asked, key=key, title="How long it takes", page_only=True
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
    return f"{told[:1].upper()}{told[1:]}."


def start(asked: Comparison):
    """A click's callback: the comparison is kept, on its way and in the link before the page is drawn."""
    recipes = [entry.recipe for entry in [next(asked.entries())] if entry.recipe]
    if recipes and jobs.lacks_file(recipes[0]):
        return
    try:
        kept = begin(asked, title_of(asked), jobs.visitor.owner())
    except ValueError as error:
        state.refuse(error)
        return
    submit(kept)
    state.look_at(comparison=kept.id, stage=None, only=None, pinned=None, job=None)
    st.session_state["compare opened"] = "results"


def submit(kept):
    """Hands it to the queue of comparisons, unless it is there already."""
    running = [
        job for job in jobs.workers().jobs("comparison") if job.about == (kept.id,) and not job.finished
    ]
    if running:
        return
    about = {"title": kept.title, "owner": jobs.visitor.owner(), "about": (kept.id,)}
    arguments = (run_comparison, kept.asked, str(kept.folder), jobs.workers().scheduler)
    jobs.workers().submit("comparison", *arguments, **about)
