"""CATRO's ratio looked at: what its order says beside b alone, and what noise and more images change.

python -m tests.benchmarks.catro          docs/measured/catro.csv and catro_order.csv; goes on where it was
stopped. Hold-outs of `scenes`, which the bundled networks never saw; no test part is read.

catro.csv: a row a network, number of images and reading. rank: Spearman of the order with that of b alone,
mean over groups, least.   holds: in which share of random pairs of sets, one in the other, a channel adds at
most as much to the larger.   noise: of all b, what sampling alone would give, least and most of a group.
catro_order.csv: half of the MACs, recalibrated, by each order: cross-entropy and accuracy on the hold-out.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from pruning.criteria import resolve_options
from pruning.criteria.catro import diminishing_returns, rounds_of
from pruning.criteria.scoring import score_all
from pruning.experiment.loading import load
from pruning.experiment.planning import planned
from pruning.figures.set_function import gains_table
from pruning.inspection.channel_removal import image_losses
from pruning.reconstruction import recalibrate
from pruning.statistics.calibration_images import CalibrationImages
from pruning.surgery import cut
from tests.benchmarks.measured import ROOT, SEEDS, right
from tests.benchmarks.repaired import recipe_of

READINGS, ORDERS = (ROOT / "docs" / "measured" / f"{name}.csv" for name in ("catro", "catro_order"))
NETWORKS = ("resnet20-scenes", "vgg16_slim-scenes")
IMAGES = (1000, 4000)
ALONE = 1e9  # gamma from which the ratio is b over a constant
ASKED = {  # orders: criterion, options, calibration images
    "catro": ("catro", {}, 1000),
    "b alone": ("catro", {"gamma": ALONE}, 1000),
    "the plain ratio": ("catro", {"gamma": 0}, 1000),
    "the plain ratio, noise subtracted, 4,000 images": ("catro", {"gamma": 0, "debias": True}, 4000),
    "catro, noise subtracted, 4,000 images": ("catro", {"debias": True}, 4000),
    "joint scatter: di exact, where it is read": ("di", {"form": "exact", "where": "after"}, 1000),
    "energy": ("energy", {}, 1000),
    "random": ("random", {}, 1000),
}


def scores_of(place: str, criterion: str, options: dict, images: int, seed: int):
    recipe = recipe_of(place, criterion="l1", cut=0.5, seed=seed, threads=1, calibration=images)
    loaded, chosen = load(recipe), (criterion, resolve_options(criterion, options))
    how = {"seed": seed, "calibration": images, "groups": "inner"}
    return loaded, score_all(loaded.graph, [chosen], loaded.data, **how)[chosen]


def readings(place: str, images: int) -> list[dict]:
    """Of the scatters, made once: gamma and debias are arithmetic on them."""
    loaded, scores = scores_of(place, "catro", {}, images, 0)
    noise = (len(loaded.data.classes) - 1) / (images - len(loaded.data.classes))
    found = []
    for gamma in (0.0, 3.0):
        for debias in (False, True):
            parts = []
            for table in scores.tables.values():
                b, w = table["b"].to_numpy(), table["w"].to_numpy()
                of_noise = noise * w.sum() / b.sum()
                b = np.maximum(b - noise * w, 0) if debias else b
                rounds = rounds_of(b, w, len(b) // 2, gamma=gamma)
                rank = pd.Series(b - rounds[-1] * w).rank().corr(pd.Series(b).rank())
                gains = gains_table(diminishing_returns(b, w, gamma=gamma))
                parts.append((rank, len(rounds) - 1, gains["holds"].mean(), of_noise))
            rank, rounds, holds, of_noise = np.array(parts).T
            row = {"network": place, "images": images, "gamma": gamma, "debias": debias}
            row |= {"rank": rank.mean(), "rank_least": rank.min(), "rounds_most": rounds.max()}
            row |= {"holds": holds.mean(), "holds_least": holds.min()}
            found.append(row | {"noise_least": of_noise.min(), "noise_most": of_noise.max()})
    return found


def order(place: str, name: str, seed: int) -> dict:
    loaded, scores = scores_of(place, *ASKED[name], seed)
    small = cut(loaded.model, planned(loaded.recipe, loaded.graph, scores))
    recalibrate(small, CalibrationImages(small, loaded.data, 1000, seed))
    normalization, holdout = loaded.model.origin.normalization, loaded.data.holdout
    hits = right(small, holdout, normalization)
    loss = float(image_losses(loaded, small, holdout, lambda: None).mean())
    return {"network": place, "order": name, "seed": seed, "loss": loss, "accuracy": 100 * np.mean(hits)}


def keep(path: Path, key: tuple[str, ...], new: list[dict]):
    rows = list(csv.DictReader(path.open(newline=""))) if path.exists() else []
    told = {tuple(str(row[name]) for name in key): row for row in [*rows, *new]}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(new[0]), lineterminator="\n")
        writer.writeheader()
        for row in told.values():
            rounded = {n: f"{v:.4f}" if isinstance(v, float) and n != "gamma" else v for n, v in row.items()}
            writer.writerow(rounded)


def known(path: Path, key: tuple[str, ...]) -> set[tuple[str, ...]]:
    if not path.exists():
        return set()
    return {tuple(row[name] for name in key) for row in csv.DictReader(path.open(newline=""))}


def main():
    torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")
    for place in NETWORKS:
        for images in IMAGES:
            if (place, str(images)) not in known(READINGS, ("network", "images")):
                keep(READINGS, ("network", "images", "gamma", "debias"), readings(place, images))
    for seed in SEEDS:
        for name in ASKED:
            if (NETWORKS[0], name, str(seed)) not in known(ORDERS, ("network", "order", "seed")):
                keep(ORDERS, ("network", "order", "seed"), [order(NETWORKS[0], name, seed)])
                print(name, seed, flush=True)


if __name__ == "__main__":
    sys.exit(main())
