"""One article of the Learn page: chosen, read, its figure in the middle, and the way into the app."""

import streamlit as st

from pruning.ui import page, state
from pruning.ui.learn import toy
from pruning.ui.learn.articles import TITLES, article

OPENS = {  # {article: (page, what the button says, what the link sets besides)}
    "channel": ("Start", "Cut channels of a trained network", {}),
    "cpot": ("Channels", "CPOT on a trained network", {"criterion": "cpot", "distribution": "maps"}),
    "catro": ("Channels", "CATRO on a trained network", {"criterion": "catro"}),
    "di": ("Channels", "DI on a trained network", {"criterion": "di"}),
    "gdp": ("Gates", "Train gates", {"criterion": "gdp", "data": "digits"}),
    "repair": ("Start", "Repair a trained network", {"repaired": "1"}),
}


def chosen() -> str:
    """The article that the link names, at first the one on channels."""
    return state.looking_at("article") or "channel"


def choose():
    """A choice among all articles."""
    st.segmented_control(
        "Article",
        list(TITLES),
        format_func=TITLES.__getitem__,
        required=True,
        wrap=True,
        label_visibility="collapsed",
        help="An article a method.",
        **state.bound_look("article", chosen(), none="channel", by="default"),
    )


def read():
    """The chosen article with its figure."""
    name = chosen()
    told = article(name)
    st.header(told.title, anchor=False)
    st.markdown(told.before)
    with st.container(border=True):
        toy.draw(name)
    st.markdown(told.after)
    where, label, query = OPENS[name]
    st.page_link(page.places()[where], label=f"See it at work: {label}", query_params=query, icon="➡️")
