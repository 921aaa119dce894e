"""A target in the place of a pruning ratio: the smallest network that is accurate, quick or small enough."""

from functools import partial

import streamlit as st

from pruning.experiment import Recipe
from pruning.figures import target as figures
from pruning.inspection.target_search import smallest_for
from pruning.targets import Found, Target
from pruning.terms import MEASURE_NAMES
from pruning.ui import charts, measurement, preview_cache, state, uploads
from pruning.ui.page_messages import in_page_words

# kind: (title, label of the number, first value, largest, step)
ASKED = {
    "points_below": ("Points below the full network", "At most (points)", 1.0, 100.0, 0.5),
    "keep_metric": ("Kept {metric}", "At least (share of 1)", 0.9, 1.0, 0.01),
    "at_most_ms": ("Time of a batch", "At most (ms)", 20.0, 1e6, 1.0),
    "at_most_kb": ("Size of the weights", "At most (kB)", 500.0, 1e7, 50.0),
}
HELP = {
    True: "Cuts, repairs and judges a few networks on the hold-out images: up to seven times as long as one "
    "repair. It can be stopped.",
    False: "Plans cuts until one is below the target. A time needs measured times of the layers first.",
}


def panel(recipe: Recipe):
    """The choice, the button and what was found, folded; nothing in a lesson or where gates say what goes."""
    if state.lesson() or recipe.trained:
        return
    with st.expander("The smallest network that is good enough", key="target folded"):
        task = preview_cache.task_of(recipe)
        kinds = [kind for kind in ASKED if task.forecast or not Target(kind, ASKED[kind][2]).of_metric]
        words = {kind: ASKED[kind][0].format(metric=task.metric.name) for kind in kinds}
        kind = st.selectbox("Target", kinds, format_func=words.get, key="target kind")
        _, label, first, largest, step = ASKED[kind]
        value = st.number_input(label, 0.0, largest, first, step, key=f"target {kind}")
        try:
            target = Target(kind, float(value))
        except ValueError as error:
            st.error(in_page_words(str(error)))
            return
        measurement.on_request(
            "Find it",
            partial(ask, recipe, target),
            partial(draw, recipe, target),
            help=HELP[target.of_metric],
        )


def ask(recipe: Recipe, target: Target, **how) -> preview_cache.Answer:
    """What `smallest` finds; does not wait. Another cut is the same question, as is another measure of a
    cost."""
    uploads.store()  # where a table of times is kept for the workers
    same = recipe.but(cut=0.5) if target.of_metric else recipe.but(cut=0.5, measure="macs", latency=None)
    key = f"{same.digest()} {target.kind} {target.value:g}"
    return preview_cache.ask(
        smallest_for, recipe, target.kind, target.value, key=key, title="The smallest network", **how
    )


def draw(recipe: Recipe, target: Target, found: Found):
    st.markdown(found.in_words())
    for message in found.messages:
        st.caption(in_page_words(message))
    taken = (recipe.cut, recipe.measure) == (found.recipe.cut, found.recipe.measure)
    st.button(
        "This cut is chosen" if taken else "Take this cut",
        on_click=state.edit,
        kwargs={name: getattr(found.recipe, name) for name in ("measure", "cut", "latency")},
        disabled=taken,
        type="primary",
    )
    rows = figures.target_rows(found.candidates, found.recipe.cut)
    allowed, what, unit = scale(target, found)
    charts.chart(
        figures.target_search(rows, MEASURE_NAMES[found.recipe.measure], allowed, what),
        figures.target_search_in_words(rows, allowed, unit),
        key="target-search",
        alt="Every cut that was tried, and what is allowed",
        table=rows,
    )


def scale(target: Target, found: Found) -> tuple[float, str, str]:
    """What is allowed, what the vertical axis is of, and its unit."""
    if not target.of_metric:
        unit = "ms" if target.kind == "at_most_ms" else "kB"
        return target.value, f"{unit} a batch" if unit == "ms" else unit, unit
    what = "points lost"
    lost = target.value
    if target.kind == "keep_metric":
        first = found.candidates[0]
        lost = 100 * (first.value + first.lost - target.value)
    return lost, what, "points"
