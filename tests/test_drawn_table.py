"""The table behind a chart says what the chart shows: every mark once, under names with units."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from plotly.subplots import make_subplots

from pruning.figures import channel_group, layers
from pruning.figures.drawn_table import drawn_table
from tests.test_figures import LAYERS, channels


def test_lines_bars_and_error_bars_are_rows_under_the_titles_of_the_axes():
    figure = go.Figure(layout={"xaxis_title": "MACs (millions)", "yaxis_title": "accuracy (%)"})
    error = {"array": [1.0, 2.0], "arrayminus": [3.0, 4.0]}
    figure.add_scatter(x=[20, 10], y=np.array([90.1, 80], "float32"), name="L1 norm", error_y=error)
    figure.add_bar(x=[30], y=[70], name="CPOT")
    figure.add_scatter(x=[None], y=[None], name="cut")  # the legend's
    figure.add_scatter(x=[0, 50], y=[0, 0], mode="lines", hoverinfo="skip")  # leads the eye
    figure.add_scatter(x=[1], y=[1], name="off", visible=False)
    table = drawn_table(figure)
    accuracy = "accuracy (%)"
    assert list(table) == ["series", "MACs (millions)", accuracy, f"{accuracy}, from", f"{accuracy}, to"]
    assert table["series"].tolist() == ["L1 norm", "L1 norm", "CPOT"]
    assert table["MACs (millions)"].tolist() == [10, 20, 30]  # in the order of the axis
    assert table[accuracy].tolist() == [80, 90.1, 70]  # not 90.0999984741211
    assert table[f"{accuracy}, from"][:2].tolist() == [76, pytest.approx(87.1)]


def test_what_hovering_shows_is_read_too():
    figure = go.Figure(
        layout={"xaxis_title": "points", "yaxis": {"ticktext": ["<b>stem</b>"], "tickvals": [0]}}
    )
    figure.add_bar(
        x=[1.25],
        y=[0],
        orientation="h",
        customdata=[[3, 0.5]],
        hovertemplate="%{y}: %{customdata[0]} of 4<br>%{customdata[1]:.1%}, %{x:.1f} lost<br>click: opens it"
        "<extra>no</extra>",
    )
    (row,) = drawn_table(figure).to_dict("records")
    assert row == {"name": "stem", "points": 1.25, "details": "0: 3 of 4; 50.0%, 1.2 lost"}


def test_a_heat_map_is_a_table_as_it_is_drawn_and_among_others_a_list_of_cells():
    alone = go.Figure()
    alone.add_heatmap(z=[[1, 0.5], [0.5, 1]], x=["L1", "DI"], y=["L1", "DI"])
    assert drawn_table(alone).to_numpy().tolist() == [["L1", 1, 0.5], ["DI", 0.5, 1]]
    assert list(drawn_table(alone)) == ["name", "L1", "DI"]
    beside = make_subplots(cols=2, subplot_titles=["before", "after"])
    for column, z in enumerate(([[1, 2]], [[3, np.nan]]), start=1):
        beside.add_heatmap(z=z, row=1, col=column, colorbar_title="mass")
    table = drawn_table(beside)
    assert table["panel"].tolist() == ["before", "before", "after"] and table["mass"].tolist() == [1, 2, 3]


def test_a_histogram_counts_every_value_once():
    table = drawn_table(channel_group.score_histogram(channels(), "units"))
    by_fate = table.groupby("series")["channels"].sum()
    assert by_fate.to_dict() == {"cut": 2, "kept": 4}
    assert (table["units, from"] < table["units, to"]).all()


def test_a_treemap_says_what_lies_in_what():
    table = drawn_table(layers.treemap(LAYERS)).set_index("part")
    assert table.loc["block.conv2", ["inside", "MACs"]].tolist() == ["block", 500]
    assert table.loc["block", "MACs"] == 800


def test_a_figure_that_draws_nothing_has_an_empty_table():
    assert drawn_table(go.Figure()).empty
    assert drawn_table(channel_group.ranked_bars(channels().head(0), "units")).empty
    assert isinstance(drawn_table(go.Figure()), pd.DataFrame)
