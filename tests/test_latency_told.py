"""What is said and drawn of measured times: messages, the figure, the Prune page. No test asserts a time."""

import numpy as np
import pandas as pd
import pytest

from pruning.experiment import Recipe
from pruning.experiment.latency_report import hardly_faster
from pruning.figures.latency import REST, SHOWN, folded, layer_times, layer_times_in_words
from pruning.inspection import describe
from pruning.latency import LatencyTable
from pruning.latency.table import Grid, Machine
from pruning.ui import preview_cache
from pruning.ui.prune import latency
from tests.page_door import look_until, open_page, said


def layers_of(number: int) -> pd.DataFrame:
    """Layers that take 1, 2, 3 ... ms and half of it after the cut, and 4 ms that are no layer's."""
    table = pd.DataFrame({"layer": [f"layer{k}" for k in range(number)], "kind": "convolution"})
    table["macs_before"], table["macs_after"] = 100, 50
    table["ms_before"] = np.arange(1.0, number + 1)
    table["ms_after"] = table["ms_before"] / 2
    other = {"layer": "other", "kind": "other", "macs_before": 0, "macs_after": 0}
    return pd.concat([table, pd.DataFrame([other | {"ms_before": 4.0, "ms_after": 4.0}])], ignore_index=True)


def test_fewer_macs_that_are_not_faster_are_told_with_the_layers_where_time_stayed():
    names = ["layer2.0.conv1", "a", "b", "c", "bn", "other"]
    kinds = ["convolution"] * 4 + ["norm", "other"]
    layers = pd.DataFrame({"layer": names, "kind": kinds})
    layers["macs_before"], layers["macs_after"] = [100, 100, 100, 100, 0, 0], [56, 50, 50, 100, 0, 0]
    layers["ms_before"], layers["ms_after"] = [10.0, 5, 5, 5, 1, 2], [9.7, 6, 1, 5, 1, 2]
    macs = {"before": 400, "after": 256}
    latency = {"baseline": 28.0, "final": 25.0, "batch": 64, "threads": 1}
    (told,) = hardly_faster(latency, layers, macs, ["groups=all"])
    assert "36 % fewer MACs took only 11 % off its time at batch 64 on 1 thread" in told
    assert (
        "stayed in layer2.0.conv1: 44 % fewer MACs, 3 % less time; a: 50 % fewer MACs, 20 % more time; "
        "b" in told
    )
    assert "c:" not in told and "take 12 % of the time; groups=all may help." in told
    (told,) = hardly_faster(latency | {"final": 29.0}, layers, macs)
    assert "did not make it faster" in told
    assert not hardly_faster(latency | {"final": 20.0}, layers, macs)


@pytest.mark.parametrize("number", (0, 3, SHOWN, 60))
def test_bars_are_the_slowest_layers_and_all_of_the_time(number):
    table = layers_of(number)
    rows = folded(table)
    assert len(rows) == min(number, SHOWN) + (number > SHOWN) + 1
    for column in ("ms_before", "ms_after", "macs_before", "macs_after"):
        assert rows[column].sum() == pytest.approx(table[column].sum())
    assert list(rows["layer"][:1]) == (
        [f"layer{number - 1}"] if number else ["activations, additions and the rest"]
    )
    assert (REST in set(rows["layer"])) == (number > SHOWN)
    before, after = layer_times(table, 64).data
    assert list(before.x) == pytest.approx(list(rows["ms_before"])) and list(after.y) == list(rows["layer"])


def test_a_sentence_names_where_time_is_left_and_where_it_was_saved():
    told = layer_times_in_words(layers_of(6))
    assert (
        "Full network: 25.0 ms = 21.0 in layers and batch norms + 4.0 in activations, additions and the rest"
        in told
    )
    assert "pruned network: 14.5 ms = 10.5 in layers and batch norms + 4.0 in activations" in told
    assert "The largest part now is activations, additions and the rest (4.0 ms)" in told
    assert "layer5 saved most (6.0 to 3.0 ms)" in told
    assert "they take 24.0 and 15.0 ms" in layer_times_in_words(layers_of(6), (24.0, 15.0))
    assert layer_times_in_words(layers_of(0)).endswith("no layer has become faster.")
    empty = layers_of(0).iloc[:0]
    assert layer_times_in_words(empty) == "No layer was timed." and layer_times(empty, 64).layout.annotations


def test_a_cut_of_time_measures_the_layers_and_names_them_in_the_link(server):
    link = {"data": "digits", "calibration": "100", "threads": "1", "criterion": "l1", "cut": "0.05"}
    gone = {"measure": "latency", "latency": "sha256:00#latency.json"}
    app = look_until(open_page("2_Prune", **link, **gone), lambda app: "estimated; the full" in said(app))
    assert "were measured anew" in said(app)
    named = "".join(app.query_params["latency"])  # a text, or a list of one
    assert named.startswith("sha256:") and named.endswith("#latency.json") and len(named) > 70
    again = look_until(open_page("2_Prune", **link | gone | {"latency": named}), lambda app: app.metric)
    assert "were measured anew" not in said(again) and "".join(again.query_params["latency"]) == named

    # from a cut of multiply-accumulates to one of the time that is estimated beside it, in one click
    by_macs = look_until(open_page("2_Prune", **link), lambda app: "estimated; the full" in said(app))
    next(button for button in by_macs.button if button.label == "Cut for time in PyTorch").click()
    by_macs.run()
    asked = {name: "".join(by_macs.query_params[name]) for name in ("measure", "allocation", "blocks")}
    assert asked == {"measure": "latency", "allocation": "error", "blocks": "True"}
    planned = look_until(by_macs, lambda app: "".join(app.query_params.get("latency", "")) == named)
    look_until(planned, lambda app: "Cut for time" not in str([button.label for button in app.button]))


def test_a_cut_that_is_expected_to_be_no_faster_says_what_helps(server, monkeypatch):
    """Times in which a layer takes nine times as long where its channels are no multiple of 4."""
    structure = describe(Recipe(data="digits", threads=1)).structure
    of = {"model_digest": structure.model_digest, "input_shape": structure.input_shape, "baseline_ms": 1.0}
    calls = {layer.weight: (0,) for layer in structure.layers if layer.kind != "norm"}
    machine = Machine("a processor", 2, 1, "cpu", "2.0", "onnxruntime 1")
    kinds = {"batch": 8, "block": 16, "aligned": 4, "ragged": 9.0, "machine": machine}
    rising = np.array([[0.1, 0.3], [0.3, 1.0]])
    table = LatencyTable(**of, **kinds, grids=(Grid((1, 64), (1, 64), rising),), calls=calls)
    monkeypatch.setattr(latency, "ask_table", lambda recipe, **how: preview_cache.Answer(table))
    link = {"data": "digits", "criterion": "l1", "estimated": "onnxruntime", "threads": "1"}
    odd = look_until(open_page("2_Prune", **link), lambda app: "estimated; the full" in said(app))
    assert "No faster than the full network in onnxruntime, as estimated" in said(odd)
    assert "in multiples of 8" in said(odd)
    even = open_page("2_Prune", **link, round_to="8")
    assert "No faster" not in said(look_until(even, lambda app: "estimated; the full" in said(app)))
