"""A comparison at work: how far it is, its points as they come, a way to end it and a way to go on."""

from collections import Counter

import streamlit as st

from pruning.experiment.duration import LEFT, about
from pruning.figures.comparison import factor_in_words, labelled, scale_of
from pruning.figures.method_style import colour
from pruning.jobs import Job
from pruning.runs.comparison_points import metric_of, points, varying
from pruning.runs.kept_comparisons import KeptComparison
from pruning.terms import plural
from pruning.ui import charts, jobs, open_pages, preview_cache
from pruning.ui.compare import new_comparison, shown_comparison
from pruning.ui.page_messages import in_page_words

EVERY = 1.0  # seconds between two looks
HEIGHT = 320


def status(shown: KeptComparison):
    """A line for one that is whole; progress for one at work; a way on for one that was cut off."""
    if shown.bundled:
        return
    job = shown_comparison.job_of(shown)
    if job is not None and not job.finished:
        st.fragment(live, run_every=open_pages.every(EVERY))(shown, job)
        return
    if job is not None and job.status in ("failed", "lost"):
        st.error(in_page_words(job.error))
    if not shown.whole:
        there, wanted = counted(shown)
        words = (
            f"{there:,} of {plural(wanted, 'run')} have ended and are kept" if there else "no run has ended"
        )
        st.warning(f"This comparison was stopped before its end: {words}.")
        st.button("Go on", type="primary", on_click=new_comparison.go_on, args=(shown,))


def counted(shown: KeptComparison) -> tuple[int, int]:
    """Rows of its recipes that are there, and that are wanted."""
    table = shown_comparison.rows_of(shown)
    there = 0 if table is None else int((table["control"] == "").sum())
    return there, shown.asked.size


def live(shown: KeptComparison, job: Job):
    """Drawn again every second; then one run of the whole page."""
    if job.finished:
        st.rerun()
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    left.progress(*progress(job))
    if jobs.mine(job):
        text = "What has ended stays; the rest can be run later."
        right.button(
            "Cancel", on_click=jobs.cancel, args=(job,), key=f"cancel {job.id}", help=text, width="stretch"
        )
    table = shown_comparison.rows_of(shown)
    if table is None or table.empty:
        st.caption("Points appear here as runs end.")
        return
    st.caption(so_far(table))
    moving(table)


def progress(job: Job) -> tuple[float, str]:
    """How far it is, 0 to 1, and what it does, in words."""
    if not job.events:
        return preview_cache.progress(job)
    event = job.events[-1]
    words = f"{event.done:,} of {event.total:,} runs"
    if LEFT in event.values:
        words += f", about {about(event.values[LEFT])} left"
    return min(1.0, event.done / max(1, event.total)), words


def so_far(table) -> str:
    counts = Counter(table["status"])
    return ", ".join(f"{count:,} {status}" for status, count in counts.items()) + "."


def moving(table):
    """Accuracy against MACs as a native chart, which stays in place as points come."""
    found = points(table)
    if found.empty:
        return
    factors = varying(table) or ["criterion"]
    metric = metric_of(table)
    size = scale_of(metric)
    drawn = labelled(found, factors).assign(
        criterion=[factor_in_words("criterion", one) for one in found["criterion"]],
        accuracy=size * found["accuracy"],
        macs=found["cost"] / 1e6,
    )[["label", "criterion", "accuracy", "macs", "seeds"]]
    colours = {
        factor_in_words("criterion", one): colour(one.partition(":")[0])
        for one in dict.fromkeys(found["criterion"])
    }
    name = f"{metric.name} (%)" if size == 100 else metric.name
    legend = {"orient": "top", "columns": charts.legend_columns(150)}
    spec = {
        "mark": {"type": "point", "filled": True, "size": 80},
        "encoding": {
            "x": along("macs", "MACs (millions)"),
            "y": along("accuracy", name),
            "color": {"field": "criterion", "type": "nominal", "title": None, "legend": legend}
            | {"scale": {"domain": list(colours), "range": list(colours.values())}},
            "tooltip": [{"field": one} for one in ("label", "accuracy", "macs", "seeds")],
        },
    }
    st.vega_lite_chart(drawn, spec, height=HEIGHT, key="comparison as it comes", alt="Points so far")


def along(field: str, title: str) -> dict:
    """An axis. Of a first point alone its one tick is the value, which has more digits than anybody reads."""
    scale, ticks = {"zero": False}, {"format": ".4~r"}
    return {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": ticks}
