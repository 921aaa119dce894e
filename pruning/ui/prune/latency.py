"""How long the network takes: an estimate while one drags, from times of its layers that are measured once;
and what was measured of a finished run."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from pruning.channels.structure import Structure
from pruning.cost import Plan
from pruning.experiment import Recipe
from pruning.experiment.latency_tables import named_table, table_now, table_reference
from pruning.figures.latency import layer_times, layer_times_in_words
from pruning.inspection.prediction_changes import RunReport
from pruning.latency import FILE, LatencyTable
from pruning.terms import percent
from pruning.ui import charts, measurement, preview_cache, state, uploads

HELP = (
    "Times every layer alone at some widths on this server, which takes some seconds. From then on the time "
    "of every cut is estimated as you drag, and a cut can be a share of the time."
)
GONE = (
    "The times that this link was planned on are not here any more. They were measured anew, so its widths "
    "may differ."
)
ANEW = "times measured anew"  # in this session, and how often


def ask_table(recipe: Recipe, **how) -> preview_cache.Answer:
    """The LatencyTable of the recipe's network, measured once a server; does not wait."""
    uploads.store()  # where the table is kept for the workers
    key = (
        f"{preview_cache.digest(recipe, (*preview_cache.NETWORK, 'threads'))} {st.session_state.get(ANEW, 0)}"
    )
    more = {"key": key, "title": "Times of layers"}
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
    structure = plan.structure
    table = known(recipe, structure) or ask_table(recipe, start=False).value
    if table is None:
        measurement.on_request(
            "Estimate the time",
            lambda **how: ask_table(recipe, **how),
            lambda value: None,
            help=HELP,
            queue="preview",  # nothing asked here is computed meanwhile, which would disturb the times
        )
        return
    form = table.form(structure)
    whole = form([group.size for group in structure.groups])
    now = form([plan.widths[group.name] for group in structure.groups])
    st.markdown(
        f"About **{now:.3g} ms** per batch of {table.batch} images, estimated; the full network takes "
        f"{whole:.3g} ms ({percent(now / whole - 1, 0, signed=True)}).",
        help=f"From measured times of every layer alone at some widths, on {table.machine.in_words()}. A run "
        "measures the pruned network itself.",
    )
    if recipe.measure == "latency":
        if st.session_state.get("times gone") == table.digest:
            st.info(GONE)
        charts.button("The measured times", table.to_json, FILE, "application/json")


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
