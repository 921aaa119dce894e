"""Three views of the Compare page: what a comparison says, a new one, and every run that is kept."""

import streamlit as st

from pruning.experiment import Recipe
from pruning.ui import state
from pruning.ui.compare import kept_runs, new_comparison, results

RESULTS, NEW, RUNS = "Results", "New comparison", "Kept runs"
VIEWS = {"results": RESULTS, "new": NEW, "runs": RUNS}
KEY = "view of Compare"


def show(recipe: Recipe):
    """Draws the view that is looked at; what is not looked at is not computed."""
    draws = (lambda: results.panel(recipe), lambda: new_comparison.panel(recipe), kept_runs.panel)
    opened = VIEWS.get(state.looking_at("view") or "", RESULTS)
    st.session_state[KEY] = opened

    def chosen():
        names = {title: name for name, title in VIEWS.items() if title != RESULTS}
        state.look_at(view=names.get(st.session_state[KEY]))

    places = st.tabs(list(VIEWS.values()), key=KEY, on_change=chosen, default=opened)
    for place, draw in zip(places, draws, strict=True):
        if place.open:
            with place:
                draw()
