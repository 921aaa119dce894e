"""GDP measured: what its gates do to accuracy, beside other criteria with as many epochs: docs/gates.md.

python -m tests.benchmarks.gates digits|scenes|public|networks|cost [--threads N] [--seeds N ...]
python -m tests.benchmarks.gates_tables      writes the document

`public` needs PRUNING_DATA. Every part goes on where it was stopped.
"""

import argparse
import os
import time
from unittest import mock

import numpy as np
import torch

from pruning.allocation import made
from pruning.allocation.limits import cost_of, limits_of
from pruning.data import to_tensor
from pruning.experiment import Recipe, run
from pruning.experiment.loading import load
from pruning.gates import Gates, training
from pruning.gates.gate_optimizer import GateOptimizer
from pruning.models import load_model
from pruning.surgery import cut
from pruning.train import fit
from tests.benchmarks.measured import SEEDS, public, remembered, right, row

CUTS = (0.3, 0.5, 0.7)
RIVALS = ("l1", "di", "cpot", "catro")
NEW, FROZEN, RANDOM = "new weights, GDP's widths", "t frozen", "closed at random, GDP's widths"
DIGITS = {"data": "digits", "criterion": "gdp", "epochs": 10}
SCENES = {"data": "scenes", "criterion": "gdp", "cut": 0.5, "epochs": 4}
NETWORKS = {  # file name: what differs from SCENES
    "mobilenet_v2_slim": {"model": "mobilenet_v2_slim", "cut": 0.5},
    "vgg16_slim": {"model": "vgg16_slim", "cut": 0.6},
    "resnet20": {"cut": 0.8, "options": {"blocks": True}},
    "resnet20-digits": {"data": "digits", "cut": 0.8, "epochs": 10, "options": {"blocks": True}},
}
COSTED = ("resnet20", "mobilenet_v2_slim", "vgg16_slim")
STEPS = 40  # timed, plain and gated in turns


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


def measure_scenes(threads: int, seeds):
    for seed in seeds:
        for control in ("none", "random"):
            recipe = Recipe(**SCENES, options={"control": control}, seed=seed, threads=threads)
            remembered(f"gates-scenes-gdp-{control}-{seed}", lambda recipe=recipe: gdp(recipe))
        for name in RIVALS:
            changes = {"criterion": name, "repair": "recalibrate", "seed": seed, "threads": threads}
            recipe = Recipe(**(SCENES | changes))
            remembered(f"gates-scenes-{name}-{seed}", lambda recipe=recipe: staged(run(recipe)))
        recipe = Recipe(**SCENES, seed=seed, threads=threads)
        remembered(f"gates-scenes-new-{seed}", lambda recipe=recipe, seed=seed: from_nothing(recipe, seed))


def from_nothing(recipe: Recipe, seed: int) -> dict:
    """The widths that the gates found, with new weights, trained for as many epochs in all."""
    loaded = load(recipe)
    structure, widths = loaded.graph.structure, row(f"gates-scenes-gdp-none-{seed}")["widths"]
    limits = limits_of(structure, "inner", (), {}, 0.9, 1, 1)
    kept = {g: np.arange(widths[group.name]) for g, group in enumerate(structure.groups)}
    plan = made(structure, kept, "macs", recipe.cut, cost_of(structure, "macs", limits), limits)
    torch.manual_seed(seed)
    small = cut(load_model(recipe.model, loaded.data, "none"), plan)
    for module in small.modules():
        if hasattr(module, "reset_parameters") and all(p.numel() for p in module.parameters()):
            module.reset_parameters()
    normalization = loaded.model.origin.normalization
    fit(
        small,
        loaded.data,
        **{"epochs": recipe.epochs, "lr": 0.1, "seed": seed, "schedule": "one-cycle"},
        normalization=normalization,
    )
    return {"tuned": right(small, loaded.data.test, normalization)}


def measure_public(threads: int, seeds):
    for seed in seeds:
        same = {"cut": 0.5, "epochs": 5, "seed": seed, "threads": threads, "lr": 0.02}
        remembered(
            f"gates-public-gdp-{seed}", lambda same=same: gdp(public("resnet56", criterion="gdp", **same))
        )
        rival = public("resnet56", criterion="l1", repair="recalibrate", **same)
        remembered(f"gates-public-l1-{seed}", lambda rival=rival: staged(run(rival)))
        for control in ("frozen", "random") if seed == 0 else ():
            of = public("resnet56", criterion="gdp", options={"control": control}, **same)
            remembered(f"gates-public-{control}-{seed}", lambda of=of: gdp(of))


def measure_networks(threads: int, seeds):
    for name, changes in NETWORKS.items():
        recipe = Recipe(**(SCENES | changes), threads=threads)
        remembered(f"gates-network-{name}", lambda recipe=recipe: gdp(recipe))


def measure_cost(threads: int, seeds):
    for model in COSTED:
        remembered(f"gates-cost-{model}", lambda model=model: step_times(model, "scenes"))


def step_times(model: str, data: str) -> dict:
    """Median seconds of a training step of 64 images, plain and gated, taken in turns."""
    loaded = load(Recipe(model=model, data=data))
    network, split = loaded.model, loaded.data.train
    images = to_tensor(split.images[:64], network.origin.normalization, "cpu")
    labels = torch.from_numpy(np.array(split.labels[:64]))
    gates = Gates(loaded.graph)
    mover = GateOptimizer(gates, 0.5, 10 * STEPS, 1e-4, 1.0)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)
    network.train()

    def step(gated: bool) -> float:
        start = time.perf_counter()
        optimizer.zero_grad()
        outputs = gates(images) if gated else network(images)
        torch.nn.functional.cross_entropy(outputs, labels).backward()
        optimizer.step()
        if gated:
            mover.move(gates.open.grad.double().numpy())
        return time.perf_counter() - start

    times = [[step(False), step(True)] for _ in range(STEPS)]
    plain, gated = np.median(np.array(times[5:]), axis=0)
    return {"plain": plain, "gated": gated, "threads": torch.get_num_threads()}


PARTS = {
    "digits": measure_digits,
    "scenes": measure_scenes,
    "public": measure_public,
    "networks": measure_networks,
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
