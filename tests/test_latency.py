"""Measured times: a table of them, plans made on it, and reports that tell what a cut gave. No test asserts a
time: of a real measurement the shape is checked, and the arithmetic on times that are made up."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import pruning
from pruning.experiment.latency_tables import named_table, with_table
from pruning.experiment.loading import load
from pruning.latency import FILE, LatencyTable
from pruning.latency.table import Grid, Machine
from pruning.latency.width_grid import between, widths
from pruning.progress import silent
from tests.front_door import forked

QUICK = ("--model", "vgg16_slim", "--data", "digits", "--checkpoint", "none", "--criterion", "l1")
QUICK += ("--threads", 1, "--cut", 0.05)  # within reach whatever this machine measures
MACHINE = Machine("a processor", 4, 2, "cpu", "2.0")


class Small(nn.Module):
    """Every kind of layer that is measured: dense, grouped, depth-wise, transposed, called twice, linear."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 20, 3, padding=1), nn.BatchNorm2d(20)
        self.deep = nn.Conv2d(20, 20, 3, padding=1, groups=20)
        self.back = nn.ConvTranspose2d(20, 12, 2, stride=2)
        self.grouped, self.head = nn.Conv2d(12, 8, 3, groups=2), nn.Linear(8, 5)

    def forward(self, x):
        x = self.deep(self.deep(torch.relu(self.norm(self.first(x)))))
        return self.head(self.grouped(torch.relu(self.back(x))).mean((2, 3)))


def graph_of(model: nn.Module) -> pruning.ChannelGraph:
    return pruning.ChannelGraph(model.eval(), torch.randn(2, 3, 6, 6))


@pytest.fixture(scope="module")
def graph():
    return graph_of(Small())


@pytest.fixture(scope="module")
def measured(graph):
    return pruning.latency_table(graph, batch=2)


def timed(step: np.ndarray, machine: Machine):
    """Two layers of 64 channels, and times made up. step: [64], by width."""
    model = nn.Sequential(
        nn.Conv2d(3, 64, 1), nn.ReLU(), nn.Conv2d(64, 64, 1), nn.ReLU(), nn.Conv2d(64, 2, 1)
    )
    graph, every = graph_of(model), tuple(range(1, 65))
    grids = (
        Grid(every, (3,), step[:, None]),
        Grid(every, every, step[:, None] * step[None, :]),
        Grid((2,), every, step[None, :]),
    )
    calls = {"0.weight": (0,), "2.weight": (1,), "4.weight": (2,)}
    digest, shape = graph.structure.model_digest, graph.structure.input_shape
    how = {"machine": machine, "batch": 8, "block": 1, "baseline_ms": 24.0, "model_digest": digest}
    return graph, LatencyTable(**how, input_shape=shape, grids=grids, calls=calls)


@pytest.fixture(scope="module")
def pair():
    """Times that fall in steps of 16."""
    return timed(np.ceil(np.arange(1, 65) / 16), MACHINE)


# ------------------------------------------------------------------------------------------- the table


@settings(deadline=None)
@given(st.integers(1, 700), st.sampled_from((1, 4, 8, 16)))
def test_a_measured_width_is_itself_and_others_lie_between_two_of_their_kind(whole, block):
    rungs = np.array(widths(whole, block))
    found, every = between(rungs, block), np.arange(1, whole + 1)
    assert rungs[-1] == whole and len(rungs) <= 10 and (np.diff(rungs) > 0).all() and rungs[0] >= 1
    assert ((found.share >= 0) & (found.share <= 1)).all()
    assert (rungs[found.low[rungs]] == rungs).all() and not found.share[rungs].any()
    step = block if whole > block else 1
    full = every[every % step == 0]
    assert (rungs[found.low[full]] % step == 0).all() and (rungs[found.low[full]] <= full).all()
    assert (rungs[found.high[full]] >= full).all()


def test_between_measured_widths_an_estimate_is_bilinear(pair):
    graph, table = pair
    ms = np.array([[1.0, 2.0], [3.0, 5.0], [10.0, 20.0]])
    coarse = replace(table, grids=(Grid((64,), (3,), np.zeros((1, 1))), Grid((4, 20, 64), (8, 64), ms)))
    form = replace(coarse, calls={"2.weight": (1,)}).form(graph.structure)
    assert form([64, 64]) == 20 and form([8, 20]) == 3 and form([64, 4]) == 2
    assert form([8 + 14, 12]) == pytest.approx((1 + 3) / 2 * 0.75 + (2 + 5) / 2 * 0.25)
    assert form([1, 1]) == 1  # below what was measured


