"""Times in other runtimes: their tables, plans made on these, and whole networks side by side. No test
asserts a time."""

import importlib.util
import json
import re
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import pruning
from pruning import export_command
from pruning.experiment.latency_report import measured_in
from pruning.experiment.latency_tables import named_table
from pruning.experiment.runtime_times import no_faster, not_timed, runtime_table
from pruning.figures.latency import free_width, width_times, width_times_in_words
from pruning.html_report.run_report import in_runtimes
from pruning.latency import FILE, LatencyTable, measure
from pruning.latency.calls import Call
from pruning.latency.in_torch import InTorch
from pruning.latency.width_grid import between, never_longer_than_wider, widths
from pruning.runtimes import format_in, latency_table
from pruning.runtimes.single_layer import INPUT, layer_graph
from tests.test_latency import MACHINE, Small, graph_of, timed
from tests.test_saved_results import SAVED

ONNX = replace(MACHINE, runtime="onnxruntime 1.0")
CALLS = {
    "dense": (F.conv2d, {"stride": 2, "padding": 1}, (6, 4, 3, 3), (2, 4, 9, 9)),
    "same": (F.conv2d, {"padding": "same", "dilation": 2}, (6, 4, 4, 3), (2, 4, 9, 9)),
    "valid": (F.conv2d, {"padding": "valid", "stride": (1, 2)}, (6, 4, 3, 3), (2, 4, 9, 9)),
    "depth-wise": (F.conv2d, {"padding": (1, 0), "groups": 6}, (6, 1, 3, 3), (2, 6, 9, 9)),
    "grouped": (F.conv2d, {"groups": 2}, (6, 2, 1, 1), (2, 4, 9, 9)),
    "one side": (F.conv1d, {"padding": 2}, (6, 4, 5), (2, 4, 9)),
    "transposed": (
        F.conv_transpose2d,
        {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2},
        (4, 3, 3, 3),
        (2, 4, 5, 5),
    ),
    "linear": (F.linear, {}, (6, 4), (3, 4)),
    "linear of rows": (F.linear, {}, (6, 4), (3, 5, 4)),
}


class Made(InTorch):
    """A runtime in which every layer alone takes 4 ms; in a network half of it, or all of it where it writes
    or reads a number of channels that is no multiple of 4."""

    aligned = 4

    def __init__(self):
        self.now = 0.0

    def clock(self, device):
        return lambda: self.now

    def takes(self, ms: float):
        self.now += ms / 1000

    def layer(self, call, device):
        return lambda: self.takes(4.0)

    def networks(self, models, inputs, watch):
        return [partial(self.takes, self.ms(model)) for model in models]

    def ms(self, model) -> float:
        layers = [part.weight for part in model.modules() if isinstance(part, nn.Conv2d)]
        return sum(2.0 if all(n % 4 == 0 or n < 4 for n in w.shape[:2]) else 4.0 for w in layers)


@pytest.fixture(scope="module")
def graph():
    return graph_of(Small())


@pytest.fixture(scope="module")
def measured(graph):
    return latency_table(graph, batch=2, runtime="onnxruntime")


def test_a_layer_whose_channels_do_not_fill_its_steps_takes_its_own_share_of_the_time_alone():
    """Only channels of groups count: the picture's three, and the two answers, are in every cut."""
    graph, table = timed(np.ceil(np.arange(1, 65) / 16), MACHINE)
    form = replace(table, block=8, ragged=2.0, in_network=0.5).form(graph.structure)
    alone = replace(table, block=8).form(graph.structure).alone
    assert form([8, 64]) == pytest.approx(0.5 * alone(np.array([8.0, 64, 1])).sum())
    first, middle, last = alone(np.array([63.0, 64, 1]))
    assert form([63, 64]) == pytest.approx(0.5 * (2 * first + 2 * middle + last))
    first, middle, last = alone(np.array([8.0, 12, 1]))
    assert form([8, 12]) == pytest.approx(0.5 * (first + 2 * middle + 2 * last))


def test_ragged_widths_are_fitted_by_themselves():
    """Where the whole network and those that are cut alike say nothing of them, one more does."""
    graph = timed(np.ones(64), MACHINE)[0]
    table = measure.latency_table(graph, batch=1, runtime=Made())
    assert table.in_network == pytest.approx(0.5, abs=0.02) and table.ragged == pytest.approx(2, abs=0.2)
    for kept, ms in (((64, 64), 6), ((48, 32), 6), ((63, 64), 10), ((64, 5), 10), ((7, 9), 12)):
        assert table.form(graph.structure)(kept) == pytest.approx(ms, rel=0.06)


# ------------------------------------------------------------------------------------------- one layer


