"""Kept runs that were picked: side by side, and a note on one."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

import streamlit as st

from pruning.figures.comparison import factor_in_words
from pruning.runs import run_list
from pruning.runs.store import KeptRun, RunStore
from pruning.terms import plural
from pruning.ui import state, uploads, visitor
from pruning.ui.compare import run_store, side_by_side

MOST = 8  # runs side by side
OWNER = "pruning.owner"  # tag of a run that somebody's job has kept
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
    named = list(dict.fromkeys(filter(None, (state.looking_at("runs") or "").split(BETWEEN))))
    if not named:
        return
    asked, named = len(named), named[:MOST]
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    left.subheader("Side by side", anchor=False)
    right.button("Close", on_click=state.look_at, kwargs={"runs": None}, key="close side by side")
    if asked > MOST:
        st.info(
            f"This link names {asked} runs; the first {MOST} are shown, the most that stand side by side."
        )
    found = [run for id in named if (run := run_list.get(store, id)) is not None]
    recipes = [run_list.recipe_of(store, run) for run in found]
    found = [
        run
        for run, recipe in zip(found, recipes, strict=True)
        if run.status == "finished" and recipe is not None and not uploads.missing(recipe)
    ]
    if gone := len(named) - len(found):
        st.warning(
            f"{plural(gone, 'run')} of this link can't be shown: deleted, never finished, or of a file that "
            "somebody else has given."
        )
    if found:
        side_by_side.panel(
            [(label, run_store.folder_of(store, run)) for run, label in labelled(store, found)]
        )


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


def own(run: KeptRun) -> bool:
    """Whether the visitor may change it: his own, and one that nobody's job has kept."""
    return run.tags.get(OWNER, visitor.owner()) == visitor.owner()


def note(store: RunStore, run: KeptRun):
    """A line on a run, by who kept it; MLflow's pages show it as its description."""
    id = run.id
    st.text_input(
        "Note",
        run.tags.get(run_list.NOTE, ""),
        key=f"note {id}",
        disabled=not own(run),
        help=None if own(run) else "Only who kept a run can note something on it.",
        max_chars=300,
        placeholder="What is to be remembered of this run",
        on_change=partial(keep_note, store, id),
    )


def keep_note(store: RunStore, id: str):
    """A callback."""
    run = run_list.get(store, id)
    if run is None or not own(run):
        return
    run_list.note(store, id, st.session_state[f"note {id}"].strip())
