"""Seconds, memory and speed-up: parts of docs/repair.md. Run by `tests.benchmarks.repair time` and `speed`.

Each network is timed in a process of its own, so that its memory is its own.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import pruning
from pruning.bench.child import high_water
from pruning.experiment import Recipe
from pruning.experiment.loading import load, use_threads
from pruning.experiment.planning import planned, scores_of
from pruning.latency import latency_table
from pruning.latency.timing import timings
from tests.benchmarks.measured import ROOT, remembered
from tests.benchmarks.repaired import DEEP, OURS, SHALLOW, STEPS, recipe_of

LARGE = "torchvision:resnet50"
TIMED = {SHALLOW: STEPS, DEEP: STEPS, LARGE: 10}  # steps of matching
LARGE_IMAGES, SIDE, CLASSES = 100, 224, 10  # made-up images: their content changes no time
BATCH = 64
SPED = (DEEP, "vgg16_slim-scenes")
HALF = 0.5
WAYS = {  # how widths are chosen
    "uniform": {"allocation": "uniform"},
    "error": {"allocation": "error"},
    "error, --round-to 8": {"allocation": "error", "round_to": 8},
    "error, --round-to 16": {"allocation": "error", "round_to": 16},
}
LATENCY = "error, --measure latency"
HALVINGS = 10  # of the share of time, until the MACs cut are near


# ------------------------------------------------------------------------------------------- seconds, memory


def measure_time(given):
    for network in given.networks or TIMED:
        remembered(f"repair-time-{network.replace(':', '-')}", lambda n=network: in_child(n, given.threads))


def in_child(network: str, threads: int) -> dict:
    command = [sys.executable, "-m", "tests.benchmarks.repair_cost", network, str(threads)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def timed(network: str, threads: int, folder: Path) -> dict:
    """Seconds of each stage at half the MACs, and the process's memory at its highest after it, in bytes."""
    fields = {"criterion": OURS, "allocation": "error", "repair": "none", "cut": HALF, "threads": threads}
    if network == LARGE:
        data, images = made_up(folder / "images.npz"), LARGE_IMAGES
        recipe = Recipe(model=LARGE, data=str(data), checkpoint="none", calibration=images, **fields)
    else:
        recipe = recipe_of(network, **fields)
    use_threads(recipe)
    loaded = load(recipe)
    clock = Stages()
    scores = scores_of(loaded)
    clock.ended("score")
    plan = planned(loaded.recipe, loaded.graph, scores, loaded.data)
    clock.ended("allocate")
    small = pruning.cut(loaded.model, plan)
    how = {"calibration": loaded.recipe.calibration, "match_steps": TIMED[network], "watch": clock.watch}
    clock.ended("cut")
    messages = pruning.repair(small, plan, loaded.model, loaded.data, "match", **how)
    clock.ended("match")
    images = loaded.recipe.calibration
    return {"seconds": clock.seconds, "peak": clock.peak, "images": images, "threads": threads} | {
        "messages": [*scores.messages, *plan.messages, *messages]
    }


class Stages:
    """Seconds of each stage, and the most memory held until its end. `watch` sees where one repair ends and
    the next begins: when the last layer is refitted."""

    def __init__(self):
        self.begun, self.seconds, self.peak = time.perf_counter(), {}, {}

    def ended(self, stage: str):
        now = time.perf_counter()
        self.seconds[stage], self.peak[stage], self.begun = now - self.begun, high_water(), now

    def watch(self, stage: str, done: int, total: int, **values):
        if values.get("message") == "reconstruct" and done == total:
            self.ended("reconstruct")


def made_up(path: Path) -> Path:
    """Random images of 224 x 224 pixels, as few as are looked at."""
    random = np.random.default_rng(0)
    arrays = {}
    for part, number in (("train", 2 * LARGE_IMAGES), ("test", CLASSES)):
        arrays[f"x_{part}"] = random.integers(0, 256, (number, SIDE, SIDE, 3), dtype=np.uint8)
        arrays[f"y_{part}"] = np.arange(number) % CLASSES
    np.savez(path, **arrays)
    return path


# ------------------------------------------------------------------------------------------------- speed-up


def measure_speed(given):
    for place in given.networks or SPED:
        remembered(f"repair-speed-{place}", lambda place=place: sped(place, given.threads))


def sped(place: str, threads: int) -> dict:
    """Milliseconds of a batch of 64, whole and cut in every way, and of every layer."""
    fields = {"criterion": OURS, "repair": "none", "allocation": "uniform", "threads": threads}
    loaded = load(recipe_of(place, **fields))
    scores = scores_of(loaded)
    plans = {}
    for name, changes in WAYS.items():
        recipe = loaded.recipe.but(**{"cut": HALF, **changes})
        plans[name] = planned(recipe, loaded.graph, scores, loaded.data)
    table = latency_table(loaded.graph, batch=BATCH)
    plans[LATENCY] = at_half(loaded, scores, table)
    images = torch.randn(BATCH, *loaded.graph.example[0].shape[1:])
    networks = [loaded.model, *(pruning.cut(loaded.model, plan) for plan in plans.values())]
    found = timings(networks, (images,), loaded.graph.structure)
    told = [as_row(timing, network) for timing, network in zip(found, networks, strict=True)]
    for row, plan in zip(told[1:], plans.values(), strict=True):
        row |= {"macs_cut": 1 - plan.macs / plan.macs_before, "widths": plan.widths}
        row["estimate_ms"] = table.estimate(loaded.graph.structure, plan.widths)
    return {"whole": told[0], "cut": dict(zip(plans, told[1:], strict=True)), "threads": threads}


def at_half(loaded, scores, table):
    """The plan by measured time whose MACs cut come nearest to half."""
    low, high, best = 0.0, 0.9, None
    for _ in range(HALVINGS):
        share = (low + high) / 2
        plan = pruning.search_plan(
            loaded.graph,
            OURS,
            loaded.data,
            scores=scores,
            allocation="error",
            measure="latency",
            latency=table,
            cut=share,
            calibration=loaded.recipe.calibration,
            expect=None,
        )
        gone = 1 - plan.macs / plan.macs_before
        if best is None or abs(gone - HALF) < abs(1 - best.macs / best.macs_before - HALF):
            best = plan
        low, high = (share, high) if gone < HALF else (low, share)
    return best


def as_row(timing, network) -> dict:
    """sizes: numbers in each weight; of one layer, MACs are in proportion to them, whatever is cut."""
    sizes = {name: p.numel() for name, p in network.named_parameters() if name in timing.layers}
    told = {"ms": timing.median, "spread": timing.spread, "runs": timing.runs, "layers": timing.layers}
    return told | {"sizes": sizes}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(timed(sys.argv[1], int(sys.argv[2]), Path(scratch))))
