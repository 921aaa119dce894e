"""How long the network takes: an estimate while one drags, from times of its layers that are measured once;
and what was measured of a finished run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from pruning.allocation import CLOSING
from pruning.channels.structure import Structure
from pruning.cost import Plan
from pruning.experiment import Recipe
from pruning.experiment.latency_tables import named_table, table_now, table_reference
from pruning.experiment.runtime_times import WIDTHS, no_faster, not_timed, runtime_table
from pruning.figures.latency import layer_times, layer_times_in_words, width_times, width_times_in_words
from pruning.inspection.prediction_changes import RunReport
from pruning.latency import FILE, Form, LatencyTable
from pruning.runtimes import installed
from pruning.terms import RUNTIMES, percent
from pruning.ui import charts, measurement, preview_cache, state, uploads

HELP = (
    "Times every layer alone at some widths on this server, which takes some seconds. From then on the time "
    "of every cut is estimated as you drag, and a cut can be a share of the time."
)
GONE = (
    "The times that this link was planned on are not here any more. They were measured anew, so its widths "
    "may differ."
)
FOR_TIME = (
    "The pruning ratio becomes a share of this time, whole blocks may go, and the allocation weighs what the "
    "repair can't restore against the time that is saved (Reconstruction error, unless it is one that "
    "does so already). Back in the browser takes it back."
)
ANEW = "times measured anew"  # in this session, and how often


def ask_table(recipe: Recipe, **how) -> preview_cache.Answer:
    """The LatencyTable of the recipe's network, measured once a server; does not wait."""
    uploads.store()  # where the table is kept for the workers
    names = (*preview_cache.NETWORK, "threads", "runtime")
    key = f"{preview_cache.digest(recipe, names)} {st.session_state.get(ANEW, 0)}"
    more = {"key": key, "title": f"Times of layers in {RUNTIMES[recipe.runtime]}"}
    return preview_cache.ask(table_now, recipe, **(more | how))


def known(recipe: Recipe, structure: Structure) -> LatencyTable | None:
    """The table that the recipe names, if it is here and of this network."""
    try:
        table = named_table(recipe)
    except ValueError:
        return None
    return table if table is not None and table.fits(structure) else None


def with_times(recipe: Recipe, structure: Structure, **how) -> preview_cache.Answer:
    """The recipe; one whose cut is a share of the time names the table that it is planned on. Does not
    wait."""
    if recipe.measure != "latency" or known(recipe, structure):
        return preview_cache.Answer(recipe)
    answer = ask_table(recipe, **how)
    if answer.value is None:
        return answer
    if recipe.latency is not None:
        st.session_state["times gone"] = answer.value.digest
    return preview_cache.Answer(replace(recipe, latency=table_reference(answer.value)))


def estimate(recipe: Recipe, plan: Plan):
    """About how long a batch will take, or the button that measures what the estimate is made of."""
    structure, timed = plan.structure, in_chosen_runtime(recipe)
    table = known(recipe, structure) or ask_table(timed, start=False).value
    if table is None:
        measurement.on_request(
            f"Estimate the time in {RUNTIMES[timed.runtime]}",
            lambda **how: ask_table(timed, **how),
            lambda value: None,
            help=HELP,
            queue="preview",  # nothing asked here is computed meanwhile, which would disturb the times
        )
        return
    form = table.form(structure)
    whole = form([group.size for group in structure.groups])
    now = form([plan.widths[group.name] for group in structure.groups])
    st.markdown(
        f"About **{now:.3g} ms** per batch of {table.batch} images in {RUNTIMES[table.runtime]}, estimated; "
        f"the full network takes {whole:.3g} ms ({percent(now / whole - 1, 0, signed=True)}).",
        help=f"From measured times of every layer alone at some widths, on {table.machine.in_words()}. A run "
        "measures the pruned network itself.",
    )
    if now >= whole and recipe.cut:
        st.warning(f"No faster than the full network in {RUNTIMES[table.runtime]}, as estimated. {WIDTHS}")
    if recipe.measure == "latency":
        if st.session_state.get("times gone") == table.digest:
            st.info(GONE)
        charts.button("The measured times", table.to_json, FILE, "application/json")
    else:
        name = RUNTIMES[table.runtime]
        st.button(f"Cut for time in {name}", on_click=cut_for_time, args=(table.runtime,), help=FOR_TIME)
    with st.expander("Time against width", key="time against width folded"):
        stairs(form, plan, table.batch)


