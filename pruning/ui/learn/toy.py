"""The live figures of the articles: drawn in the browser while they are dragged, without the server.

What a toy computes stands in a module of its own, which a test compares with the package's functions."""

from functools import cache
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent / "toys"
SHARED = {"catro": ("matrices",), "di": ("matrices",), "repair": ("matrices",)}  # what stands before its own


def mathematics(name: str) -> str:
    """The JavaScript module with what a toy computes, which draws nothing."""
    files = (*SHARED.get(name, ()), f"{name}_math")
    return "\n".join(script(file) for file in files)


def script(name: str) -> str:
    return (HERE / f"{name}.js").read_text(encoding="utf-8")


@cache
def component(name: str):
    return st.components.v2.component(
        f"toy_{name}",
        html='<div class="toy"></div>',
        css=(HERE / "toy.css").read_text(encoding="utf-8"),
        js="\n".join([mathematics(name), script("drawing"), script(name)]),
    )


def draw(name: str):
    """The toy of an article."""
    component(name)(key=f"toy {name}", data={"name": name})
