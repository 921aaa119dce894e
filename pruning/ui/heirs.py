"""CPOT's projection of the opened group: who takes over from whom at the cut that is looked at."""

import pandas as pd
import streamlit as st

from pruning.experiment import Recipe
from pruning.figures import heirs, transport
from pruning.inspection.takeovers import TakeoverView, heirs_table
from pruning.ui import charts, state


def draw(recipe: Recipe, group: str, rows: pd.DataFrame, chosen: int | None, view: TakeoverView):
    """Arrows from each channel that goes to its heir, with the table behind them."""
    st.markdown(
        "Here the group is one distribution over its channels; the mass of each is the sum of the squared "
        "weights that read it. The mass of a cut channel is moved to a channel that stays, its heir. That "
        "costs the variance of the cut channel that the best multiple of its heir does not explain."
    )
    if len(view.readers) > 1:
        st.caption(f"Mean over the {len(view.readers)} layers that read {group}.")
    table = heirs_table(view.costs, rows)
    charts.chart(
        heirs.heirs_figure(table, rows, chosen),
        heirs.heirs_in_words(table, chosen),
        key="heirs",
        alt=f"Which channel of {group} takes over from each that goes",
        table=table,
        click=choose_channel,
    )
    st.markdown(transport.agreement_in_words(view.agreement))


def choose_channel(point: dict):
    """A click on an arrow, which is no channel, changes nothing."""
    if point.get("customdata"):
        state.look_at(channel=int(point["customdata"][1]))
