"""A chart with its sentence, a table, and how both are taken away: the same on every page."""

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

TOOLS = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def chart(
    figure: go.Figure,
    sentence: str,
    *,
    key: str,
    alt: str,
    table: pd.DataFrame | None = None,
    click: Callable[[dict], None] | None = None,
):
    """Draws a figure, the sentence that says what is to be seen, and buttons that take both away.

    alt: the chart's accessible name.   table: what the figure was drawn from, offered as CSV.
    click: called with the clicked point, before the page runs again; its own data are under "customdata".
    """
    how = {} if click is None else {"on_select": lambda: clicked(key, click), "selection_mode": "points"}
    with st.container(gap="xxsmall"):
        st.plotly_chart(figure, key=key, alt=alt, config=TOOLS, **how)
        st.caption(sentence)
        with st.container(horizontal=True, gap="medium"):
            if table is not None:
                csv(table, key)
            html(figure, key)


def clicked(key: str, click: Callable[[dict], None]):
    """A second click on the same mark takes the selection back; that is no news."""
    points = st.session_state[key].selection.points
    if points:
        click(points[0])


def csv(table: pd.DataFrame, name: str, label: str = "CSV"):
    """A button that makes the file when it is pressed, not before."""
    button(label, lambda: table.to_csv(index=False), f"{name}.csv", "text/csv")


def html(figure: go.Figure, name: str):
    """A page of its own that works without this app and without a network."""
    button("HTML", lambda: figure.to_html(include_plotlyjs=True), f"{name}.html", "text/html")


def button(label: str, make: Callable[[], str | bytes], file: str, kind: str):
    st.download_button(
        label,
        make,
        file,
        kind,
        key=f"take {file}",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
    )
