"""Every run that is kept, by whatever it was run: searched, opened on another page, put side by side, noted,
added to a comparison, deleted and brought back."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from pruning.figures.comparison import factor_in_words
from pruning.runs import run_list
from pruning.runs.store import KeptRun, RunStore
from pruning.terms import plural
from pruning.ui import display_names, state
from pruning.ui.compare import added_recipes, beside, open_run, run_store
from pruning.ui.compare.ticked_rows import ticked

PAGE, HEIGHT = 50, 458  # runs of one look; pixels of their table
STATES = ("", "finished", "running", "failed", "interrupted", "lost")
FIELDS = ("criterion", "cut", "allocation", "repair", "epochs")
FIND = "Words of network, data, criterion or ratio, such as: resnet20 digits cpot 0.5"
FOREIGN = "was kept by somebody else, who alone can delete it"


def panel():
    with st.container(horizontal=True, vertical_alignment="bottom"):
        how = state.bound_look("find", state.looking_at("find") or "", none="")
        st.text_input("Find", placeholder=FIND, **how)
        status = st.selectbox("State", STATES, format_func=lambda one: one or "any", key="state of kept runs")
    run_store.follow(partial(listing, status=status))


def listing(store: RunStore, status: str):
    """One page of the list, and what can be done with what is ticked."""
    undo(store)
    words = state.looking_at("find") or ""
    tokens = pages_of((words, status))
    runs, following = run_list.page_of(store, words, status, PAGE, tokens[-1])
    if not runs:
        st.info(
            "No kept run matches these words."
            if words or status
            else "No run is kept yet. Whatever is run on Prune, Gates, Compress and here is kept, and so is "
            "what `python -m pruning run --keep` runs."
        )
        return
    key = f"kept runs {len(tokens)} {words} {status} {st.session_state.get('deleted times', 0)}"
    places = ticked(table(runs), [run.id for run in runs], key=key, most=HEIGHT, alt="Runs that are kept")
    turn(tokens, following, len(runs))
    chosen = [runs[place] for place in places]
    actions(store, chosen)
    beside.panel(store, [run.id for run in chosen if run.status == "finished"])
    open_run.go()


def pages_of(about: tuple) -> list[str | None]:
    """The tokens of the pages that were turned, of these words and this state."""
    held = st.session_state.get("kept pages")
    if held is None or held[0] != about:
        held = st.session_state["kept pages"] = (about, [None])
    return held[1]


def turn(tokens: list[str | None], following: str | None, count: int):
    """To the runs before and after."""
    first = PAGE * (len(tokens) - 1) + 1
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{first:,} to {first + count - 1:,}, the newest first.")
        st.button("Newer", on_click=tokens.pop, disabled=len(tokens) == 1, type="tertiary")
        st.button("Older", on_click=tokens.append, args=(following,), disabled=not following, type="tertiary")


def table(runs: Sequence[KeptRun]) -> pd.DataFrame:
    """A row a run: when, what, and what came of it."""
    rows = []
    for run in runs:
        value = [run.metrics[name] for name in ("baseline", "cut", "repaired", "tuned", "quantized")
                 if name in run.metrics]  # fmt: skip
        whole, left = run.metrics.get("macs_baseline"), run.metrics.get("macs_final")
        told: dict[str, Any] = {
            "Kept": run.kept_at,
            "Network": display_names.network(run.params.get("model", "")),
            "Data": display_names.data(run.params.get("data", "")),
        }
        told |= {name.capitalize(): field(run, name) for name in FIELDS}
        told |= {
            "Seed": run.params.get("seed", ""),
            "State": run.status if run.kind == "recipe" else f"{run.status}, control",
            "Full network (%)": in_percent(value[0]) if value else None,
            "In the end (%)": in_percent(value[-1]) if value else None,
            "MACs left (%)": round(100 * left / whole, 1) if whole and left else None,
            "Seconds": None if run.seconds != run.seconds else round(run.seconds, 1),
            "Note": run.tags.get(run_list.NOTE, "") or run.reason,
        }
        rows.append(told)
    return pd.DataFrame(rows)


def in_percent(value: float) -> float:
    """As the columns have it."""
    return round(100 * value, 2)


def field(run: KeptRun, name: str) -> str:
    text = run.params.get(name, "0" if name == "epochs" else "")
    try:
        return (
            factor_in_words(name, float(text) if name in ("cut", "epochs") else text)
            if text not in ("", "0")
            else ""
        )
    except ValueError:
        return text


def actions(store: RunStore, chosen: Sequence[KeptRun]):
    if not chosen:
        st.caption("Tick runs to open, compare, note or delete them.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(chosen) == 1:
            for name, page in open_run.PAGES.items():
                how = {"on_click": open_run.open_kept, "args": (store, chosen[0], page)}
                st.button(f"Open on {name}", key=f"open kept on {name}", **how)
        st.button("Add to comparison", on_click=add, args=(store, chosen), icon=":material/balance:")
        st.button(f"Delete ({len(chosen)})", on_click=delete, args=(store, chosen), icon=":material/delete:",
                  help="Takes them out of every list; it can be undone.")  # fmt: skip
    if len(chosen) == 1:
        run = chosen[0]
        beside.note(store, run)
        if run.reason:
            st.caption(f"{run.status.capitalize()}: {run.reason}")


def add(store: RunStore, chosen: Sequence[KeptRun]):
    """A click's callback."""
    recipes = [run_list.recipe_of(store, run) for run in chosen]
    for recipe in filter(None, recipes):
        if recipe not in added_recipes.recipes():
            if len(added_recipes.recipes()) >= added_recipes.MOST:
                state.refuse(f"A comparison takes {added_recipes.MOST} recipes that are added one by one")
                return
            added_recipes.add(recipe)


def delete(store: RunStore, chosen: Sequence[KeptRun]):
    """A click's callback. Of others' runs only their owners get rid."""
    foreign = [run for run in chosen if not beside.own(run)]
    if any(run.status == "running" for run in chosen):
        state.refuse("A run that is at work can't be deleted; cancel it first")
        return
    if foreign:
        state.refuse(f"{plural(len(foreign), 'run')} of these {FOREIGN}")
        return
    ids = [run.id for run in chosen]
    run_list.delete(store, ids)
    st.session_state["deleted runs"] = ids
    st.session_state["deleted times"] = st.session_state.get("deleted times", 0) + 1


def undo(store: RunStore):
    """The way back for what was deleted last."""
    ids = st.session_state.get("deleted runs")
    if ids:
        left, right = st.columns([5, 1], vertical_alignment="center")
        left.success(f"{plural(len(ids), 'run')} deleted.")
        right.button("Undo", on_click=bring_back, args=(store, ids), width="stretch")


def bring_back(store: RunStore, ids: list[str]):
    """A click's callback."""
    run_list.restore(store, ids)
    st.session_state.pop("deleted runs", None)
    st.session_state["deleted times"] += 1
