"""Undo and redo of what was chosen in this session, on any page: the recipe, and what is looked at.

Where one is (page, job, lesson) stays as it is: the browser's Back goes to the page before."""

import time
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from pruning.experiment import Recipe
from pruning.inspection.differing_choices import changed, named
from pruning.ui import display_names, preview_cache, state

MOST = 50  # choices; of more the oldest is forgotten
ONE_MOVE = 1.5  # seconds: changes of one setting that follow each other sooner, as arrow keys make, are one
PLACES = (
    *("job", "second", "kept", "runs", "find", "view", "comparison", "article", "tour"),
    *("lesson", "hide", "projector"),
)  # keys of a link that say where one is
LOOKS = tuple(key for key in state.LOOKING_AT if key not in PLACES)
# Where one types, the keys take back what was typed: Streamlit would press the button there, too.
KEYS = """
export default function () {
  if (window.typesUndone) return; // once a window
  window.typesUndone = true;
  const typed = 'textarea, [contenteditable=true], input:not([type=range], [type=checkbox], [type=radio])';
  window.addEventListener('keydown', (event) => {
    const undoes = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z';
    const types = event.target instanceof Element && event.target.matches(typed);
    if (undoes && types) event.stopImmediatePropagation();
  }, true);
}
"""
_keys = st.components.v2.component("undo_keys", html="<span hidden></span>", js=KEYS)


@dataclass(frozen=True)
class Chosen:
    """looked: {key of the link: value} of what is looked at, as pairs."""

    recipe: Recipe
    looked: tuple[tuple[str, str], ...]


@dataclass(eq=False)
class History:
    """Of one session, and in it of one lesson: a lesson that is opened begins anew.   moved: what was changed
    last, and when."""

    lesson: str | None
    now: Chosen
    past: list[Chosen] = field(default_factory=list)
    future: list[Chosen] = field(default_factory=list)
    moved: tuple[list[str], float] = ([], 0.0)

    def note(self, chosen: Chosen, at: float):
        """Takes notice of what is chosen now. at: seconds of a clock that only goes on."""
        if chosen == self.now:
            return
        what = difference(self.now, chosen)
        before, when = self.moved
        if not (len(what) == 1 and what == before and at - when < ONE_MOVE and self.past):
            self.past = [*self.past, self.now][-MOST:]
        self.now, self.future, self.moved = chosen, [], (what, at)

    def undo(self) -> Chosen:
        self.future.append(self.now)
        self.now, self.moved = self.past.pop(), ([], 0.0)
        return self.now

    def redo(self) -> Chosen:
        self.past.append(self.now)
        self.now, self.moved = self.future.pop(), ([], 0.0)
        return self.now


def note():
    """Takes notice of what a page begins with."""
    history().note(chosen_now(), time.monotonic())


def follow():
    """Takes what is chosen now for what was chosen: a page has put something in its place, which would come
    back at once if it were undone."""
    history().now = chosen_now()


def history() -> History:
    lesson, held = state.looking_at("lesson"), st.session_state.get("choices")
    if held is None or held.lesson != lesson:
        held = st.session_state["choices"] = History(lesson, chosen_now())
    return held


def chosen_now() -> Chosen:
    looked = ((key, state.looking_at(key)) for key in LOOKS)
    return Chosen(state.recipe_now(), tuple((key, value) for key, value in looked if value is not None))


def buttons():
    """Undo and redo, side by side; the help text of each says what it would bring back."""
    held = history()
    with st.container(horizontal=True, gap="small"):
        for name, there, key in (("undo", held.past, "Ctrl+Z"), ("redo", held.future, "Ctrl+Shift+Z")):
            label = name.capitalize()
            told = f"{label} ({key}): {in_words(held.now, there[-1])}" if there else f"Nothing to {name}."
            how: dict[str, Any] = {"help": told, "icon": f":material/{name}:", "width": "stretch"}
            how |= {"shortcut": key}
            st.button(label, key=name, disabled=not there, on_click=go, args=(name,), **how)
    _keys(height=0)


def go(name: str):
    """A click's callback. A second click, under way when the first one ran, may find nothing left to undo."""
    held = history()
    if not (held.past if name == "undo" else held.future):
        return
    to = held.undo() if name == "undo" else held.redo()
    if preview_cache.same_network(to.recipe, state.recipe_now()):
        state.take_up(to.recipe)
    else:
        state.open_network(to.recipe)
    state.look_at(**(dict.fromkeys(LOOKS) | dict(to.looked)))


def difference(one: Chosen, other: Chosen) -> list[str]:
    """Fields of the recipe, else keys of what is looked at."""
    fields = changed(one.recipe, other.recipe)
    return fields or sorted({key for key, _ in {*one.looked} ^ {*other.looked}})


def in_words(now: Chosen, to: Chosen) -> str:
    """What undoing brings back: settings with their values, else what was looked at."""
    if fields := changed(now.recipe, to.recipe):
        return ", ".join(f"{named(name)} {display_names.setting(to.recipe, name)}" for name in fields)
    looked = dict(to.looked)
    told = [f"{key} {looked.get(key, 'none')}" for key in difference(now, to)]
    return ", ".join(told) or "how it was"