def cut_for_time(runtime: str):
    """A click's callback: what is planned from now on is to be fast there, not only small."""
    recipe = state.recipe_now()
    allocation = recipe.allocation if recipe.allocation in CLOSING else "error"
    blocks = not recipe.search_every  # a closed block has nothing to score again
    state.edit(measure="latency", runtime=runtime, latency=None, allocation=allocation, blocks=blocks)


def in_chosen_runtime(recipe: Recipe) -> Recipe:
    """The recipe, asking for times in the runtime that is chosen here: its own, where its cut is of time."""
    names = installed()
    if recipe.measure == "latency":
        shown = names if recipe.runtime in names else [*names, recipe.runtime]
        bound = state.bound("runtime", by="default")
        st.segmented_control("Runtime", shown, format_func=RUNTIMES.get, required=True, **bound)
        return recipe
    chosen = state.looking_at("estimated")
    chosen = chosen if chosen in names else "torch"  # nothing chosen, or a link from where more is installed
    bound = state.bound_look("estimated", chosen, none="torch", by="default")
    st.segmented_control("Runtime", names, format_func=RUNTIMES.get, required=True, **bound)
    return recipe.but(measure="latency", runtime=chosen)


def stairs(form: Form, plan: Plan, batch: int):
    """Time against the width of one group that is chosen, all others as planned."""
    names = plan.structure.names
    first = next((k for k, group in enumerate(plan.structure.groups) if group.inner), 0)  # one that is cut
    name = st.selectbox("Channel group", names, index=first, key="stairs of")
    kept = [plan.widths[group] for group in names]
    number = names.index(name)
    if not kept[number]:
        st.caption(f"{name} is closed with its block, so it takes no time.")
        return
    ms = form.against_width(kept, number)
    charts.chart(
        width_times(ms, kept[number], batch),
        width_times_in_words(ms, kept[number], name),
        key="time-by-width",
        alt=f"Milliseconds of a batch against the channels that {name} keeps",
        table=pd.DataFrame({"channels": range(1, len(ms) + 1), "ms": ms}),
    )


def offer_again(recipe: Recipe):
    """Where a target is out of reach of the times: the server may have been busy when they were measured."""
    if recipe.measure == "latency":
        st.button("Measure the times again", on_click=anew, help=HELP)


def anew():
    """A click's callback: the next question for the times is another one."""
    st.session_state[ANEW] = st.session_state.get(ANEW, 0) + 1
    state.edit(latency=None)


def panel(found: RunReport):
    """Measured before and after: where the time goes."""
    told = found.report["latency_ms"]
    layers = pd.DataFrame(told["layers"])
    st.subheader("Time by layer", anchor=False)
    charts.chart(
        layer_times(layers, told["batch"]),
        layer_times_in_words(layers, (told["baseline"], told["final"])),
        key="layer-times",
        alt="Milliseconds of every layer before and after",
        table=layers,
    )
    runtimes(told.get("runtimes", []))


def runtimes(rows: Sequence[Mapping[str, Any]]):
    """Both networks' times in every runtime, side by side."""
    if not rows:
        return
    st.subheader("Time in every runtime", anchor=False)
    st.dataframe(runtime_table(rows), hide_index=True)
    for sentence in [*no_faster(rows), *not_timed(rows)]:
        st.caption(sentence)


def spread_in_words(told: dict) -> str:
    """How the runs scatter, and what one image alone takes."""
    low, high = told["spread"]["final"]
    first, last = told["spread"]["baseline"]
    single = told["batch_1"]
    least, most = single["spread"]["final"]
    return (
        f"Eight of ten runs took {low:.1f} to {high:.1f} ms (the full network {first:.1f} to {last:.1f} ms). "
        f"One image alone takes {single['final']:.1f} ms ({least:.1f} to {most:.1f}), "
        f"{single['baseline']:.1f} ms before."
    )
