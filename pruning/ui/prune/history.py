"""Plans tried in this session: what was changed from which, back to any with one click, two side by side."""

import time
from typing import Any

import pandas as pd
import streamlit as st

from pruning.experiment import Recipe
from pruning.figures import side_by_side
from pruning.figures.structure import closed_blocks
from pruning.inspection.differing_choices import choices, in_words, named
from pruning.metric_words import change
from pruning.tasks import Metric
from pruning.terms import percent
from pruning.ui import charts, display_names, preview_cache, state
from pruning.ui.prune import accuracy, result, run_job
from pruning.ui.prune.plan_tree import Branch, PlanTree, Tried

EMPTY = (
    "Every plan that is left unchanged for a moment is kept here, with what was changed. Change something, "
    "and go back with one click."
)
BESIDE = "Tick two plans to see them side by side."
COUNTED = ("Cut", "Repaired")  # of the values on the hold-out


def tree() -> PlanTree:
    return st.session_state.setdefault("plans tried", PlanTree())


def remember():
    """Takes notice of what was counted of the plan that the page showed so far. To be called before another
    one is counted."""
    of, counted = st.session_state.get("last accuracy", (None, None))
    if counted is not None:
        tree().counted(of, exact(counted))


def note(recipe: Recipe):
    """Takes notice of the plan that the page shows, once it is drawn."""
    shown = st.session_state.get("last planned")
    if shown is None or shown.recipe != recipe or shown.plan is None:
        return
    tree().look(recipe, shown.plan, time.monotonic())
    job = run_job.shown()
    if job is not None and job.arguments[0] == recipe:
        tree().settle(time.monotonic(), at_once=True)
    remember()


def exact(shown: accuracy.Shown) -> dict[str, float]:
    """What was counted on all hold-out images, and not read from the curve."""
    found = {what: shown.figures.get(what) for what in COUNTED}
    return {what: one.value for what, one in found.items() if one and one.measured and not one.rough}


def panel(recipe: Recipe):
    """The tree, folded."""
    note(recipe)
    with st.expander("Plans tried", key="plans tried folded"):
        if len(tree().plans) < 2:
            st.caption(EMPTY)
            return
        branches = list(tree().branches())
        ticked = [] if state.lesson() else ticks()
        with st.container(gap=None):
            for branch in branches:
                row(branch, recipe, ticked)
        if state.lesson():
            return
        if len(ticked) == 2:
            beside(*(tree().plans[number] for number in sorted(ticked)))
        else:
            st.caption(BESIDE)


def row(branch: Branch, recipe: Recipe, ticked: list[int]):
    """A plan: to be ticked, gone back to, and read."""
    tried, here = branch.tried, branch.tried.recipe == recipe
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if not state.lesson():
            key = f"beside {tried.number}"
            st.session_state[key] = tried.number in ticked
            how: dict[str, Any] = {
                "label_visibility": "collapsed",
                "on_change": tick,
                "args": (tried.number,),
            }
            st.checkbox(f"Plan {tried.number} side by side", key=key, **how)
        label = f"{branch.line.replace(' ', chr(0x2002))}{what(branch)}"
        if here:
            st.markdown(f":small[{label} **(shown)**]")
        else:
            text = "Back to this plan: its settings become the page's. The others stay here."
            how = {"type": "tertiary", "help": text, "on_click": back, "args": (tried.recipe,)}
            st.button(label, key=f"back to {tried.number}", **how)
        st.caption(costs(tried))


def what(branch: Branch) -> str:
    """What a plan is: of the first its settings, of the others what was changed."""
    tried = branch.tried
    if tried.parent is None or not branch.changed:
        return f"{tried.number}: {result.settings(tried.recipe)}"
    told = [f"{named(name)} {display_names.setting(tried.recipe, name)}" for name in branch.changed]
    return f"{tried.number}, from {tried.parent}: {', '.join(told)}"


def costs(tried: Tried) -> str:
    """What a plan leaves, in a line."""
    told = [
        f"{percent(tried.macs[1] / tried.macs[0])} of the MACs",
        f"{display_names.count(tried.channels[1])} channels",
    ]
    told += [f"block {name} closed" for name in closed_blocks(tried.widths)]
    metric = preview_cache.task_of(tried.recipe).metric
    told += [f"{name.lower()} {metric.in_words(value)}" for name, value in tried.accuracies.items()]
    return " · ".join(told)


def back(recipe: Recipe):
    """A click's callback: the page's recipe becomes that plan's."""
    tree().settle(time.monotonic())
    if not preview_cache.same_network(recipe, state.recipe_now()):
        state.open_network(recipe)
    else:
        state.take_up(recipe)


# ---------------------------------------------------------------------------------------------- side by side


def ticks() -> list[int]:
    """Numbers of the plans to be put side by side, of those that are still there."""
    held = st.session_state.setdefault("plans side by side", [])
    held[:] = [number for number in held if number in tree().plans]
    return held


def tick(number: int):
    """A third tick takes the place of the first."""
    held = ticks()
    if number in held:
        held.remove(number)
    else:
        held[:] = [*held, number][-2:]


def beside(one: Tried, other: Tried):
    """What two plans differ in, what each leaves, and how many channels of every group."""
    labels = [f"Plan {tried.number}" for tried in (one, other)]
    told = in_words(labels, [choices(t.recipe) for t in (one, other)], [t.recipe.seed for t in (one, other)])
    st.markdown(told.replace("These runs", "These plans"))
    st.dataframe(
        table(one, other), hide_index=True, key="two plans", alt="Two plans side by side", width="stretch"
    )
    widths = pd.concat(
        t.widths.assign(run=label, criterion=t.recipe.criterion, share=t.widths["after"] / t.widths["before"])
        for label, t in zip(labels, (one, other), strict=True)
    )
    words = side_by_side.kept_in_words(widths)
    how: dict[str, Any] = {"key": "two-plans", "alt": "Channels kept in every group by two plans"}
    charts.chart(side_by_side.kept(widths), words, table=widths, **how)


def table(one: Tried, other: Tried) -> pd.DataFrame:
    """A row a count: what each plan leaves, and the difference."""
    rows: list[tuple[str, ...]] = []
    for name, label in (("macs", "MACs"), ("parameters", "Parameters"), ("channels", "Channels")):
        a, b = (getattr(tried, name)[1] for tried in (one, other))
        rows.append((label, f"{a:,}", f"{b:,}", f"{b - a:+,}"))
    metrics = [preview_cache.task_of(tried.recipe).metric for tried in (one, other)]
    for what in COUNTED:
        values = [tried.accuracies.get(what) for tried in (one, other)]
        shown = [
            "not counted" if value is None else metric.in_words(value)
            for value, metric in zip(values, metrics, strict=True)
        ]
        name = " or ".join(dict.fromkeys(metric.name for metric in metrics))
        rows.append((f"Hold-out {name}, {what.lower()}", *shown, gap(values, metrics)))
    names = ("", f"Plan {one.number}", f"Plan {other.number}", "Difference")
    return pd.DataFrame(rows, columns=names)


def gap(values: list[float | None], metrics: list[Metric]) -> str:
    (a, b), (metric, other) = values, metrics
    return "" if a is None or b is None or metric != other else change(metric, b - a)