def test_an_estimate_is_what_was_measured(measured, graph):
    form, structure = measured.form(graph.structure), graph.structure
    sizes = np.array([group.size for group in structure.groups])
    assert set(form.weights) == {f"{n}.weight" for n in ("first", "deep", "back", "grouped", "head")}
    assert form.weights.count("deep.weight") == 2  # two calls of one layer
    alone = dict(zip(form.weights, form.alone(np.append(sizes, 1.0)), strict=True))
    for weight, ms in alone.items():
        assert ms == measured.grids[measured.calls[weight][0]].ms[-1, -1] > 0
    assert measured.estimate(structure, dict(zip(structure.names, sizes, strict=True))) == form(sizes)
    slower = np.where(form.ragged(np.append(sizes, 1.0)), measured.ragged, 1.0)
    layers = measured.in_network * sum(slower * [alone[weight] for weight in form.weights])
    rest = measured.each_ms * (form.elements @ [*sizes, 1]) / 1e6 + measured.constant_ms
    assert form(sizes) == pytest.approx(layers + rest)
    assert sum(form.layers(sizes).values()) == pytest.approx(layers)


def test_a_table_comes_back_from_its_file_with_the_same_digest(measured, graph, tmp_path):
    (tmp_path / FILE).write_text(measured.to_json())
    again = LatencyTable.read(tmp_path / FILE)
    ones = [1] * len(graph.groups)
    assert again.digest == measured.digest and again.digest.startswith("sha256:")
    assert again.estimate(graph.structure, ones) == measured.estimate(graph.structure, ones)
    assert again.machine == measured.machine and again.machine.threads == torch.get_num_threads()
    assert replace(again, in_network=again.in_network + 1).digest != again.digest
    assert replace(again, ragged=again.ragged + 1).digest != again.digest


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2}', '{"version": 1, "machine": {}}'])
def test_a_file_that_is_no_table_is_one_sentence(text, tmp_path):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ValueError, match=r"no latency table: give a latency\.json"):
        LatencyTable.read(tmp_path / FILE)


def test_measuring_leaves_the_network_as_it_was(graph):
    before = {name: tensor.clone() for name, tensor in graph.model.state_dict().items()}
    graph.model.train()
    pruning.latency_table(graph, batch=1)
    assert graph.model.training and not any(m._forward_hooks for m in graph.model.modules())
    graph.model.eval()
    assert all(torch.equal(before[name], tensor) for name, tensor in graph.model.state_dict().items())


# ------------------------------------------------------------------------------------------- plans


@pytest.mark.parametrize("round_to", (1, 8))
@pytest.mark.parametrize("allocation", ("uniform", "global"))
@pytest.mark.parametrize("cut", (0.2, 0.5, 0.8))
def test_a_plan_by_time_comes_as_near_as_the_steps_allow(pair, cut, allocation, round_to):
    graph, table = pair
    scores = pruning.score(graph, "l1")
    how = {"cut": cut, "measure": "latency", "allocation": allocation, "latency": table}
    plan = pruning.plan(graph, scores, round_to=round_to, **how)
    kept = np.array([plan.widths[name] for name in graph.structure.names])
    whole = table.estimate(graph.structure, [64, 64])
    assert plan.achieved == pytest.approx(1 - table.estimate(graph.structure, kept) / whole)
    assert (kept % 16 == 0).all()  # a channel whose loss saves nothing stays
    at = [
        1 - table.estimate(graph.structure, [16 * a, 16 * b]) / whole
        for a in (1, 2, 3, 4)
        for b in (1, 2, 3, 4)
    ]
    assert abs(plan.achieved - cut) <= max(np.diff(sorted(at)))
    assert abs(plan.achieved - cut) <= 0.005 or "of the latency were to be cut" in plan.messages[0]
    again = pruning.plan(graph, scores, round_to=round_to, **how)
    assert again.widths == plan.widths


