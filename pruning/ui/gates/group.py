"""The gates of one group, on the Channels page, where the link's job has trained some."""

from dataclasses import replace

import streamlit as st

from pruning.figures import gates as figures
from pruning.gates.gate_trace import GateTrace
from pruning.ui import charts
from pruning.ui.gates import training_job


def panel(group: str | None):
    """How they went to both ends; nothing where the link names no such job."""
    job = training_job.shown()
    if job is None or group is None:
        return
    trace = training_job.trace(job)
    if trace.rows.empty or group not in trace.groups:
        return
    own = of(trace, group)
    st.markdown(f"##### GDP's gates of {group}")
    charts.chart(
        figures.polarization(own),
        figures.polarization_in_words(own),
        key="group-gates",
        alt=f"Histograms of the gates of {group} at the start, in the middle and at the end",
        table=figures.paths(own),
    )


def of(trace: GateTrace, group: str) -> GateTrace:
    """The part of a trace that is about one group."""
    size = trace.sizes[trace.groups.index(group)]
    return replace(trace, groups=(group,), sizes=(size,), scaled=trace.scaled[:, trace.of(group)])
