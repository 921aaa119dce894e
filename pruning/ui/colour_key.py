"""What the colours mean, the same on every page; each has a symbol or a pattern besides."""

import html

import streamlit as st

from pruning import terms
from pruning.criteria import CRITERIA
from pruning.figures.method_style import BELOW, CUT, KEPT, LOOKS, QUIET
from pruning.terms import title

MEANINGS = (
    (CUT, "cut, wrong or lost; also hatched, dashed, framed or marked with a cross"),
    (KEPT, "kept or right"),
    (QUIET, "the full network, and everything in the background"),
    (BELOW, "below zero, where blue is above"),
)


def popover():
    """In the sidebar of every page."""
    with st.popover("What do the colours mean?", width="stretch", key="colours"):
        st.html("".join(line(colour, told) for colour, told in MEANINGS))
        st.caption("A criterion has its colour, line and symbol in every chart:")
        names = [name for known in terms.grouped(CRITERIA).values() for name in known if name in LOOKS]
        st.html("".join(line(LOOKS[name][0], f"{title(name)} ({LOOKS[name][2]})") for name in names))
        st.caption("On maps of ranks yellow is high and dark blue low, within one row.")


def line(colour: str, told: str) -> str:
    swatch = f'<span style="flex:none;width:1em;height:1em;border-radius:3px;background:{colour}"></span>'
    row = "display:flex;gap:0.6em;align-items:center;margin:0.15em 0"
    return f'<div style="{row}">{swatch}{html.escape(told)}</div>'