@pytest.mark.parametrize("allocation", ("greedy", "trace-ratio", "error"))
def test_a_search_by_time_takes_whole_steps(pair, allocation):
    graph, table = pair
    data = (torch.randn(40, 3, 6, 6), torch.arange(40) % 2)
    model = nn.Sequential(graph.model, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    answering = graph_of(model)
    table = replace(
        table,
        model_digest=answering.structure.model_digest,
        calls={f"0.{weight}": numbers for weight, numbers in table.calls.items()},
    )
    how = {"cut": 0.5, "measure": "latency", "latency": table, "images": 20, "calibration": 20}
    plan = pruning.search_plan(answering, "l1", data, allocation=allocation, **how)
    assert plan.path and 0.3 < plan.achieved < 0.7
    assert all(step.left <= 1.001 * 24 for step in plan.path)
    assert all(width % 16 == 0 for width in plan.widths.values())


def test_a_target_of_time_out_of_reach_names_the_largest(pair):
    graph, table = pair
    with pytest.raises(ValueError, match=r"the largest within the limits is 0\.875"):
        pruning.plan(graph, pruning.score(graph, "l1"), cut=0.95, measure="latency", latency=table)


def test_measure_and_table_go_together_and_are_of_one_network(pair, measured):
    graph, table = pair
    scores = pruning.score(graph, "l1")
    with pytest.raises(ValueError, match="go together"):
        pruning.plan(graph, scores, measure="latency")
    with pytest.raises(ValueError, match="go together"):
        pruning.plan(graph, scores, measure="macs", latency=table)
    with pytest.raises(ValueError, match="another network"):
        pruning.plan(graph, scores, measure="latency", latency=measured)


# ------------------------------------------------------------------------------------------- the command line


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    out = tmp_path_factory.mktemp("latency") / "first"
    how = ("--measure", "latency", "--calibration", 20)
    done = forked("run", *QUICK, *how, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def report(folder) -> dict:
    return json.loads((folder / "report.json").read_text())


def test_a_recipe_finds_its_table_beside_it_and_gives_the_same_widths(ran, tmp_path):
    assert forked("run", "--recipe", ran / "recipe.json", "--out", tmp_path).returncode == 0
    first, second = report(ran), report(tmp_path)
    assert second["widths"] == first["widths"] and second["recipe"] == first["recipe"]
    assert first["recipe"]["latency"] == LatencyTable.read(ran / FILE).digest
    assert (tmp_path / FILE).read_text() == (ran / FILE).read_text()
    assert any(after < before for before, after in first["widths"].values()) and pruning.load(ran)


def test_a_report_tells_both_batches_their_spread_and_every_layer(ran):
    told = report(ran)["latency_ms"]
    assert {"baseline", "final", "batch", "threads", "device"} <= set(told)
    assert told["batch"] == 64 and told["threads"] == 1 and told["estimated"]["batch"] == 64
    for times in (told, told["batch_1"]):
        for stage in ("baseline", "final"):
            low, high = times["spread"][stage]
            assert 0 < low <= times[stage] <= high
    rows = {row["runtime"]: row for row in told["runtimes"]}
    assert {"torch", "onnxruntime"} <= set(rows) and "compile" not in rows
    for row in rows.values():
        assert set(row["milliseconds"]) == {"1", "64"} and row["threads"] == 1
    layers = pd.DataFrame(told["layers"])
    assert list(layers["kind"])[-1] == "other" and {"convolution", "norm", "linear"} <= set(layers["kind"])
    totals = report(ran)["macs"]
    assert layers["macs_before"].sum() == totals["baseline"] and layers["macs_after"].sum() == totals["final"]


def test_a_table_of_another_machine_is_used_and_said(ran, tmp_path):
    (tmp_path / FILE).write_text(replace(LatencyTable.read(ran / FILE), machine=MACHINE).to_json())
    recipe = pruning.Recipe.from_json((ran / "recipe.json").read_text())
    recipe = replace(recipe, latency=str(tmp_path / FILE))
    found, (told,) = with_table(load(recipe), named_table(recipe), None, silent)
    assert "on another machine or setting: a processor (4 cores, 2 threads" in told
    assert found.table.machine == MACHINE and found.recipe.latency == found.table.digest
    found, told = with_table(load(replace(recipe, measure="macs", latency=None)), None, None, silent)
    assert found.table is None and not told


def test_a_table_that_is_gone_or_another_is_one_sentence(ran, tmp_path):
    recipe = tmp_path / "recipe.json"
    recipe.write_text((ran / "recipe.json").read_text())
    gone = forked("run", "--recipe", recipe, "--out", tmp_path / "out")
    assert gone.returncode == 2 and gone.stderr.count("\n") == 1 and "--latency FILE" in gone.stderr
    table = LatencyTable.read(ran / FILE)
    (tmp_path / FILE).write_text(replace(table, constant_ms=7.0).to_json())
    other = forked("run", "--recipe", recipe, "--out", tmp_path / "out")
    assert other.returncode == 2 and "is not the latency.json that this recipe" in other.stderr


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"latency": "latency.json"}, "give measure=latency"),
        ({"measure": "latency", "latency": "nowhere.json"}, "there is no latency table nowhere.json"),
        ({"measure": "latency", "criterion": "gdp", "epochs": 2}, "give measure=macs or params"),
    ],
)
def test_settings_of_time_that_cannot_be_are_one_sentence(fields, sentence):
    with pytest.raises(ValueError, match=sentence):
        pruning.run(pruning.Recipe(data="digits", **fields))


def test_another_measure_or_network_forgets_the_times():
    recipe = pruning.Recipe(measure="latency", latency="sha256:00#latency.json")
    assert recipe.but(cut=0.3).latency and recipe.but(measure="macs").latency is None
    assert recipe.but(model="resnet56").latency is None
    assert recipe.but(measure="macs", latency="kept").latency == "kept"
    assert pruning.Recipe.from_query(recipe.to_query()) == recipe
