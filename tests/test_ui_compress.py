"""The Compress page as it comes out of real workers, what its previews count, and its figures by their
values."""

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import pruning
from pruning import Recipe
from pruning.figures import bit_allocation as figures
from pruning.inspection.compress_preview import bits_compared, bits_now, subtask_now
from pruning.quantize.rounding import quantize
from pruning.tasks import DEFAULT
from pruning.terms import percent
from pruning.train import evaluate
from pruning.ui.compress.rounded import point_table
from tests.page_door import look_until, open_page, said

LINK = {"data": "digits", "criterion": "l1", "calibration": "60", "threads": "1", "cut": "0.1", "bits": "3"}
RECIPE = Recipe(data="digits", criterion="l1", calibration=60, threads=1, cut=0.1, bits=3)
CHANNELS = pd.DataFrame(
    {
        "layer": ["first"] * 2 + ["wide"] * 3 + ["last"],
        "channel": [0, 1, 0, 1, 2, 0],
        "bits": [8, 8, 2, 4, 4, 8],
        "weights": [3, 3, 10, 10, 10, 5],
        "importance": [1.0, 1.0, 0.1, 1.4, 1.5, 1.0],
    }
)
POINTS = pd.DataFrame(
    [
        ("full", 32.0, 1_000_000, 0.96, 100, False),
        ("cut", 32.0, 500_000, 0.9, 100, False),
        ("di", 4.0, 60_000, 0.89, 100, True),
        ("di", 2.5, 40_000, 0.6, 100, False),
        ("uniform", 4.0, 60_000, 0.8, 100, True),
    ],
    columns=["way", "mean_bits", "bytes", "value", "images", "chosen"],
)


def open_compress(**link) -> AppTest:
    return open_page("4_Compress", **{**LINK, **link})


def figure_of(app: AppTest, label: str) -> str:
    return next(metric.value for metric in app.metric if metric.label == label)


# ------------------------------------------------------------------------------------------- the page


def test_the_mean_of_bits_of_a_link_is_counted_and_drawn(server):
    app = look_until(open_compress(), lambda app: "Large marks" in said(app))
    assert "mean is 3.00 bits" in said(app) or "mean is 2.99 bits" in said(app)
    assert "No classes are chosen" in said(app)
    now = bits_now(RECIPE)
    assert figure_of(app, "In few bits") == percent(now.ways["di"].value)
    assert figure_of(app, "Size") == f"{now.ways['di'].bytes / 1e3:.0f} kB"
    assert any("--bits 3" in code.value for code in app.code)


def test_a_pair_without_weights_is_said_before_a_run_is_asked_for(server):
    app = look_until(open_compress(**LINK | {"model": "vgg16_slim"}), lambda app: app.error)
    (start,) = [button for button in app.button if button.label == "Compress"]
    assert start.disabled and "no bundled weights for VGG-16 slim on digits" in start.help
    assert "no trained weights" in app.error[0].value and "How fast" not in said(app)


def test_a_mean_out_of_reach_is_one_sentence_and_the_slider_stays(server):
    app = look_until(open_compress(bits="2"), lambda app: app.error)
    assert len(app.error) == 1 and "out of reach" in app.error[0].value and not app.exception
    app.slider(key="widget bits").set_value(4.0)
    look_until(app.run(), lambda app: "bits per weight" in said(app))
    assert not app.error and app.query_params["bits"] in ("4.0", ["4.0"])


def test_a_page_without_bits_shows_four_and_a_visit_changes_no_recipe(server):
    app = open_page("4_Compress", data="digits", criterion="l1", calibration="60", threads="1")
    assert app.slider(key="widget bits").value == 4 and "bits" not in app.query_params


def test_a_subtask_is_compared_with_its_controls(server):
    app = look_until(open_compress(subtask="3,5,8"), lambda app: "CATRO" in said(app) and not waits(app))
    assert "tell apart classes 3, 5, 8 only" in said(app)
    look_until(app, lambda app: "hold-out images for all" in said(app))
    assert "CATRO against" in said(app) or "leads" in said(app)


def waits(app: AppTest) -> bool:
    return "Measuring" in said(app)


# ----------------------------------------------------------------------------------------- what is counted


def test_a_preview_counts_what_quantize_gives():
    now = bits_now(RECIPE)
    model, data = pruning.load_model("resnet20", "digits"), pruning.load_data("digits")
    graph = pruning.ChannelGraph(
        model, pruning.data.to_tensor(data.train.images[:1], model.origin.normalization)
    )
    small = pruning.cut(model, pruning.plan(graph, pruning.score(graph, "l1"), cut=0.1))
    mine = quantize(small, data, bits=3, calibration=60)
    images = data.holdout.take(np.arange(now.images))
    told = evaluate(mine.model, images, normalization=model.origin.normalization)
    assert now.ways["di"].value == told.value
    assert now.ways["di"].bytes == mine.bytes and now.bytes_full == 4 * sum(
        t.numel() * t.element_size() // 4 for t in model.state_dict().values()
    )
    lead = bits_compared(RECIPE)["uniform"]
    right = {by: way.value for by, way in now.ways.items()}
    assert lead.mean == pytest.approx(right["di"] - right["uniform"])


def test_without_classes_there_is_nothing_to_compare():
    with pytest.raises(ValueError, match="subtask is not given"):
        subtask_now(RECIPE)
    with pytest.raises(ValueError, match="bits is not given"):
        bits_now(RECIPE.but(bits=None))


# --------------------------------------------------------------------------------------------- the figures


def test_the_map_has_a_square_a_channel_in_the_colour_of_its_bits():
    figure = figures.bits_map(CHANNELS)
    drawn = {trace.name: list(trace.y) for trace in figure.data}
    assert drawn == {"2 bits": ["wide"], "4 bits": ["wide"] * 2, "8 bits": ["first"] * 2 + ["last"]}
    assert len({trace.marker.color for trace in figure.data}) == 3
    words = figures.bits_in_words(CHANNELS, "di")
    assert "1 have 2, 2 have 4, 3 have 8 bits" in words and "mean is 4.59 bits" in words
    wide = pd.concat([CHANNELS[2:3].assign(channel=c) for c in range(300)], ignore_index=True)
    assert len(figures.squares(wide)) == 100
    assert figures.bits_map(CHANNELS[:0]).layout.annotations[0].text.startswith("This network")


def test_the_bars_add_up_to_each_layers_channels():
    figure = figures.bits_histogram(CHANNELS)
    assert np.sum([bar.x for bar in figure.data], axis=0).tolist() == [2, 3, 1]
    assert "wide has the fewest bits (3.33 on average)" in figures.histogram_in_words(CHANNELS)


def test_size_against_accuracy_by_its_values():
    figure = figures.sizes(POINTS, DEFAULT)
    lines = {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data}
    assert lines["DI and rounding error"] == ([40, 60], [60, 89]) and lines["pruned, float32"] == (
        [500],
        [90],
    )
    words = figures.sizes_in_words(POINTS, DEFAULT)
    assert "60.0 kB in place of 500.0 kB" in words and "89 with DI and rounding error" in words
    empty = point_table([], 4.0)
    assert figures.sizes(empty, DEFAULT).layout.annotations
    assert "Nothing" in figures.sizes_in_words(empty, DEFAULT)
    rows = pd.DataFrame({"way": ["catro", "l1"], "correct": [9, 8], "images": [10, 10]})
    (bars,) = figures.controls(rows, 10).data
    assert list(bars.x) == [90, 80] and list(bars.y) == ["CATRO, true labels", "L1 norm (no images)"]
