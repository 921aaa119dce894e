"""The front door, every part of it once, on a device: what a test runs on a pretended one, and
`python -m tests.benchmarks.device` on a real one.

A part takes a recipe (its network, data, device and size of everything), a folder, and a number of hold-out
images where it asks for one; it returns figures that another device should give as well.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import nn

import pruning
from pruning import gates as gating
from pruning.__main__ import main
from pruning.criteria import SCORED
from pruning.experiment import Recipe
from pruning.experiment.loaded_networks import loaded
from pruning.inspection import (
    accuracy_now,
    compress_preview,
    criterion_duel,
    criterion_views,
    describe,
    label_shuffling,
    one_channel,
    oracle,
    plan_of,
    prediction_changes,
    scored,
)
from pruning.inspection.sensitivity import sensitivity
from pruning.reconstruction import REPAIRS
from pruning.wall import wall

Figures = dict[str, float]
Part = Callable[[Recipe, Path, int], Figures]
PARTS: dict[str, Part] = {}
SHORT = {"conductance": {"steps": 2}, "integrated_gradients": {"steps": 2, "images": 8}}
WIDTHS = ("uniform", "global", "greedy", "trace-ratio", "error")


def part(title: str) -> Callable[[Part], Part]:
    def listed(run: Part) -> Part:
        PARTS[title] = run
        return run

    return listed


def plain(recipe: Recipe, **changes) -> Recipe:
    """By a criterion that costs nothing, every group alike, unrepaired."""
    return recipe.but(**{"criterion": "l1", "allocation": "uniform", "repair": "none"} | changes)


def first_group(recipe: Recipe) -> str:
    return describe(recipe).structure.names[0]


def typed(*words):
    """A command of the command line, in this process, to its end."""
    try:
        code = main([*map(str, words)])
    except SystemExit as ended:
        code = ended.code
    assert not code


def images_for(recipe: Recipe) -> torch.Tensor:
    """Noise, drawn on the processor, whatever the device."""
    size = loaded(recipe).model.origin.size
    return torch.rand(8, 3, size, size).to(recipe.device)


def told(report: dict) -> Figures:
    return {name: value for name, value in report["accuracy"].items() if value is not None}


@part("run, by the command line, all unsaid; loaded again")
def by_default(recipe: Recipe, folder: Path, images: int) -> Figures:
    out = folder / "default"
    device = () if "--device" in recipe.flags() else ("--device", recipe.device)
    typed("run", *recipe.flags(), *device, "--out", out)
    report = json.loads((out / "report.json").read_text())
    assert json.loads((out / "recipe.json").read_text())["device"] == recipe.device
    left = sum(parameter.numel() for parameter in pruning.load(out).parameters())
    assert left == report["parameters"]["final"] < report["parameters"]["baseline"]
    return told(report) | {"expected": report["expected"]["accuracy"]}


@part("every criterion")
def by_criterion(recipe: Recipe, folder: Path, images: int) -> Figures:
    found = {}
    for name in SCORED:
        asked = plain(recipe, criterion=name, options=SHORT.get(name, {}))
        scores = np.concatenate(list(scored(asked).values()))
        found[name] = float(np.abs(scores[np.isfinite(scores)]).mean())
    return found


@part("every allocation")
def by_allocation(recipe: Recipe, folder: Path, images: int) -> Figures:
    asked = plain(recipe, criterion="catro", search_images=images)
    found = {name: plan_of(asked.but(allocation=name)).macs for name in WIDTHS}
    greedy = asked.but(allocation="greedy")
    return found | {
        f"greedy by {by}": plan_of(greedy.but(search_by=by)).macs for by in ("cross-entropy", "di")
    }


@part("every repair")
def by_repair(recipe: Recipe, folder: Path, images: int) -> Figures:
    found = {}
    for how in REPAIRS:
        steps = {"match_steps": recipe.match_steps} if how == "match" else {}
        now = accuracy_now(plain(recipe, repair=how, **steps))
        found |= {"raw": now.raw, how: now.repaired}
    return found


@part("a run of measured time")
def by_latency(recipe: Recipe, folder: Path, images: int) -> Figures:
    graph = loaded(recipe).graph
    table = pruning.latency_table(graph, batch=2)
    grids = (replace(grid, ms=0.01 * np.outer(grid.first, grid.second)) for grid in table.grids)
    table = replace(table, grids=tuple(grids), in_network=1.0, each_ms=0.0, constant_ms=0.0)
    (folder / "latency.json").write_text(table.to_json())  # times that no other work on the machine changes
    asked = plain(recipe, measure="latency", cut=recipe.cut, latency=str(folder / "latency.json"))
    return {"layers": len(table.grids)} | told(pruning.run(asked).report)


@part("gates, stopped and gone on with")
def by_gates(recipe: Recipe, folder: Path, images: int) -> Figures:
    from pruning.progress import Paused
    from pruning.train.training_state import Saved

    asked, state = (
        plain(recipe, criterion="gdp", allocation="gates", epochs=2, gate_epochs=1),
        folder / "state",
    )

    def pause(stage: str, done: int, total: int, **values):
        if stage == "tune" and done == 1:
            Saved(state).ask("pause")

    try:
        pruning.run(asked, pause, state)
    except Paused:
        pass
    assert Saved(state).holds
    return told(pruning.run(asked, state=state).report)


@part("fine-tuning under a teacher, and few bits")
def by_teacher(recipe: Recipe, folder: Path, images: int) -> Figures:
    few = {"bits": 6.0, "bit_choices": (4, 8), "bits_by": "di", "bits_epochs": 1}
    return told(pruning.run(plain(recipe, repair="recalibrate", epochs=1, distill=True, **few)).report)


@part("a few classes, and what they are compared with")
def by_classes(recipe: Recipe, folder: Path, images: int) -> Figures:
    asked = plain(recipe, criterion="catro", repair="recalibrate", subtask=(3, 5, 8))
    rows = compress_preview.subtask_now(asked).rows
    return told(pruning.run(asked).report) | dict(
        zip(rows["way"], rows["correct"] / rows["images"], strict=True)
    )


@part("bits before a run")
def before_rounding(recipe: Recipe, folder: Path, images: int) -> Figures:
    now = compress_preview.bits_now(plain(recipe, bits=6.0, bit_choices=(4, 8)))
    return {by: way.value for by, way in now.ways.items()}


@part("sensitivity")
def by_group(recipe: Recipe, folder: Path, images: int) -> Figures:
    table = sensitivity(plain(recipe), (0.5,), images=images)
    return {name: float(table[name].mean()) for name in ("cross_entropy_raw", "cross_entropy_repaired")}


@part("the oracle, who is right, and whether labels matter")
def by_removal(recipe: Recipe, folder: Path, images: int) -> Figures:
    asked, group = plain(recipe), first_group(recipe)
    rises = oracle.measure_oracle(asked, group, images=images).channels
    lead = criterion_duel.measure_choices(asked, group, (0, 1), (0, 1), (2, 3), images=images).table["lead"]
    tested = label_shuffling.labels_tested(plain(recipe, criterion="di"), shuffles=1, images=images)
    found = {name: float(rises[name].mean()) for name in ("rise", "rise_repaired")}
    return found | {"lead": float(lead.mean()), "labels": tested.lead.mean}


@part("one channel, and what criteria saw")
def by_channel(recipe: Recipe, folder: Path, images: int) -> Figures:
    asked, group = plain(recipe), first_group(recipe)
    seen = one_channel.looked_into(asked, group, 0)
    classes = one_channel.class_attribution(asked, group, images=images)
    transport = criterion_views.cpot_view(asked.but(criterion="cpot"), group)
    information = criterion_views.di_view(asked.but(criterion="di"), group)
    criterion_views.catro_view(asked.but(criterion="catro"), group)
    return {
        "activation": float(seen.activity["mean"].mean()),
        "typical": float(seen.typical.mean()),
        "attribution": float(classes["attribution"].abs().mean()),
        "transport": float(transport.distances.mean()),
        "information": float(information.channels["kept"].mean()),
    }


@part("the wall, and a run of the app")
def by_app(recipe: Recipe, folder: Path, images: int) -> Figures:
    raw, repaired = wall(plain(recipe), (recipe.cut,)).values[:, 0]
    report = prediction_changes.run_and_report(plain(recipe, epochs=1), str(folder / "job"))
    return told(report.report) | {"wall raw": float(raw), "wall repaired": float(repaired)}


@part("training from nothing, by the command line")
def from_nothing(recipe: Recipe, folder: Path, images: int) -> Figures:
    out = folder / "weights.safetensors"
    words = {"model": recipe.model, "data": recipe.data, "device": recipe.device, "threads": recipe.threads}
    flags = [word for name, value in words.items() for word in (f"--{name}", value)]
    typed("train", *flags, "--epochs", 1, "--out", out)
    with safe_open(out, framework="pt") as file:
        return {"correct": int(file.metadata()["test_correct"])}


@part("in Python: a network and an optimizer in the middle of a training")
def in_python(recipe: Recipe, folder: Path, images: int) -> Figures:
    torch.manual_seed(0)
    model, inputs = copy.deepcopy(loaded(recipe).model), images_for(recipe)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model(inputs).square().mean().backward()
    optimizer.step()
    graph = pruning.ChannelGraph(model, inputs[:1])
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5, groups="all")
    small = pruning.cut(model, plan)
    own = pruning.cut_optimizer(optimizer, model, small, plan)
    with torch.no_grad(), pruning.masked(model, plan):
        apart = (model(inputs) - small(inputs)).abs().max() / model(inputs).abs().max()
    assert float(apart) < 1e-3  # float32, on a device that may multiply in fewer digits
    small(inputs).square().mean().backward()
    own.step()
    pairs = (inputs, torch.arange(8, device=recipe.device) % 2)
    pruning.repair(small, plan, model, pairs, "match", match_steps=2)
    return {"macs": plan.macs}


@part("in Python: gates in a training of one's own")
def own_gates(recipe: Recipe, folder: Path, images: int) -> Figures:
    torch.manual_seed(0)
    model, inputs = copy.deepcopy(loaded(recipe).model), images_for(recipe)
    gates = gating.Gates(pruning.ChannelGraph(model, inputs[:1]), blocks=True)
    mover, optimizer = (
        gating.GateOptimizer(gates, cut=0.5, steps=6),
        torch.optim.SGD(model.parameters(), lr=1e-3),
    )
    for _ in range(6):
        optimizer.zero_grad()
        gates(inputs).square().mean().backward()
        optimizer.step()
        mover.move()
    mover.finish()
    with torch.no_grad():
        before = gates(inputs)
        gates.absorb()
        after = pruning.cut(model, gates.plan())(inputs)
    return {"apart": float((before - after).abs().max()), "left": mover.left}


@part("in Python: a layer too wide for one matrix")
def wide_layer(recipe: Recipe, folder: Path, images: int) -> Figures:
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 98, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(98 * 64, 3))
    model, inputs = nn.Sequential(*layers).eval(), torch.rand(12, 3, 8, 8)
    pairs = (inputs.to(recipe.device), (torch.arange(12) % 3).to(recipe.device))
    graph = pruning.ChannelGraph(model.to(recipe.device), pairs[0][:1])
    scores = pruning.score(graph, "reconstruction", data=pairs, calibration=12)
    found = scores["0"][np.isfinite(scores["0"])]  # a channel that never answers has no score
    return {"lost": float(np.abs(found).mean())}
