"""A run opened on another page: with its result where the store has it, else its settings alone."""

from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from pruning.experiment import Recipe
from pruning.runs import run_list
from pruning.runs.kept_comparisons import KeptComparison
from pruning.runs.store import KeptRun, RunStore
from pruning.ui import state

PRUNE = "pages/2_Prune.py"
PAGES = {"Prune": PRUNE, "Channels": "pages/1_Channels.py", "Compress": "pages/4_Compress.py"}
GATES = "pages/5_Gates.py"
FROM_PROJECT = (
    "This run came with the project, as figures alone: these are its settings, to be run here in a moment."
)
NO_RECIPE = "The settings of this run are those of another version, and no page can take them up."
KEY = "open run on"


def clicked(shown: KeptComparison, table: pd.DataFrame, seen: list[Any]):
    """A click's callback. seen: what a point holds, its run first."""
    row = table[table["run"] == seen[0]]
    if not row.empty:
        open_row(shown, row.iloc[0].to_dict())


def open_row(shown: KeptComparison, row: dict[str, Any], page: str = PRUNE):
    """A callback: one row of a comparison, on another page."""
    recipe = recipe_of(shown, row)
    if recipe is None:
        state.refuse(NO_RECIPE)
        return
    if shown.bundled:
        state.refuse(FROM_PROJECT)
    open_recipe(recipe, "" if shown.bundled or row["control"] else row["run"], page)


def open_kept(store: RunStore, run: KeptRun, page: str = PRUNE):
    """A callback: one run of the store."""
    recipe = run_list.recipe_of(store, run)
    if recipe is None:
        state.refuse(NO_RECIPE)
        return
    finished = run.status == "finished" and not run.kind == "control"
    open_recipe(recipe, run.id if finished else "", page)


def open_recipe(recipe: Recipe, kept: str, page: str):
    """The recipe becomes the session's own, and the next run of this page goes on to the other."""
    state.open_network(recipe)
    state.look_at(kept=kept or None)
    st.session_state[KEY] = GATES if recipe.trained and page != PRUNE else page


def go():
    """To the page that a callback has asked for; a callback itself can't switch."""
    if page := st.session_state.pop(KEY, None):
        st.switch_page(page, query_params=state.link())


def recipe_of(shown: KeptComparison, row: dict[str, Any]) -> Recipe | None:
    """Of a row of results.csv: one that was added has other fields than the columns say."""
    if row["settings"]:
        added = (replace(Recipe.from_dict(one), seed=row["seed"]) for one in shown.asked.recipes)
        return next((recipe for recipe in added if recipe.digest() == row["digest"]), None)
    same = {name: row[name] for name in ("model", "data", "criterion", "allocation", "measure", "repair")}
    try:
        return shown.asked.entry(same | {name: row[name] for name in ("cut", "epochs", "seed")}).recipe
    except ValueError:
        return None
