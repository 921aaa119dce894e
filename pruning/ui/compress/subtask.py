"""A network for a few classes: channels chosen for them against channels chosen otherwise."""

from functools import partial

import streamlit as st

from pruning.allocation import MEASURE_NAMES
from pruning.experiment import Recipe
from pruning.figures import bit_allocation as figures
from pruning.inspection import Description
from pruning.inspection.compress_preview import SubtaskNow
from pruning.ui import charts, display_names, preview_cache, start, state
from pruning.ui.compress import worker_questions


def section(recipe: Recipe):
    """The comparison, or how to get there where no classes are chosen."""
    if state.lesson():
        return
    st.subheader("Only a few classes", anchor=False)
    if told := start.NO_SUBTASK.get(preview_cache.task_of(recipe).drawn_as):
        st.caption(told)
        return
    if recipe.subtask:
        asked = f"classes {', '.join(map(str, recipe.subtask))}"
        share = f"{display_names.percent(recipe.cut)} of the {MEASURE_NAMES[recipe.measure]}"
        st.markdown(
            f"The network has to tell apart {asked} only. Every way below cuts {share}, the same share of "
            "every group, and re-estimates the norms on these classes' images; they differ in how the "
            "channels are chosen."
        )
        deeper(recipe)
        preview_cache.follow(partial(worker_questions.subtask, recipe), draw)
    else:
        st.info(
            "No classes are chosen. Choose two or more, and see whether channels chosen "
            "for these classes serve them better than channels chosen for all.",
            icon=":material/category:",
        )
    label = "Choose other classes" if recipe.subtask else "Choose classes"
    with st.expander(label, expanded=not recipe.subtask, key="classes folded"):
        preview_cache.follow(partial(worker_questions.classes, recipe), partial(choose, recipe))


def choose(recipe: Recipe, whole: Description):
    start.choose_classes(recipe, whole.classes)


def deeper(recipe: Recipe):
    """Offers the cut at which the ways differ."""
    if (recipe.cut, recipe.measure) != (0.7, "channels"):
        st.button(
            "Cut 70 % of the channels",
            help="At a low pruning ratio all criteria do equally well; at this one they differ.",
            on_click=state.edit,
            kwargs={"cut": 0.7, "measure": "channels"},
        )


def draw(now: SubtaskNow):
    charts.chart(
        figures.controls(now.rows, now.full),
        in_words(now),
        key="controls",
        alt="Hold-out accuracy on these classes, by criterion",
        table=now.rows,
    )


def in_words(now: SubtaskNow) -> str:
    """Who leads whom, with intervals, and how far that can be trusted."""
    called = {way: name.removeprefix("CATRO, ") for way, name in figures.CONTROLS.items()}
    called |= {"all classes": "CATRO chosen for all classes", "shuffled": "CATRO with shuffled labels"}
    words = [lead.in_words("CATRO", called[way]) for way, lead in now.leads.items()]
    words.sort(key=lambda sentence: "no difference" in sentence)
    words.append(f"The same {now.images:,} hold-out images for all, before any training.")
    if now.learned:
        words.append("The network may have learned these images: expect less on new ones.")
    return " ".join(words)
