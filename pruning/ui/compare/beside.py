"""Kept runs that were picked: side by side, and a note on one."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

import streamlit as st

from pruning.figures.comparison import factor_in_words
from pruning.runs import run_list
from pruning.runs.store import KeptRun, RunStore
from pruning.terms import plural
from pruning.ui import state
from pruning.ui.compare import side_by_side

MOST = 8  # runs side by side
NAMED = ("model", "data", "criterion", "cut", "measure", "allocation", "repair", "epochs", "seed")
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
    """Each with what it is called: what differs among these, as short as that; runs that differ in nothing of
    it are numbered."""
    recipes = [run_list.recipe_of(store, run) for run in runs]
    told = [
        {name: getattr(recipe, name) for name in NAMED} | {"control": run.tags.get("pruning.control", "")}
        if recipe
        else dict.fromkeys((*NAMED, "control"), "")
        for run, recipe in zip(runs, recipes, strict=True)
    ]
    differ = [name for name in (*NAMED, "control") if len({str(one[name]) for one in told}) > 1]
    found, names = [], Counter()
    for run, one in zip(runs, told, strict=True):
        words = ", ".join(
            f"seed {one[name]}" if name == "seed" else factor_in_words(name, one[name]) for name in differ
        )
        words = words or "run"
        names[words] += 1
        found.append((run, words if names[words] == 1 and words != "run" else f"{words} {names[words]}"))
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
