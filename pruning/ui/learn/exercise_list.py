"""The exercises as they stand on the Learn page: question, link, and the answer to unfold."""

from functools import partial

import streamlit as st

from pruning.ui import lesson, measurement, page
from pruning.ui.learn import answers
from pruning.ui.learn.exercises import EXERCISES, Exercise


def panel():
    """All exercises, one below another."""
    st.header("Exercises", anchor=False)
    st.markdown(
        "Each opens the app in a set state and asks one question. Think first; the answer is computed from "
        "what came "
        "with the project, or measured here and now."
    )
    for number, (name, exercise) in enumerate(EXERCISES.items(), 1):
        with st.container(border=True, key=f"exercise {name}"):
            st.markdown(f"**{number}. {exercise.title}**\n\n{exercise.question}")
            st.page_link(
                page.places()[exercise.page],
                label=f"Open it on {exercise.page}",
                query_params=exercise.query | lesson.keys() | {"article": "exercises"},  # the way back
                icon=":material/open_in_new:",
            )
            answer(name, exercise)


def answer(name: str, exercise: Exercise):
    """Folded; computed once it is unfolded."""
    folded = st.expander("Answer", key=f"answer {name}", on_change="rerun")
    if not folded.open:
        return
    with folded:
        if not exercise.measured:
            st.markdown(answers.AT_ONCE[name]())
            return
        question, in_words = answers.MEASURED[name]
        measurement.on_request(
            f"Measure it: {exercise.title}",
            partial(question, exercise.recipe),
            lambda value: st.markdown(in_words(value)),
            help="Measured by a worker of this server: up to a minute.",
        )
