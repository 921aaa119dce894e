"""What each group alone can bear: measured when asked for, as a map and as curves."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from pruning.experiment import Recipe
from pruning.figures import sensitivity as figures
from pruning.inspection.sensitivity import SHARES, sensitivity
from pruning.tasks import TASKS
from pruning.ui import charts, measurement, preview_cache, state
from pruning.ui.page_messages import in_page_words
from pruning.ui.prune import cut_preview, search

OFFER = """One group at a time is cut, the others stay as they are: how much {} does that cost, as
cut and after least-squares reconstruction? Coupled layers are pruned together."""
HELP = "Seconds to a few minutes. It goes on while you look at something else, and can be stopped."
LEARNED = " The network may have learned these images: expect larger losses on new ones."


def panel(recipe: Recipe):
    """The button, the progress, and in the end the drawings; nothing in a lesson."""
    if state.lesson():
        return
    st.divider()
    st.subheader("Sensitivity of each group", anchor=False)
    st.caption(OFFER.format(preview_cache.task_of(recipe).metric.name))
    planned = cut_preview.ask(recipe, start=False).value
    if planned is None or (planned.searches and search.quick(recipe)):
        st.caption("Can be measured once the plan above is complete.")
        return
    measurement.on_request("Measure every group", partial(ask, recipe), partial(draw, recipe), help=HELP)


def ask(recipe: Recipe, **how) -> preview_cache.Answer:
    """inspection.sensitivity's table; does not wait."""
    more: dict[str, Any] = {"key": preview_cache.digest(recipe, (*preview_cache.SCORING, "groups"))}
    alone = recipe.but(cut=0.5, repair="none", epochs=0, distill=False)
    return preview_cache.ask(sensitivity, alone, (0.0, *SHARES), title="Sensitivity", **more, **how)


def draw(recipe: Recipe, found: pd.DataFrame):
    """The map, and below it the opened group's curve among the others."""
    metric = TASKS[found.attrs["task"]].metric
    table, kinds = figures.lost(found, metric), figures.kinds(metric)
    kind = st.segmented_control(
        "Shown",
        list(kinds),
        default="repaired",
        format_func=kinds.get,
        required=True,
        help=(
            f"What cutting a group costs: hold-out {metric.name}, reconstructed or not, or the "
            "reconstruction error that is left."
        ),
        key="sensitivity of",
    )
    groups = list(dict.fromkeys(table["group"]))
    opened = state.looking_at("group")
    opened = opened if opened in groups else table.loc[table["lost_raw"].idxmax(), "group"]
    left, right = st.columns(2, gap="large")
    with left:
        charts.chart(
            figures.sensitivity_map(table, kind, opened, metric=metric),
            figures.sensitivity_in_words(table, metric) + (LEARNED if found.attrs.get("learned") else ""),
            key=f"sensitivity-{kind}",
            alt="Loss of every group at every pruning ratio",
            table=found,
            click=open_group,
        )
    with right:
        charts.chart(
            figures.sensitivity_curves(table, kind, opened, metric=metric),
            f"{opened} in colour{tied(table, opened)}; click a square of the map to choose another group.",
            key=f"sensitivity-curves-{kind}",
            alt="Loss against the pruning ratio of a group",
            table=table,
        )
    for message in found.attrs.get("messages", ()):
        st.info(in_page_words(message))


def tied(table: pd.DataFrame, group: str) -> str:
    others = [name for name in table.loc[table["group"] == group, "tied_to"].iloc[0].split(";") if name]
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return f", pruned together with {', '.join(others[:3])}{more}" if others else ""


def open_group(point: dict):
    state.look_at(group=point["customdata"][0])
