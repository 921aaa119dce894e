"""GDP measured: whether its target is reached, its controls, and what a step costs: docs/gates.md.

python -m tests.benchmarks.gates digits|cost [--threads N] [--seeds N ...]
python -m tests.benchmarks.gates_tables      writes the document

What its gates choose is measured by `gates_choice`. Every part goes on where it was stopped.
"""

import argparse
import os
import time
from unittest import mock

import numpy as np
import torch

from pruning.data import to_tensor
from pruning.experiment import Recipe, run
from pruning.experiment.loading import load
from pruning.gates import Gates, training, training_loop
from pruning.gates.gate_optimizer import GateOptimizer
from tests.benchmarks.measured import SEEDS, remembered, right

CUTS = (0.3, 0.5, 0.7)
FROZEN, RANDOM = "t frozen", "closed at random, GDP's widths"
DIGITS = {"data": "digits", "criterion": "gdp", "epochs": 10}
COSTED = ("resnet20", "mobilenet_v2_slim", "vgg16_slim")
STEPS = 40  # timed


class Watched(training.Training):
    """A training with gates whose network is asked for the test images ten steps before it ends."""

    ten_before: list[int] = []

    def one_batch(self):
        super().one_batch()
        if self.gate_optimizer.step == self.gate_optimizer.steps - 10:
            with self.gates.inserted():
                Watched.ten_before = right(self.model, self.dataset.test, self.normalization)


def gdp(recipe: Recipe) -> dict:
    """What a run with gates found, at every stage that it went through."""
    with mock.patch.object(training, "Training", Watched):
        result = run(recipe)
    report = result.report
    return staged(result) | {
        "ten_before": Watched.ten_before,
        "gates": report["gates"],
        "messages": report["messages"],
        "widths": result.plan.widths,
    }


def staged(result) -> dict:
    """Right answers on the test part at every stage of a run."""
    labels, report = result.predictions["labels"], result.report
    stages = [name for name, value in report["accuracy"].items() if value is not None]
    return {s: (result.predictions[f"{s}_classes"] == labels).astype(int).tolist() for s in stages} | {
        "macs_cut": 1 - result.plan.macs / result.plan.macs_before,
        "seconds": report["seconds"],
    }


def measure_digits(threads: int, seeds):
    for control in ("none", "frozen", "random"):
        for share in CUTS if control == "none" else (0.5,):
            for seed in seeds:
                recipe = Recipe(**DIGITS, options={"control": control}, cut=share, seed=seed, threads=threads)
                remembered(f"gates-digits-{control}-{share}-{seed}", lambda recipe=recipe: gdp(recipe))


def measure_cost(threads: int, seeds):
    for model in COSTED:
        remembered(f"gates-cost-{model}", lambda model=model: step_times(model, "scenes"))


def step_times(model: str, data: str) -> dict:
    """Median processor seconds of a training step of 64 images, taken in turns: plain; gated; and gated while
    the loss is asked on parts of the batch, under norms that are held."""
    loaded = load(Recipe(model=model, data=data))
    network, split = loaded.model, loaded.data.train
    images = to_tensor(split.images[:64], network.origin.normalization, "cpu")
    labels = torch.from_numpy(np.array(split.labels[:64]))
    gates = Gates(loaded.graph)
    mover = GateOptimizer(gates, 0.5, 10 * STEPS, 1e-4, 1.0)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)
    network.train()

    def step(parts: int) -> float:
        start = time.process_time()
        optimizer.zero_grad()
        gates.norms_held = parts > 1
        for some, wanted in zip(images.chunk(max(1, parts)), labels.chunk(max(1, parts)), strict=True):
            outputs = gates(some) if parts else network(some)
            torch.nn.functional.cross_entropy(outputs, wanted).backward()
        optimizer.step()
        if parts:
            mover.move()
        return time.process_time() - start

    times = [[step(parts) for parts in (0, 1, training_loop.PARTS)] for _ in range(STEPS)]
    plain, gated, asked = np.median(np.array(times[5:]), axis=0)
    return {"plain": plain, "gated": gated, "asked": asked}


PARTS = {
    "digits": measure_digits,
    "cost": measure_cost,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=tuple(PARTS))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    PARTS[given.part](given.threads, given.seeds)
