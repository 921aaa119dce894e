"""Three views of the Compare page: what a comparison says, a new one, and every run that is kept."""

import streamlit as st

from pruning.experiment import Recipe
from pruning.ui.compare import added_recipes, kept_runs, new_comparison, results

RESULTS, NEW, RUNS = "Results", "New comparison", "Kept runs"
VIEWS = {"results": RESULTS, "new": NEW, "runs": RUNS}
KEY = "view of Compare"


def show(recipe: Recipe):
    """Draws the view that is looked at; what is not looked at is not computed."""
    draws = (lambda: results.panel(recipe), lambda: new_comparison.panel(recipe), kept_runs.panel)
    opened = VIEWS[st.session_state.setdefault(added_recipes.OPENED, "results")]
    st.session_state[KEY] = opened

    def chosen():
        names = {title: name for name, title in VIEWS.items()}
        st.session_state[added_recipes.OPENED] = names[st.session_state[KEY]]

    places = st.tabs(list(VIEWS.values()), key=KEY, on_change=chosen, default=opened)
    for place, draw in zip(places, draws, strict=True):
        if place.open:
            with place:
                draw()
