"""A chart with its sentence, the table behind it, and how they are taken away: the same on every page."""

import re
import time
from collections.abc import Callable
from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pruning.figures.drawn_table import drawn_table

WORDS_FIRST = 0.7  # seconds
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
    """Draws a figure, the sentence that says what is to be seen, its values as a table, and buttons that take
    all of it away.

    alt: the chart's accessible name.   table: what the figure was drawn from, offered as CSV.
    click: called with the clicked point, before the page runs again; its own data are under "customdata".
    """
    words_first()
    how = {} if click is None else {"on_select": lambda: clicked(key, click), "selection_mode": "points"}
    with st.container(gap="xxsmall"):
        st.plotly_chart(figure, key=key, alt=alt, config=TOOLS, **how)
        st.caption(sentence)
        with st.container(horizontal=True, gap="medium"):
            values(figure, key, alt)
            if table is not None:
                csv(table, key, told=f"The table behind this chart: {alt}")
            html(figure, key, f"This chart as a page that works without the app: {alt}")


def words_first():
    """Holds a visit's first chart back. With it the browser begins to read what draws charts, for a second in
    which it draws nothing else; by then it has drawn the figures and words that it got (docs/pages.md)."""
    browser = st.context.url
    if browser and "draws charts" not in st.session_state:
        st.session_state["draws charts"] = True
        time.sleep(WORDS_FIRST)


def legend_columns(pixels: int) -> dict[str, str]:
    """Of a native chart, which does not wrap its legend: as many entries in a row as there is room for.
    pixels: of the longest one."""
    return {"expr": f"max(1, floor(width / {pixels}))"}


@st.fragment  # opened without the page running again
def values(figure: go.Figure, key: str, alt: str):
    """A button that opens what the figure draws as a table, which is made then. A lesson hides it under the
    name "tables"."""
    label = f"Table{of(alt)}"
    if st.button(label, key=f"table {key}", type="tertiary", icon=":material/table:", help=alt):
        st.dialog(alt, width="large")(show_values)(drawn_table(figure), key, alt)


def show_values(drawn: pd.DataFrame, key: str, alt: str):
    """What is in the dialog; a click on a column's name sorts."""
    if drawn.empty:
        st.caption("Nothing is drawn yet.")
    else:
        st.dataframe(drawn, hide_index=True, key=f"values {key}", alt=f"{alt}: the values")
        csv(drawn, f"{key}-drawn")


def clicked(key: str, click: Callable[[dict], None]):
    """A second click on the same mark takes the selection back; that is no news."""
    points = st.session_state[key].selection.points
    if points:
        click(points[0])


def of(what: str | None) -> str:
    """What a screen reader reads after a button's name, and nobody sees (page.css): under every chart stand
    buttons of the same names."""
    plain = re.sub(r"([\\`*_\[\]$~:<>#])", r"\\\1", what or "")
    return f" :gray[{plain}]" if plain else ""


def csv(table: pd.DataFrame, name: str, label: str = "CSV", told: str | None = None):
    """A button that makes the file when it is pressed, not before. told: its help text."""
    button(label + of(told), lambda: table.to_csv(index=False), f"{name}.csv", "text/csv", told)


def html(figure: go.Figure, name: str, told: str | None = None):
    """A page of its own that works without this app and without a network."""
    button(
        f"HTML{of(told)}", partial(figure.to_html, include_plotlyjs=True), f"{name}.html", "text/html", told
    )


def button(label: str, make: Callable[[], str | bytes], file: str, kind: str, told: str | None = None):
    st.download_button(
        label,
        make,
        file,
        kind,
        key=f"take {file}",
        help=told,
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
    )
