"""A run of the store, opened again: as it was when it ended, also after the server was started anew."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from pruning.experiment import Recipe
from pruning.inspection.prediction_changes import RunReport
from pruning.inspection.reopened_run import opened_again
from pruning.runs import run_list
from pruning.runs.store import RunStore
from pruning.ui import display_names, preview_cache, state, uploads
from pruning.ui.compare import run_store
from pruning.ui.prune import result

OLD = "This run's settings are those of another version, and this page can't show it."
FOREIGN = (
    "This run is of a file that somebody else has given, or that this server no longer has; give the file on "
    "Start, and it opens."
)
GONE = "This run is not in the store: it was deleted, it never ended, or the link is of another server."


def panel(settings: Callable[[Recipe, str], None]):
    """The run that the link names. settings: offers to take up those of a recipe, of a run by its id."""
    run_store.follow(partial(opened, settings=settings))


def opened(store: RunStore, settings: Callable[[Recipe, str], None]):
    id = state.looking_at("kept") or ""
    run = run_list.get(store, id)
    if run is None or run.status != "finished":
        st.warning(GONE)
        close()
        return
    recipe = run_list.recipe_of(store, run)
    if recipe is None or uploads.missing(recipe):
        st.warning(OLD if recipe is None else FOREIGN)
        close()
        return
    folder = run_store.folder_of(store, run)
    question = partial(
        preview_cache.ask,
        opened_again,
        recipe,
        str(folder),
        key=id,
        title="Opening a kept run",
        page_only=True,
    )

    def draw(found: RunReport):
        left, right = st.columns([5, 1], vertical_alignment="center")
        left.markdown(f"**{display_names.subject(found.recipe)}**, kept {run.kept_at}")
        with right:
            close()
        if note := run.tags.get(run_list.NOTE):
            st.caption(note)
        st.success(result.in_short(found))
        settings(recipe, id)
        result.panel(found, folder)

    preview_cache.follow(question, draw)


def close():
    st.button("Close", on_click=state.look_at, kwargs={"kept": None}, key="close kept run", width="stretch")
