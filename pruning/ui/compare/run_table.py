"""A comparison's runs as a table: only what differs, unless asked; filtered, pinned, noted, opened."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from pruning.figures.comparison import NAMES, factor_in_words, scale_of
from pruning.runs import run_list
from pruning.runs.comparison_points import FACTORS, at_stage, metric_of, of_choice, varying
from pruning.runs.kept_comparisons import KeptComparison
from pruning.runs.results_table import STAGES
from pruning.runs.store import RunStore
from pruning.terms import plural
from pruning.ui import charts, state
from pruning.ui.compare import beside, open_run, run_store
from pruning.ui.compare.ticked_rows import ticked

FAILED = ("status", "error")
COSTS = {"macs": "MACs left (%)", "parameters": "Parameters left (%)", "bytes": "Bytes left (%)"}
WORK = {"images": "Images", "labels": "Labels", "gradient_steps": "Gradient steps", "seconds": "Seconds"}
HEIGHT = 420


def panel(shown: KeptComparison, table: pd.DataFrame):
    st.subheader("Every run", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rows = filtered(table)
        everything = st.toggle("All columns", key="compare all columns", help="Else only what differs.")
    if shown.bundled:
        draw(shown, table, rows, everything, {}, None)
    else:
        run_store.follow(lambda store: draw(shown, table, rows, everything, run_list.notes(store), store))


# -------------------------------------------------------------------------------------------- what is shown


def filtered(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that the link asks for, by the levels of what differs."""
    factors, kept = varying(table), chosen(table)
    count = len(kept)
    label = "Filter" if not kept else f"Filter ({plural(count, 'choice')})"
    with st.popover(label, icon=":material/filter_list:", key="runs filter"):
        for name in factors:
            levels = list(dict.fromkeys(table[name]))
            shown = [level for level in levels if str(level) in kept.get(name, ())]
            how = tied(table, name, shown)
            st.multiselect(
                NAMES[name].capitalize(), levels, format_func=partial(factor_in_words, name), **how
            )
        if not factors:
            st.caption("All runs are of one recipe.")
    rows = table
    for name, levels in kept.items():
        rows = rows[rows[name].map(str).isin(levels)]
    return rows


def chosen(table: pd.DataFrame) -> dict[str, list[str]]:
    """{factor: levels as texts}, from the link; what is none here is left out."""
    found = {}
    for part in filter(None, (state.looking_at("only") or "").split(";")):
        name, _, levels = part.partition(":")
        if name in FACTORS:
            there = set(table[name].map(str))
            known = [level for level in levels.split("|") if level in there]
            found |= {name: known} if known else {}
    return found


def tied(table: pd.DataFrame, name: str, shown: list) -> dict[str, Any]:
    def changed(levels):
        kept = chosen(table)
        kept.pop(name, None)
        kept |= {name: [str(level) for level in levels]} if levels else {}
        told = ";".join(f"{factor}:{'|'.join(values)}" for factor, values in kept.items())
        state.look_at(only=told or None)

    return state.tied(f"widget only {name}", shown, changed, "default")


def columns(rows: pd.DataFrame, everything: bool, notes: dict[str, str]) -> pd.DataFrame:
    """As a reader has it: words and percent. The order of the rows is that of the table."""
    factors = list(FACTORS) if everything else varying(rows)
    told: dict[str, Any] = {
        NAMES[name].capitalize(): [factor_in_words(name, value) for value in rows[name]] for name in factors
    }
    if everything or rows["seed"].nunique() > 1:
        told["Seed"] = rows["seed"].to_numpy()
    size = scale_of(metric_of(rows))
    name = metric_of(rows).name.capitalize()
    for stage in STAGES:
        column = rows[f"accuracy_{stage}"]
        if column.notna().any() and (everything or stage != "baseline"):
            told[f"{name} {stage}" + (" (%)" if size == 100 else "")] = (size * column).round(2)
    for cost, label in COSTS.items():
        share = 100 * rows[f"{cost}_final"] / rows[f"{cost}_baseline"]
        if everything or (cost == "macs" and share.round(1).nunique() > 1):
            told[label] = share.round(1)
    if everything:
        told["Latency (ms)"] = rows["latency_final"].round(2)
        told |= {label: rows[column] for column, label in WORK.items()}
    if (rows["status"] != "finished").any():
        told |= {"Status": rows["status"], "Reason": rows["error"]}
    if not rows.empty and notes:
        told["Note"] = [notes.get(run, "") for run in rows["run"]]
    return pd.DataFrame(told, index=rows.index)


def against_pinned(rows: pd.DataFrame, table: pd.DataFrame) -> pd.Series | None:
    """Each run's accuracy less that of the pinned choice, under the same seed where there is one; NaN where
    there is none. None where nothing is pinned."""
    pinned = table[table["run"] == state.looking_at("pinned")]
    if pinned.empty or not state.looking_at("pinned"):
        return None
    ends = at_stage(table)
    by_seed = ends[of_choice(ends, pinned.iloc[0])].drop_duplicates("seed").set_index("seed")["accuracy"]
    mine = ends["accuracy"].reindex(rows.index)
    return (scale_of(metric_of(table)) * (mine - rows["seed"].map(by_seed))).round(2)


# -------------------------------------------------------------------------------------------- what is drawn


def draw(
    shown: KeptComparison,
    whole: pd.DataFrame,
    rows: pd.DataFrame,
    everything: bool,
    notes: dict[str, str],
    store: RunStore | None,
):
    """rows: of the whole comparison those that the filter leaves."""
    table = columns(rows, everything, notes)
    difference = against_pinned(rows, whole)
    if difference is not None:
        table["Against the pinned"] = difference
    ids = [str(one) for one in zip(rows["digest"], rows["control"], rows["run"], strict=True)]
    places = ticked(table, ids, key=f"runs of {shown.id}", most=HEIGHT, alt="Every run of the comparison")
    st.caption(
        f"{plural(len(rows), 'row')}. Tick rows to open, pin or note a run, or to see several side by side; "
        "a click on a column's name sorts, and the magnifying glass searches."
    )
    charts.csv(rows, f"comparison-{shown.id}", "All columns as CSV")
    actions(shown, rows.iloc[places].to_dict("records"), notes, store)
    open_run.go()


def actions(shown: KeptComparison, rows: Sequence[dict], notes: dict[str, str], store: RunStore | None):
    """What can be done with the rows that are ticked."""
    if not rows:
        if state.looking_at("pinned"):
            unpin(type="tertiary")
    elif len(rows) == 1:
        one_run(shown, rows[0], notes, store)
    if store is not None:
        beside.panel(store, [row["run"] for row in rows if row["status"] == "finished"])
    elif len(rows) > 1:
        st.info(
            "These runs came with the project as figures alone; runs of your own stand side by side here."
        )


def one_run(shown: KeptComparison, row: dict, notes: dict[str, str], store: RunStore | None):
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name, page in open_run.PAGES.items():
            how = {"on_click": open_run.open_row, "args": (shown, row, page), "key": f"open row on {name}"}
            st.button(f"Open on {name}", **how)
        if row["run"] and row["run"] == state.looking_at("pinned"):
            unpin()
        elif row["status"] == "finished":
            text = "The other runs are shown as differences from it, and charts have a line at its value."
            st.button("Pin as baseline", on_click=state.look_at, kwargs={"pinned": row["run"]}, help=text)
    if store is not None and row["run"]:
        run = run_list.get(store, row["run"])
        if run is not None:
            beside.note(store, run)


def unpin(**how):
    st.button("Unpin", on_click=state.look_at, kwargs={"pinned": None}, **how)
