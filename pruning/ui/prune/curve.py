"""The task's metric against the share that is cut, filled in while one looks: what the slider reads from, and
a way to the largest cut that costs next to nothing."""

import streamlit as st

from pruning.allocation import MEASURE_NAMES
from pruning.experiment import Recipe
from pruning.figures.cut_curve import BAND, IMAGES, NAMES, cut_curve, cut_curve_in_words, live_rows
from pruning.figures.method_style import CUT, KEPT, QUIET
from pruning.inspection.tradeoff import largest_within
from pruning.metric_words import axis
from pruning.tasks import Metric
from pruning.terms import REPAIRS, percent, plural, sentence
from pruning.ui import charts, open_pages, preview_cache, state
from pruning.ui.prune import accuracy_questions

HEIGHT = 360  # pixels, of the chart that grows and of the one that takes its place
ALT = "Hold-out {} at each pruning ratio"


def panel(recipe: Recipe, ask: bool = True):
    """The curve; native while it grows, so that it does not flicker, then one that can be taken away.

    ask: False while the page waits for a plan, which new counts would end."""
    name = preview_cache.task_of(recipe).metric.name
    st.subheader(f"{sentence(name)} at each pruning ratio", anchor=False)
    found = accuracy_questions.look(recipe, ask)
    grows = found.repaired < len(found.wanted)
    st.fragment(follow, run_every=open_pages.every(1.5) if grows and ask else None)(recipe, grows, ask)


def follow(recipe: Recipe, grew: bool, ask: bool):
    found = accuracy_questions.look(recipe, ask)
    if (grew and found.repaired == len(found.wanted)) or state.moved_on():
        st.rerun()
    points, task = found.curve(), preview_cache.task_of(recipe)
    metric, measure = task.metric, MEASURE_NAMES[recipe.measure]
    largest = largest_within(points) if metric.unit == "share" else None
    words, alt = cut_curve_in_words(points, largest, metric), ALT.format(metric.name)
    if grew:
        rows = live_rows(points, recipe.cut, largest, metric)
        st.vega_lite_chart(rows, spec(measure, metric), height=HEIGHT, key="live curve", alt=alt)
        st.caption(words)
        progress(found)
    else:
        drawn = cut_curve(points, measure, recipe.cut, largest, task=task)
        charts.chart(drawn, words, key="cut-curve", alt=alt, table=points)
    offer(recipe, largest)


def progress(found: accuracy_questions.Counted):
    """How many cuts are repaired, and what is being done."""
    done, wanted = found.repaired, len(found.wanted)
    text = f"{plural(len(found.points), 'cut')} measured, {done} of {wanted} repaired"
    if found.pending is not None and found.pending.job is not None:
        text += f". {preview_cache.progress(found.pending.job)[1]}"
    st.progress(done / max(1, wanted), text)


def offer(recipe: Recipe, largest: float | None):
    """A button that sets the slider."""
    if not largest:
        return
    words = f"Largest cut within 1 point: {percent(largest, 0)}"
    text = (
        "Sets the slider to the largest cut at which the repaired network is at most one percentage point "
        f"below the full one on these images, after {REPAIRS[accuracy_questions.quick(recipe)].title}; read "
        "from the curve."
    )
    if st.button(words, help=text, disabled=abs(largest - recipe.cut) < 0.005):
        state.edit(cut=largest)
        st.rerun()


def spec(measure: str, metric: Metric) -> dict:
    """The native chart of `live_rows`: all of what it shows is in its data, so it grows in place."""
    x = {"field": "cut", "type": "quantitative", "title": f"{measure} cut (%)", "scale": {"domain": [0, 95]}}
    ends = {"scale": {"domain": [0, 100]}} if metric.unit == "share" else {}
    y = {"field": "value", "type": "quantitative", "title": axis(metric, IMAGES), **ends}
    names = {"field": "what", "type": "nominal"}
    words = NAMES | {"expected": "expected after repair", "full": "full network"}
    shown = {"orient": "top", "title": None, "labelExpr": f"{words}[datum.label]", "labelLimit": 200}
    shown["columns"] = charts.legend_columns(125)
    scale = {"domain": [*words], "range": [CUT, KEPT, BAND, QUIET]}
    colours = names | {"scale": scale, "legend": shown}
    band = {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}, "color": colours}
    layers = [
        layer("expected", {"type": "area"}, band),
        layer("full", {"type": "rule", "strokeDash": [2, 3]}, {"y": y, "color": colours}),
        layer("slider", {"type": "rule", "color": QUIET, "strokeWidth": 1.5}, {"x": x}),
        layer("largest", {"type": "rule", "color": KEPT, "strokeDash": [6, 4]}, {"x": x}),
    ]
    dashes = names | {"scale": {"domain": [*NAMES], "range": [[2, 3], [1, 0]]}, "legend": None}
    told = [x | {"format": ".0f"}, y | {"format": ".1f"}]
    line = {"x": x, "y": y, "color": colours, "strokeDash": dashes, "tooltip": told}
    mark = {"type": "line", "point": {"size": 70}}
    return {"layer": [*layers, layer(tuple(NAMES), mark, line)]}


def layer(what: str | tuple[str, ...], mark: dict, encoding: dict) -> dict:
    """One kind of mark, of those rows alone that are of it."""
    kinds = [what] if isinstance(what, str) else list(what)
    return {"transform": [{"filter": {"field": "what", "oneOf": kinds}}], "mark": mark, "encoding": encoding}
