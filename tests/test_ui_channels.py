"""The Channels page as it comes out of a real preview worker; no browser, so no clicks on a chart."""

from streamlit.testing.v1 import AppTest

from pruning import Recipe
from pruning.inspection import describe
from pruning.ui import channel_map
from tests.page_door import look_until, open_page, said


def open_channels(**link) -> AppTest:
    return open_page("1_Channels", **{"data": "digits", "criterion": "l1"} | link)


def test_the_map_a_group_and_what_is_tied_to_it(server):
    app = open_channels(cut="0.4", group="conv1", protect="layer1.0.conv1", lesson="1")
    assert not app.exception and not app.error
    assert "channels, in 8 of 12 groups" in said(app)
    assert "Keeps the channels whose filters have the largest L1 norm" in said(app)
    assert "conv1: 0 of 16 channels cut, pruned together with layer1.0.conv2, layer1.1.conv2," in said(app)
    assert (
        "3 groups are written by several coupled layers, which are pruned together; the largest is that "
        "of conv1, with 10"
    ) in said(app)
    (stays,) = [table.value for table in app.dataframe if "why" in table.value]
    assert stays[["layer", "why"]].to_numpy().tolist() == [["linear", "it is the network's output"]]
    assert [box.label for box in app.expander if "why" in box.label] == [
        "What cannot be cut, and why: 1 layer"
    ]
    app.button(key="table group-ranked").click().run()
    behind = [table.value for table in app.dataframe if "channels, lowest score first" in table.value]
    assert len(behind) == 1 and len(behind[0]) == 16  # the chart's bars
    assert app.selectbox(key="widget group").value == "conv1"
    app.selectbox(key="widget group").select("layer1.0.conv1").run()
    assert "layer1.0.conv1: 0 of 16 channels cut." in said(app)
    assert app.query_params["group"] in ("layer1.0.conv1", ["layer1.0.conv1"])


def test_a_cut_out_of_reach_is_one_sentence_and_the_slider_stays(server):
    app = open_channels(cut="0.95")
    (error,) = app.error
    assert "out of reach" in error.value and not app.exception
    app.slider(key="widget cut").set_value(50).run()
    assert not app.error and "channels, in 9 of 12 groups" in said(app)


def test_a_network_without_weights_is_one_sentence(server):
    app = open_channels(model="resnet56")
    (error,) = app.error
    assert "resnet20 on digits" in error.value and not app.exception


def test_the_table_to_take_away_has_the_columns_of_scores_csv(server):
    described = describe(Recipe(data="digits", threads=1))
    table = channel_map.channel_ranks.channel_table({"conv1": range(16)}, {"conv1": [0, 1]}, "l1")
    taken = channel_map.as_csv(table, described)
    assert list(taken.columns) == ["group", "channel", "score", "tied_to", "rank", "cut"]
    (tied,) = set(taken["tied_to"])
    assert tied.startswith("layer1.0.conv2;layer1.1.conv2;layer1.2.conv2")


def test_one_channel_is_looked_into_by_its_link_and_left_again(server):
    app = open_channels(criterion="fpgm", group="layer1.0.conv1", channel="7", calibration="60", lesson="1")
    app = look_until(app, lambda app: "to its score" in said(app))
    words = said(app)
    assert "By FPGM it is number" in words and "Its weights in layer1.0.conv1" in words
    assert "Euclidean distance of the filters" in words and "of 143 hold-out images" in words
    app.selectbox(key="widget channel").select("none").run()
    assert "channel" not in app.query_params and "Its weights in" not in said(app)


def test_a_channel_that_is_not_there_closes_the_panel_and_a_word_is_refused(server):
    app = open_channels(group="layer1.0.conv1", channel="99", lesson="1")
    assert app.selectbox(key="widget channel").value == "none" and not app.exception
    app = open_channels(channel="seven")
    assert "give a channel's number" in said(app)


def test_who_is_right_shows_the_case_and_ends_with_what_was_measured(server):
    app = open_channels(criterion="di", beside="l1", calibration="60", lesson="1")
    app = look_until(app, lambda app: any(b.label == "Measure it" for b in app.button))
    assert "DI would cut channel" in said(app) and "L1 norm would do the reverse" in said(app)
    (measure,) = [button for button in app.button if button.label == "Measure it"]
    measure.click().run()
    app = look_until(app, lambda app: "143 hold-out images (difference" in said(app))
    assert "was right here" in said(app) or "No difference these images can show" in said(app)
    assert "Do the labels matter?" in [heading.value for heading in app.subheader]


def test_a_measurement_can_be_cancelled_and_asked_for_again(server):
    app = open_channels(criterion="catro", calibration="60", lesson="1")
    app = look_until(app, lambda app: any(b.label.startswith("Compare") for b in app.button))
    next(button for button in app.button if button.label.startswith("Compare")).click().run()
    next(button for button in app.button if button.label == "Cancel").click().run()
    app = look_until(app, lambda app: any(b.label.startswith("Compare") for b in app.button), 20)
    assert "Do the labels matter?" in [heading.value for heading in app.subheader] and not app.exception