@pytest.mark.parametrize("bias", (True, False))
@pytest.mark.parametrize("kind", CALLS)
def test_a_layer_by_itself_is_the_layer(kind, bias):
    import onnx
    import onnxruntime

    function, given, shape, reads = CALLS[kind]
    call = Call("layer.weight", function, given, shape, reads, bias)
    content = layer_graph(call)
    model = onnx.load_from_string(content)
    weights = {one.name: torch.from_numpy(onnx.numpy_helper.to_array(one)) for one in model.graph.initializer}
    inputs = torch.randn(reads)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (told,) = session.run(None, {INPUT: inputs.numpy()})
    assert set(weights) == {"weight", *(["bias"] if bias else [])}
    wanted = function(inputs, weights["weight"], weights.get("bias"), **given)
    assert np.allclose(told, wanted.numpy(), atol=1e-5)


def test_a_call_at_other_widths_is_one_that_can_be_made():
    for function, given, shape, reads in CALLS.values():
        smaller = Call("w", function, given, shape, reads, True).at(shape[0] - 2, max(1, shape[1] - 1))
        assert smaller.on(torch.device("cpu"))().shape[0] == reads[0]
        assert layer_graph(smaller)


# ------------------------------------------------------------------------------------------- widths


@pytest.mark.parametrize("whole", (1, 3, 12, 16, 17, 63, 64, 384))
@pytest.mark.parametrize("steps", (True, False))
def test_each_of_three_kinds_of_widths_lies_between_two_of_its_own(whole, steps):
    rungs = np.array(widths(whole, 16, 4))
    found, every = between(rungs, 16, 4, steps), np.arange(1, whole + 1)
    assert rungs[-1] == whole and rungs[0] >= 1 and (np.diff(rungs) > 0).all() and len(rungs) <= 11
    assert (rungs[found.low[rungs]] == rungs).all() and not found.share[rungs].any()
    for fits in ((every % 16 == 0), (every % 4 == 0) & (every % 16 > 0), every % 4 > 0):
        kind = set(every[fits])
        for n in kind:
            assert {int(rungs[found.low[n]]), int(rungs[found.high[n]])} <= kind


def test_what_a_wider_layer_of_its_kind_was_quicker_at_was_disturbed():
    ms = np.array([[9.0], [1.0], [5.0], [2.0], [4.0], [3.0], [7.0]])
    never_longer_than_wider(ms, (4, 12, 15, 16, 28, 31, 32), 0, 16, 4)
    assert ms[:, 0].tolist() == [1, 1, 3, 2, 4, 3, 7]


# ------------------------------------------------------------------------------------------- tables


def test_a_table_says_where_it_was_measured_and_comes_back(measured, graph, tmp_path):
    import onnxruntime

    (tmp_path / FILE).write_text(measured.to_json())
    again, ones = LatencyTable.read(tmp_path / FILE), [1] * len(graph.groups)
    assert measured.runtime == again.runtime == "onnxruntime" and again.digest == measured.digest
    assert f"onnxruntime {onnxruntime.__version__}" in measured.machine.in_words()
    assert again.aligned == measured.aligned == 4 and again.machine.threads == torch.get_num_threads()
    assert again.estimate(graph.structure, ones) == measured.estimate(graph.structure, ones) > 0
    assert measured.baseline_ms > 0 and all((grid.ms > 0).all() for grid in measured.grids)


def test_a_table_of_torch_is_written_as_before():
    how = {"machine": MACHINE, "batch": 1, "block": 16, "model_digest": "0", "input_shape": (3, 6, 6)}
    table = LatencyTable(**how, baseline_ms=1.0, grids=(), calls={})
    told = json.loads(table.to_json())
    assert table.runtime == "torch" and "aligned" not in told and "runtime" not in told["machine"]


@pytest.fixture(scope="module")
def stairs():
    """Times with steps and traps: a width that is no multiple of 4 takes twice as long."""
    every = np.arange(1, 65)
    return timed(np.ceil(every / 16) * np.where(every % 4, 2.0, 1.0), ONNX)


@pytest.mark.parametrize("allocation", ("uniform", "global"))
@pytest.mark.parametrize("cut", (0.2, 0.3, 0.5, 0.8))
def test_free_widths_are_taken_and_traps_are_not(stairs, allocation, cut):
    graph, table = stairs
    how = {"cut": cut, "measure": "latency", "allocation": allocation, "latency": table}
    plan = pruning.plan(graph, pruning.score(graph, "l1"), **how)
    kept = [plan.widths[name] for name in graph.structure.names]
    assert all(n % 16 == 0 for n in kept)
    whole, ends = table.estimate(graph.structure, [64, 64]), (16, 32, 48, 64)
    at = sorted(1 - table.estimate(graph.structure, [a, b]) / whole for a in ends for b in ends)
    assert abs(plan.achieved - cut) <= max(np.diff(at))


# ------------------------------------------------------------------------------------------- recipes


