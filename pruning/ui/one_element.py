"""What comes later stands in one place: however much a panel draws, now or when a value is there, it is one
element of its page."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import streamlit as st

P = ParamSpec("P")
R = TypeVar("R")


def one_element(draw: Callable[P, R]) -> Callable[P, R]:
    """Were it now more elements and now fewer, the browser would make what stands below anew: fold what was
    open there, and lose what is being typed."""

    @wraps(draw)
    def in_a_container(*args: P.args, **kwargs: P.kwargs) -> R:
        with st.container():
            return draw(*args, **kwargs)

    return in_a_container
