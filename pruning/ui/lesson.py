"""A lesson: a link with a name that hides controls and shows large type, and how one is made of a view."""

from urllib.parse import urlencode

import streamlit as st

from pruning.ui import state
from pruning.ui.hideable import ALWAYS, HIDEABLE, LONGEST_NAME, selectors

PROJECTOR = "html {font-size: 21px} .stMainBlockContainer {max-width: none}"
NOT_PROJECTED = ("tables",)  # names of HIDEABLE
ADDED = ("lesson", "hide", "projector")  # to a link, by a lesson


def name_now() -> str:
    """The name of the lesson that is on; empty where none has one."""
    name = state.looking_at("lesson") or ""
    return "" if name == "1" else name


def hidden() -> tuple[str, ...]:
    """What the lesson hides, names of HIDEABLE; in one with a name also what would give other numbers."""
    named = filter(None, (state.looking_at("hide") or "").split(","))
    projected = NOT_PROJECTED if state.looking_at("projector") == "1" else ()
    return tuple(dict.fromkeys([*(ALWAYS if name_now() else ()), *projected, *named]))


def keys() -> dict[str, str]:
    """What a link to somewhere else takes along, so that the lesson goes on there."""
    return {key: value for key, value in state.link().items() if key in ADDED}


def style():
    """Hides what the lesson hides, and enlarges what a projector shows."""
    rules = [rule for name in hidden() for rule in selectors(name)]
    css = f"{', '.join(rules)} {{display: none !important}}" if rules else ""
    css += PROJECTOR if state.looking_at("projector") == "1" else ""
    if css:
        st.html(f"<style>{css}</style>")


def panel():
    """In the sidebar: the lesson that is on, or the way to one."""
    if name := name_now():
        st.markdown(":small[:gray[Lesson]]")
        st.text(name)  # as it is: a link may say anything
        return
    st.toggle(
        "Lesson view",
        help="Hides what a first lesson does not need.",
        **state.bound_look("lesson", state.lesson(), none=False, read=lambda on: "1"),
    )
    opened = st.popover("Make a lesson of this view", width="stretch", key="make a lesson", on_change="rerun")
    if opened.open:
        with opened:
            make()


def make():
    """A form whose answer is a link to what is seen now, as a lesson."""
    name = st.text_input("Name of the lesson", "Lesson 1", max_chars=LONGEST_NAME, key="lesson name")
    hide = st.multiselect(
        "Hide",
        list(HIDEABLE),
        default=list(ALWAYS),
        format_func=lambda one: HIDEABLE[one][0],
        help="Network and seed are fixed in any lesson, so that a class gets equal numbers.",
        key="lesson hides",
    )
    large = st.toggle(
        "For a projector", help="Larger type, the whole width, fewer panels.", key="lesson large"
    )
    query = link_of(name, hide, large)
    address = (st.context.url or "/").partition("?")[0]
    st.code(f"{address}?{urlencode(query)}", language=None, wrap_lines=True)
    st.caption(
        "Whoever opens this link sees this view, without what is hidden. Copy it, or try it in a new tab."
    )
    st.link_button("Open the lesson", f"{address}?{urlencode(query)}", width="stretch")


def link_of(name: str, hide: list[str], large: bool) -> dict[str, str]:
    """The query of a lesson: this view's, and what the lesson adds."""
    now = {key: value for key, value in state.link().items() if key not in ADDED}
    hidden = [one for one in HIDEABLE if one in hide and one not in ALWAYS]
    added = {"lesson": name.strip() or "Lesson 1"} | ({"hide": ",".join(hidden)} if hidden else {})
    return now | added | ({"projector": "1"} if large else {})