def test_a_recipe_that_names_no_runtime_keeps_its_digest():
    recipe = pruning.Recipe(measure="latency")
    assert recipe.runtime == "torch" and recipe.digest() != recipe.but(runtime="onnxruntime").digest()
    elsewhere = pruning.Recipe(measure="latency", runtime="onnxruntime", latency="sha256:00#latency.json")
    assert elsewhere.but(cut=0.3).latency and elsewhere.but(runtime="torch").latency is None
    assert elsewhere.but(measure="macs").runtime == "torch"
    assert pruning.Recipe.from_query(elsewhere.to_query()) == elsewhere
    assert "--runtime onnxruntime" in " ".join(elsewhere.flags())


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"runtime": "onnxruntime"}, "give measure=latency"),
        ({"measure": "latency", "runtime": "compile"}, "no table of their times; give runtime=torch"),
        ({"measure": "latency", "runtime": "tensorrt"}, "there is no runtime"),
    ],
)
def test_runtimes_that_cannot_be_are_one_sentence(fields, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        pruning.run(pruning.Recipe(data="digits", **fields))


def test_a_runtime_that_is_not_installed_says_how_it_is(monkeypatch):
    spec = importlib.util.find_spec
    missing = lambda name: None if name == "openvino" else spec(name)  # noqa: E731
    monkeypatch.setattr("pruning.export.formats.find_spec", missing)
    recipe = pruning.Recipe(data="digits", measure="latency", runtime="openvino")
    with pytest.raises(ValueError, match="pip install openvino"):
        pruning.run(recipe)


def test_a_table_of_another_runtime_is_one_sentence(measured, tmp_path):
    (tmp_path / FILE).write_text(measured.to_json())
    recipe = pruning.Recipe(measure="latency", latency=str(tmp_path / FILE))
    with pytest.raises(ValueError, match="measured in onnxruntime, and runtime is torch; give runtime=onnx"):
        named_table(recipe)
    assert named_table(replace(recipe, runtime="onnxruntime")).digest == measured.digest


def test_a_layer_that_a_runtime_does_not_know_is_one_sentence():
    from pruning.runtimes.by_onnx import ByOnnx

    wrong = Call("block.weight", F.conv2d, {}, (6, 4, 3, 3), (2, 5, 9, 9), True)
    with pytest.raises(ValueError, match="onnxruntime can't compute block by itself: .*; give runtime=torch"):
        ByOnnx(format_in("onnxruntime")).layer(wrong, torch.device("cpu"))()


def test_the_stairs_of_a_group_are_the_estimates(stairs):
    graph, table = stairs
    ms = table.form(graph.structure).against_width([64, 30], 0)
    assert ms.tolist() == [table.estimate(graph.structure, [n, 30]) for n in range(1, 65)]
    assert free_width(ms, 28) == 32 and free_width(ms, 31) == 64 and free_width(ms, 64) == 64
    assert "28 of 64 channels" in width_times_in_words(ms, 28, "first")
    assert "32 channels take no longer" in width_times_in_words(ms, 28, "first")
    assert width_times_in_words(ms, 64, "first").endswith("No larger width is as quick.")
    line, planned, free = width_times(ms, 28, 8).data
    assert list(line.y) == ms.tolist() and (planned.x[0], planned.y[0]) == (28, ms[27]) and free.x[0] == 32


def test_times_are_told_side_by_side():
    rows = [{"runtime": "compile", "version": "torch 2.15.0", "threads": 1}]
    rows[0]["milliseconds"] = {"1": {"baseline": 4.0, "final": 2.0, "passes": 20}}
    rows += [{"runtime": "openvino", "error": "it can't"}]
    table = runtime_table(rows)
    assert table.to_numpy(object).tolist() == [["torch.compile, torch 2.15.0", 1, 1, 4.0, 2.0, 2.0, 20]]
    assert not_timed(rows) == ["OpenVINO: it can't."] and not no_faster(rows)
    rows[0]["milliseconds"]["64"] = {"baseline": 9.0, "final": 10.0, "passes": 20}
    (slow,) = no_faster(rows)
    assert (
        "torch.compile: the pruned network is not faster: 0.90 times as fast with 64 images at once" in slow
    )
    page = in_runtimes(rows)
    assert "torch.compile, torch 2.15.0" in page and "OpenVINO: it can" in page and not in_runtimes([])
    assert slow in page


def test_times_of_a_saved_run_come_into_its_report(tmp_path, monkeypatch):
    monkeypatch.setenv("PRUNING_TIMING_SECONDS", "0")
    shutil.copytree(SAVED / "plain", tmp_path / "run")
    export_command.times(tmp_path / "run", runtime=("torch",))
    export_command.times(tmp_path / "run", runtime=("torch",))
    (row,) = pruning.load_report(tmp_path / "run")["latency_ms"]["runtimes"]
    assert row["runtime"] == "torch" and {"baseline", "final"} <= set(row["milliseconds"]["1"])
    with pytest.raises(ValueError, match="holds no run"):
        export_command.times(tmp_path)


def test_the_time_that_counts_is_that_of_the_runtime_asked_for():
    told = {"final": 3.0, "baseline": 4.0, "batch": 64}
    rows = [{"runtime": "onnxruntime", "milliseconds": {"1": {"final": 1.0}, "64": {"final": 2.0}}}]
    rows += [{"runtime": "openvino", "error": "it can't"}]
    assert measured_in(told, "torch") == told
    assert measured_in(told | {"runtimes": rows}, "onnxruntime") == {"final": 2.0, "batch": 64}
    assert measured_in(told | {"runtimes": rows}, "openvino") == {}
