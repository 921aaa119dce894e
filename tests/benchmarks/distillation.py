"""Distillation against plain fine-tuning: a part of docs/compression.md.

python -m tests.benchmarks.distillation tune       3 seeds, inner groups and all; goes on where it was stopped
python -m tests.benchmarks.distillation choices    weights and temperature, by cross-entropy on the hold-out
"""

import argparse
import time

import numpy as np
import torch
from torch import nn

from pruning.experiment import Recipe
from pruning.experiment.loading import load
from pruning.experiment.planning import planned, scores_of
from pruning.reconstruction import recalibrate
from pruning.statistics.calibration_images import CalibrationImages
from pruning.surgery import cut
from pruning.tasks import paired_difference
from pruning.train import Teaching, evaluate, fit
from tests.benchmarks.measured import SEEDS, percent, remembered, right, spread, tuned

EPOCHS = 2
BASE = {"criterion": "l1", "cut": 0.6, "repair": "recalibrate", "epochs": EPOCHS}
PLAIN, DISTILLED, LONGER = "plain", "distilled", "plain, 4 epochs"
ARMS = {PLAIN: {}, DISTILLED: {"distill": True}, LONGER: {"epochs": 2 * EPOCHS}}
NEW = "new weights, same widths"
GROUPS = {
    "inner": "channels inside blocks (`--groups inner`)",
    "all": "residual streams too (`--groups all`)",
}
SETTINGS = (  # temperature, weight of the logits, weight of the features
    *((4.0, 1.0, 0.0), (4.0, 0.0, 1.0), (4.0, 1.0, 1.0), (4.0, 1.0, 0.3)),
    *((4.0, 0.3, 1.0), (4.0, 0.3, 0.3), (2.0, 1.0, 1.0)),
)


def recipe_of(groups: str, seed: int, threads: int, **changes) -> Recipe:
    return Recipe(**(BASE | changes), groups=groups, seed=seed, threads=threads)


def key(arm: str, groups: str, seed: int) -> str:
    return f"distillation-{arm.replace(', ', '-').replace(' ', '_')}-{groups}-{seed}"


def measured(groups: str, seed: int, threads: int) -> dict[str, dict]:
    """{arm: right answers on the test part, seconds of training}."""
    rows = {}
    for arm, changes in ARMS.items():
        recipe = recipe_of(groups, seed, threads, **changes)
        rows[arm] = remembered(key(arm, groups, seed), lambda recipe=recipe: tuned(recipe))
    recipe = recipe_of(groups, seed, threads)
    return rows | {NEW: remembered(key(NEW, groups, seed), lambda: from_nothing(recipe))}


def smaller(recipe: Recipe):
    """What the recipe loads, and the cut network, not repaired."""
    loaded = load(recipe)
    return loaded, cut(loaded.model, planned(recipe, loaded.graph, scores_of(loaded), loaded.data))


def from_nothing(recipe: Recipe) -> dict:
    """The cut network's widths with new weights, trained for as many epochs by the schedule of `train`."""
    loaded, small = smaller(recipe)
    torch.manual_seed(recipe.seed)
    for module in small.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear, nn.BatchNorm2d)):
            module.reset_parameters()
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
    normalization, start = loaded.model.origin.normalization, time.perf_counter()
    options = {"epochs": recipe.epochs, "lr": 0.1, "seed": recipe.seed, "normalization": normalization}
    fit(small, loaded.data, **options, schedule="one-cycle")
    seconds = time.perf_counter() - start
    return {"tuned": right(small, loaded.data.test, normalization), "seconds": seconds}


def on_holdout(recipe: Recipe) -> dict:
    """Cross-entropy and accuracy on the hold-out after fine-tuning; the test part is not read."""
    loaded, small = smaller(recipe)
    recalibrate(small, CalibrationImages(small, loaded.data, recipe.calibration, recipe.seed))
    weights = {name: getattr(recipe, f"distill_{name}") for name in ("temperature", "logits", "features")}
    teach = Teaching(loaded.model, loaded.graph, **weights, seed=recipe.seed) if recipe.distill else None
    normalization = loaded.model.origin.normalization
    options = {"epochs": recipe.epochs, "lr": recipe.lr, "seed": recipe.seed, "normalization": normalization}
    fit(small, loaded.data, **options, teach=teach)
    found = evaluate(small, loaded.data.holdout, normalization=normalization)
    return {"loss": found.loss, "accuracy": found.value}


def choices(threads: int) -> dict[str, dict]:
    """{setting: hold-out after it}, plain fine-tuning first."""
    plain = recipe_of("all", 0, threads)
    rows = {"plain": remembered("distill-choice-plain", lambda: on_holdout(plain))}
    for temperature, logits, features in SETTINGS:
        fields = dict(distill_temperature=temperature, distill_logits=logits, distill_features=features)
        recipe = recipe_of("all", 0, threads, distill=True, **fields)
        told = f"T {temperature:g}, logits {logits:g}, features {features:g}"
        name = f"distill-choice-{temperature:g}-{logits:g}-{features:g}"
        rows[told] = remembered(name, lambda recipe=recipe: on_holdout(recipe))
    return rows


# ---------------------------------------------------------------------------------------- the tables


def gap(ours, theirs) -> str:
    """Points by which ours leads theirs, right answers of each seed, and the interval."""
    found = paired_difference(ours, theirs)
    return f"{100 * found.mean:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"


def table(groups: str, threads: int) -> list[str]:
    found = [measured(groups, seed, threads) for seed in SEEDS]
    told = {arm: [rows[arm]["tuned"] for rows in found] for arm in (*ARMS, NEW)}
    lines = [
        f"| {GROUPS[groups]} | accuracy | by seed | leads plain by | seconds of training |",
        "|---|---|---|---|---|",
    ]
    for arm, hits in told.items():
        seconds = f"{np.mean([rows[arm]['seconds'] for rows in found]):.0f}"
        lead = "" if arm == PLAIN else gap(hits, told[PLAIN])
        lines.append(f"| {arm} | {spread(hits)} | {', '.join(map(percent, hits))} | {lead} | {seconds} |")
    raw, mended = (spread([rows[PLAIN][stage] for rows in found]) for stage in ("cut", "repaired"))
    macs = 100 * np.mean([rows[PLAIN]["macs_cut"] for rows in found])
    full = percent(found[0][PLAIN]["baseline"])
    after = f"Full network: {full} %. {macs:.1f} % of the MACs cut: raw {raw}, recalibrated {mended}."
    return [*lines, "", f"{after} Distilled against plain, 4 epochs: {gap(told[DISTILLED], told[LONGER])}."]


def choices_table(threads: int) -> list[str]:
    lines = ["| setting | cross-entropy (nats) | accuracy (%) |", "|---|---|---|"]
    for name, row in choices(threads).items():
        lines.append(f"| {name} | {row['loss']:.4f} | {100 * row['accuracy']:.1f} |")
    return lines


def tables(threads: int) -> dict[str, list[str]]:
    return {
        "inner": table("inner", threads),
        "all": table("all", threads),
        "choices": choices_table(threads),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("tune", "choices"))
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    if parser.parse_args().part == "choices":
        print("\n".join(choices_table(threads)))
    else:
        for groups in GROUPS:
            print("\n".join(table(groups, threads)))
