"""What is read on the Learn page: an article, its figure in the middle, and the way into the app."""

import streamlit as st

from pruning.ui import lesson, page, state
from pruning.ui.learn import claims, exercise_list, glossary, toy
from pruning.ui.learn.articles import VIEWS, article

OPENS = {  # {article: (page, what the button says, what the link sets besides)}
    "channel": ("Start", "Cut channels of a trained network", {}),
    "cpot": ("Channels", "CPOT on a trained network", {"criterion": "cpot", "distribution": "maps"}),
    "catro": ("Channels", "CATRO on a trained network", {"criterion": "catro"}),
    "di": ("Channels", "DI on a trained network", {"criterion": "di"}),
    "gdp": ("Gates", "Train gates", {"criterion": "gdp", "data": "digits"}),
    "repair": ("Start", "Repair a trained network", {"repaired": "1"}),
}


def chosen() -> str:
    """What the link names, at first the article on channels."""
    return state.looking_at("article") or "channel"


def choose():
    """A choice among all articles, the claims, the exercises and the glossary."""
    st.segmented_control(
        "Article",
        list(VIEWS),
        format_func=VIEWS.__getitem__,
        required=True,
        wrap=True,
        label_visibility="collapsed",
        help="Six articles, the papers' claims, exercises, and a glossary.",
        **state.bound_look("article", chosen(), none="channel", by="default"),
    )


def read():
    """What was chosen."""
    name = chosen()
    other = {"claims": claims.panel, "exercises": exercise_list.panel, "glossary": glossary.panel}.get(name)
    if other:
        other()
    else:
        read_article(name)


def read_article(name: str):
    """An article with its figure."""
    told = article(name)
    st.header(told.title, anchor=False)
    st.markdown(told.before)
    with st.container(border=True):
        toy.draw(name)
    st.markdown(told.after)
    where, label, query = OPENS[name]
    query = query | lesson.keys() | {"article": name}  # the way back
    st.page_link(
        page.places()[where],
        label=f"See it at work: {label}",
        query_params=query,
        icon=":material/arrow_forward:",
    )
