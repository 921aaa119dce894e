"""The way from a page on which a method is named to the article that explains it."""

import streamlit as st

from pruning.ui import page, state
from pruning.ui.learn.articles import TITLES


def to_article(name: str):
    """A link to the article of this name; nothing where there is none, as of the simpler criteria."""
    if name in TITLES and "Learn" in page.places():
        query = state.link() | {"article": name}
        st.page_link(
            page.places()["Learn"], label=f"How {words(name)}", query_params=query, icon=":material/school:"
        )


def words(name: str) -> str:
    return {"channel": "channels are cut", "repair": "repair works"}.get(name, f"{TITLES[name]} works")
