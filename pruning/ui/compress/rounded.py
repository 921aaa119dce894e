"""What few bits leave, before any training: sizes, the task's metric, and which channel has how many bits."""

from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from pruning.experiment import Recipe
from pruning.figures import bit_allocation as figures
from pruning.inspection.compress_preview import RoundedNow
from pruning.metric_words import change, correct
from pruning.tasks import Difference
from pruning.terms import percent, sentence
from pruning.ui import charts, open_pages, preview_cache, test_accuracy
from pruning.ui.compress import worker_questions
from pruning.ui.prune.accuracy import BEFORE
from pruning.ui.prune.cut_preview import STALE

COLUMNS = ["way", "mean_bits", "bytes", "value", "images", "chosen"]


def numbers(recipe: Recipe):
    """Size and metric at the recipe's mean, as soon as they are measured; until then the last ones,
    greyed."""
    st.html(STALE)
    found = known(recipe)
    if not found or not found.current:
        preview_cache.follow(partial(worker_questions.bits, recipe), draw=lambda now: None)
    if found:
        with st.container(key="numbers" if found.current else "stale numbers"):
            if not found.current:
                st.caption(BEFORE)
            metrics(found.recipe, found.now)


@dataclass(frozen=True, eq=False)
class Known:
    """What has been counted, of which recipe, and whether that is the page's own: else it is what the same
    network left last."""

    recipe: Recipe
    now: RoundedNow
    current: bool


def known(recipe: Recipe) -> Known | None:
    answer = worker_questions.bits(recipe)
    if answer.value is not None:
        st.session_state["last rounded"] = (recipe, answer.value)
        return Known(recipe, answer.value, True)
    last = st.session_state.get("last rounded")
    return (
        Known(last[0], last[1], False)
        if last and not answer.error and preview_cache.same_network(last[0], recipe)
        else None
    )


def metrics(recipe: Recipe, now: RoundedNow):
    way = now.ways[recipe.bits_by]
    columns = [*st.columns(2), *st.columns(2)]
    off = {"delta_color": "off", "delta_arrow": "off", "border": True}
    cut = "Cut" if recipe.repair == "none" else "Cut and repaired"
    columns[0].metric(
        "Size",
        kilobytes(way.bytes),
        f"{percent(way.bytes / now.bytes_full - 1, signed=True)} of {kilobytes(now.bytes_full)}",
        help=f"Weights packed, each channel's width and range, and all else in float32: {way.bytes:,} bytes; "
        f"the full network has {now.bytes_full:,}, the pruned one {now.bytes_cut:,}. Activations stay "
        "float32.",
        **off,
    )
    task = now.of_task
    for column, label, value, text in (
        (columns[1], "Full network", now.full, "The full network on the same images."),
        (columns[2], cut, now.cut, "Cut and repaired as the recipe says, in float32."),
        (columns[3], "In few bits", way.value, "The pruned network with quantized weights."),
    ):
        right = correct(task, value, now.images)
        of = f"{right} of {now.images} right" if right is not None else ""
        told = (of or task.metric.name) if label == "Full network" else change(task.metric, value - now.full)
        column.metric(
            label, task.metric.in_words(value), told, help=f"{text} {of and of + '.'}".strip(), **off
        )
    name = f"Hold-out {task.metric.name}" + ": right answers" * task.counts_right
    st.caption(f"{name} on the same {now.images} hold-out images, before any training.")
    test_accuracy.memorised(now.learned)


def kilobytes(count: int) -> str:
    return f"{count / 1e3:,.0f} kB" if count >= 10_000 else f"{count / 1e3:,.1f} kB"


def channels(recipe: Recipe):
    """Which channel has how many bits, as a map and layer by layer."""
    if found := known(recipe):
        with st.container(key="bits of channels" if found.current else "stale bits"):
            draw_channels(found.recipe, found.now)
    else:
        st.caption("The map appears as soon as the weights are quantized.")


def draw_channels(recipe: Recipe, now: RoundedNow):
    table = now.ways[recipe.bits_by].channels
    charts.chart(
        figures.bits_map(table),
        figures.bits_in_words(table, recipe.bits_by),
        key="bits",
        alt="Bits of every channel, one row per layer",
        table=table,
    )
    with st.expander("Layer by layer", key="bits by layer folded"):
        charts.chart(
            figures.bits_histogram(table),
            figures.histogram_in_words(table),
            key="bits by layer",
            alt="Channels of each layer by their bits",
        )


# ------------------------------------------------------------------------------------- size against accuracy


def curve(recipe: Recipe):
    """Size against the metric for the three ways, filled in as the worker measures, and who leads whom."""
    if not known(recipe):
        st.caption("The curve appears after the map.")
        return
    pending = any(question().pending for question in questions(recipe))
    st.fragment(look_at_curve, run_every=open_pages.every(1.5) if pending else None)(recipe, pending)


def questions(recipe: Recipe) -> list[partial]:
    return [*worker_questions.curve(recipe), partial(worker_questions.compared, recipe)]


def look_at_curve(recipe: Recipe, was_pending: bool):
    *answers, leads = [question() for question in questions(recipe)]
    waiting = sum(answer.pending for answer in answers)
    if was_pending and not waiting and not leads.pending:
        st.rerun()
    points = point_table([answer.value for answer in answers if answer.value is not None], recipe.bits)
    task = preview_cache.task_of(recipe)
    words = figures.sizes_in_words(points, task) + (f" Measuring {waiting} more…" if waiting else "")
    charts.chart(
        figures.sizes(points, task),
        words,
        key="sizes",
        alt=f"Hold-out {task.metric.name} against the size of the weights",
        table=points,
    )
    st.markdown(lead_in_words(leads.value) if leads.value else "Comparing the ways…")


def point_table(known: list[RoundedNow], bits: float) -> pd.DataFrame:
    """The rows that `figures.bit_allocation.sizes` draws. known: what has been counted; means out of reach
    are not in it."""
    rows = []
    for now in known:
        for by, way in now.ways.items():
            rows.append((by, way.mean_bits, way.bytes, way.value, now.images, now.bits == bits))
    for now in known[:1]:
        for name, size, value in (("full", now.bytes_full, now.full), ("cut", now.bytes_cut, now.cut)):
            rows.append((name, 32.0, size, value, now.images, False))
    return pd.DataFrame(rows, columns=COLUMNS)


def lead_in_words(leads: dict[str, Difference]) -> str:
    """Whether DI's allocation is any better here, with intervals."""
    ways = {"error": "rounding error alone", "uniform": "the same bits for all"}
    words = [lead.in_words("DI's allocation", ways[way]) for way, lead in leads.items()]
    return "Large marks compared: " + " ".join(map(sentence, words))
