"""Kept runs that were picked: side by side, and a note on one."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from pruning.runs import run_list
from pruning.runs.store import KeptRun, RunStore
from pruning.terms import plural
from pruning.ui import state
from pruning.ui.compare import added_recipes, side_by_side

MOST = 8  # runs side by side
SHORT = 8  # digits of an id where a run has no other name
BETWEEN = ","


def panel(store: RunStore, picked: Sequence[str]):
    """A button where several are picked; below, those that the link names."""
    if len(picked) > 1:
        text = f"Of the {len(picked)} picked the first {MOST}." if len(picked) > MOST else None
        told = BETWEEN.join(picked[:MOST])
        st.button(
            f"Side by side ({min(MOST, len(picked))})", on_click=look, args=(told,), help=text, type="primary"
        )
    named = list(filter(None, (state.looking_at("runs") or "").split(BETWEEN)))
    if not named:
        return
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    left.subheader("Side by side", anchor=False)
    right.button("Close", on_click=state.look_at, kwargs={"runs": None}, key="close side by side")
    found = [run for id in named[:MOST] if (run := run_list.get(store, id)) is not None]
    found = [run for run in found if run.status == "finished"]
    if gone := len(named) - len(found):
        st.warning(f"{plural(gone, 'run')} of this link can't be shown: deleted, or never finished.")
    if found:
        side_by_side.panel([(label, store.fetch(run, "")) for run, label in labelled(store, found)])


def look(told: str):
    """A click's callback."""
    state.look_at(runs=told)


def labelled(store: RunStore, runs: Sequence[KeptRun]) -> list[tuple[KeptRun, str]]:
    """Each with what it is called; of those that are called the same the later ones are numbered."""
    names: dict[str, int] = {}
    found = []
    for run in runs:
        recipe = run_list.recipe_of(store, run)
        name = added_recipes.in_words(recipe) if recipe else run.id[:SHORT]
        name = f"{name}, seed {recipe.seed}" if recipe else name
        names[name] = names.get(name, 0) + 1
        found.append((run, name if names[name] == 1 else f"{name} ({names[name]})"))
    return found


def note(store: RunStore, id: str, now: str):
    """A line of one's own on a run; MLflow's pages show it as its description."""
    st.text_input(
        "Note",
        now,
        key=f"note {id}",
        max_chars=300,
        placeholder="What is to be remembered of this run",
        on_change=partial(keep_note, store, id),
    )


def keep_note(store: RunStore, id: str):
    """A callback."""
    run_list.note(store, id, st.session_state[f"note {id}"].strip())
