"""An allocation that searches: asked for, watched, stopped, and the way it went."""

from functools import partial

import pandas as pd
import streamlit as st

from pruning.allocation import MEASURE_NAMES
from pruning.experiment import Recipe
from pruning.figures import search_path
from pruning.ui import charts, current_plan, measurement, open_pages, preview_cache

OFFER = """Each step tries to cut every group a little further, on {images} hold-out images, and takes what
costs least. That is half a minute on ResNet-20 and some minutes on a deeper network. The Prune button
searches too, if you do not."""
HELP = "Finds the widths now, without cutting anything. It can be stopped."


def quick(recipe: Recipe) -> bool:
    """Whether it takes seconds: then it follows the controls, without a button."""
    return recipe.allocation != "greedy" or recipe.search_by == "di"


def panel(recipe: Recipe):
    """The search that has not ended: its progress, or the button that starts it."""
    question = partial(current_plan.ask, recipe)
    if not quick(recipe):
        if question(start=False).job is None:
            st.caption(OFFER.format(images=recipe.search_images))
        measurement.on_request("Search", question, lambda value: None, help=HELP)
        return
    answer = question()
    if answer.error:
        preview_cache.settle(answer, question, draw=lambda value: None)
    else:
        st.fragment(preview_cache.look_again, run_every=open_pages.every(0.6))(question)


def price(recipe: Recipe) -> str:
    """What the search counted, of figures.search_path.PRICES."""
    return recipe.search_by if recipe.allocation == "greedy" else recipe.allocation


def path(recipe: Recipe, steps: pd.DataFrame, achieved: float, widths: pd.DataFrame, *, key: str):
    """Which group gave when; nothing where no search has been.

    steps: as `Plan.path_table()`.   achieved: the share of the measure that is gone.   widths: as
    `Plan.table()`."""
    if steps.empty:
        return
    rows, counted = search_path.path_rows(steps, achieved), price(recipe)
    groups = [name for name in widths["group"] if name in set(steps["group"])]
    charts.chart(
        search_path.search_path(rows, groups, counted, MEASURE_NAMES[recipe.measure]),
        search_path.search_path_in_words(rows, counted),
        key=key,
        alt="Which group lost channels when, and what that cost",
        table=rows,
    )
