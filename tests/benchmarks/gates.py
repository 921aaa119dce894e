"""GDP measured: what its gates do to accuracy, beside other criteria with as many epochs: docs/gates.md.

python -m tests.benchmarks.gates digits|scenes|public|networks|cost [--threads N] [--seeds N ...]
python -m tests.benchmarks.gates write

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
from pruning.experiment import Recipe, paired_difference, run
from pruning.experiment.sources import load
from pruning.gates import Gates, training
from pruning.gates.mover import Mover
from pruning.models import load_model
from pruning.surgery import cut
from pruning.train import fit
from tests.benchmarks.criteria import filled
from tests.benchmarks.measured import SEEDS, in_points, known, percent, public, remembered, right, row, spread
from tests.benchmarks.speed import machine

CUTS = (0.3, 0.5, 0.7)
RIVALS = ("l1", "di", "cpot", "catro")
NEW, FROZEN, RANDOM = "new weights, GDP's widths", "t frozen", "closed at random, GDP's widths"
DIGITS = {"data": "digits", "criterion": "gdp", "epochs": 10}
SCENES = {"data": "scenes", "criterion": "gdp", "cut": 0.5, "epochs": 4}
NETWORKS = {
    "mobilenet_v2_slim": {"cut": 0.5},
    "vgg16_slim": {"cut": 0.6},
    "resnet20": {"cut": 0.8},
}
STEPS = 40  # timed, plain and gated in turns


class Watched(training.Training):
    """A training with gates whose network is asked for the test images ten steps before it ends."""

    ten_before: list[int] = []

    def one_batch(self):
        super().one_batch()
        if self.mover.step == self.mover.steps - 10:
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
    for model, changes in NETWORKS.items():
        recipe = Recipe(
            **(SCENES | changes), model=model, threads=threads, options={"blocks": model == "resnet20"}
        )
        remembered(f"gates-network-{model}", lambda recipe=recipe: gdp(recipe))


def measure_cost(threads: int, seeds):
    for model, data in (("resnet20", "scenes"), ("mobilenet_v2_slim", "scenes"), ("vgg16_slim", "scenes")):
        remembered(f"gates-cost-{model}", lambda model=model, data=data: step_times(model, data))


def step_times(model: str, data: str) -> dict:
    """Median seconds of a training step of 64 images, plain and gated, taken in turns."""
    loaded = load(Recipe(model=model, data=data))
    network, split = loaded.model, loaded.data.train
    images = to_tensor(split.images[:64], network.origin.normalization, "cpu")
    labels = torch.from_numpy(np.array(split.labels[:64]))
    gates = Gates(loaded.graph)
    mover = Mover(gates, 0.5, 10 * STEPS, 1e-4, 1.0)
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


# ---------------------------------------------------------------------------------------- the document


def seeds_of(*keys: str) -> list[int]:
    """The seeds of which every one of these rows is there. keys: without the seed at their end."""
    return [seed for seed in SEEDS if all(known(f"{key}-{seed}") for key in keys)]


def so_far(seeds: list[int]) -> list[str]:
    """A line, where not every seed has been measured."""
    listed = ", ".join(map(str, seeds))
    return (
        [] if len(seeds) == len(SEEDS) else [f"Measured so far: seed{'s' * (len(seeds) > 1)} {listed}.", ""]
    )


def digits_table() -> list[str]:
    lines = [
        "| asked | seed | MACs cut | in between | 10 steps before | gated | right after removal | tuned "
        "| largest difference |",
        "|---" * 9 + "|",
    ]
    for share in CUTS:
        for seed in SEEDS:
            found = row(f"gates-digits-none-{share}-{seed}")
            gates = found["gates"]
            cells = [f"{share:.0%}", str(seed), f"{found['macs_cut']:.1%}", f"{gates['between']:.1%}"]
            cells += [percent(found["ten_before"]), f"{100 * gates['accuracy']:.1f}", percent(found["cut"])]
            cells += [percent(found["tuned"]), f"{gates['absorb_difference']:.0e}"]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def controls_table() -> list[str]:
    titles = {"none": "GDP", "frozen": FROZEN, "random": RANDOM}
    lines = [
        "| digits, 50 % | MACs cut | right after removal | tuned | GDP leads by, tuned |",
        "|---" * 5 + "|",
    ]
    of = {name: [row(f"gates-digits-{name}-0.5-{seed}") for seed in SEEDS] for name in titles}
    for name, title in titles.items():
        cells = [f"{np.mean([r['macs_cut'] for r in of[name]]):.1%}"]
        cells += [spread([r[stage] for r in of[name]]) for stage in ("cut", "tuned")]
        cells.append("" if name == "none" else gap(of["none"], of[name]))
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def gap(ours: list[dict], theirs: list[dict], stage: str = "tuned") -> str:
    return in_points(paired_difference([r[stage] for r in ours], [r[stage] for r in theirs]))


def scenes_table() -> list[str]:
    arms = {"GDP": "gdp-none", RANDOM: "gdp-random", **{name: name for name in RIVALS}, NEW: "new"}
    lines = [
        "| scenes, 50 %, 4 epochs | MACs cut | right after the cut | repaired | tuned | GDP leads by |",
        "|---" * 6 + "|",
    ]
    seeds = seeds_of(*(f"gates-scenes-{key}" for key in arms.values()))
    of = {title: [row(f"gates-scenes-{key}-{seed}") for seed in seeds] for title, key in arms.items()}
    for title, rows in of.items():
        macs = f"{np.mean([r['macs_cut'] for r in rows]):.1%}" if "macs_cut" in rows[0] else "as GDP's"
        cells = [spread([r[s] for r in rows]) if s in rows[0] else "" for s in ("cut", "repaired", "tuned")]
        lead = "" if title == "GDP" else gap(of["GDP"], rows)
        lines.append(f"| {title} | {macs} | {' | '.join(cells)} | {lead} |")
    return [*so_far(seeds), *lines, "", f"Full network: {percent(of['GDP'][0]['baseline'])} %."]


def public_table() -> list[str]:
    lines = [
        "| public ResNet-56, 50 %, 5 epochs in all | MACs cut | right after the cut | repaired | tuned |",
        "|---" * 5 + "|",
    ]
    of = {"GDP": "gdp", "L1, recalibrated": "l1"}
    seeds = seeds_of(*(f"gates-public-{key}" for key in of.values()))
    of = {title: [row(f"gates-public-{key}-{seed}") for seed in seeds] for title, key in of.items()}
    of |= {title: [row(f"gates-public-{key}-0")] for title, key in ((RANDOM, "random"), (FROZEN, "frozen"))}
    for title, rows in of.items():
        cells = [spread([r[s] for r in rows]) if s in rows[0] else "" for s in ("cut", "repaired", "tuned")]
        lines.append(f"| {title} | {np.mean([r['macs_cut'] for r in rows]):.1%} | {' | '.join(cells)} |")
    told = f"GDP leads L1 by {gap(of['GDP'], of['L1, recalibrated'])} points."
    drawn = f"Seed 0: GDP leads {RANDOM} by {gap(of['GDP'][:1], of[RANDOM])}."
    whole = f"Full network: {percent(of['GDP'][0]['baseline'])} %."
    return [*so_far(seeds), *lines, "", f"{whole} {told} {drawn}"]


def networks_table() -> list[str]:
    lines = [
        "| scenes, 4 epochs | asked | MACs cut | blocks closed | full | gated | right after removal | tuned "
        "| largest difference |",
        "|---" * 9 + "|",
    ]
    for model, changes in NETWORKS.items():
        found = row(f"gates-network-{model}")
        gates = found["gates"]
        cells = [f"{changes['cut']:.0%}", f"{found['macs_cut']:.1%}", str(len(gates["closed_blocks"]))]
        cells += [percent(found["baseline"]), f"{100 * gates['accuracy']:.1f}"]
        cells += [percent(found["cut"]), percent(found["tuned"]), f"{gates['absorb_difference']:.0e}"]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    return lines


def cost_table() -> list[str]:
    lines = ["| a training step of 64 images | plain, ms | gated, ms | ratio |", "|---|---|---|---|"]
    for model in ("resnet20", "mobilenet_v2_slim", "vgg16_slim"):
        found = row(f"gates-cost-{model}")
        ratio = found["gated"] / found["plain"]
        lines.append(f"| {model} | {1000 * found['plain']:.0f} | {1000 * found['gated']:.0f} | {ratio:.3f} |")
    return lines


def write():
    tables = (digits_table, controls_table, scenes_table, public_table, networks_table, cost_table)
    parts = {table.__name__.removesuffix("_table"): table() for table in tables}
    filled(parts | {"machine": [machine()]}, "gates.md")


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
    parser.add_argument("part", choices=(*PARTS, "write"))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    write() if given.part == "write" else PARTS[given.part](given.threads, given.seeds)
