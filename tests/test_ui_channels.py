"""The Channels page as it comes out of a real preview worker; no browser, so no clicks on a chart."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pruning import Recipe
from pruning.experiment import describe
from pruning.ui import channels
from tests.page_door import open_page, said


@pytest.fixture(scope="module")
def server():
    """One set of workers for all tests here."""
    yield
    st.cache_resource.clear()


def open_channels(**link) -> AppTest:
    return open_page("1_Channels", **{"data": "digits"} | link)


def test_the_map_a_group_and_what_is_tied_to_it(server):
    app = open_channels(cut="0.4", group="conv1", protect="layer1.0.conv1", lesson="1")
    assert not app.exception and not app.error
    assert "channels in 12 groups" in said(app)
    assert "Keeps the channels whose filters have the largest weights" in said(app)
    assert "conv1: 0 of 16 channels go, tied to layer1.0.conv2, layer1.1.conv2," in said(app)
    assert "3 are written by several layers, which are cut as one: most by 10, those of conv1" in said(app)
    (stays,) = [table.value for table in app.dataframe if "why" in table.value]
    assert stays[["layer", "why"]].to_numpy().tolist() == [["linear", "it is the network's output"]]
    assert [box.label for box in app.expander if "why" in box.label] == [
        "What cannot be cut, and why: 1 layer"
    ]
    assert app.selectbox(key="widget group").value == "conv1"
    app.selectbox(key="widget group").select("layer1.0.conv1").run()
    assert "layer1.0.conv1: 0 of 16 channels go, tied to no other layer" in said(app)
    assert app.query_params["group"] in ("layer1.0.conv1", ["layer1.0.conv1"])


def test_a_cut_out_of_reach_is_one_sentence_and_the_slider_stays(server):
    app = open_channels(cut="0.95")
    (error,) = app.error
    assert "out of reach" in error.value and not app.exception
    app.slider(key="widget cut").set_value(50).run()
    assert not app.error and "channels in 12 groups" in said(app)


def test_a_network_without_weights_is_one_sentence(server):
    app = open_channels(model="resnet56")
    (error,) = app.error
    assert "resnet20 on digits" in error.value and not app.exception


def test_the_table_to_take_away_has_the_columns_of_scores_csv(server):
    described = describe(Recipe(data="digits", threads=1))
    table = channels.ranks.channel_table({"conv1": range(16)}, {"conv1": [0, 1]}, "l1")
    taken = channels.as_csv(table, described)
    assert list(taken.columns) == ["group", "channel", "score", "tied_to", "rank", "cut"]
    (tied,) = set(taken["tied_to"])
    assert tied.startswith("layer1.0.conv2;layer1.1.conv2;layer1.2.conv2")
