"""Weights rounded to few bits: a part of docs/compression.md.

python -m tests.benchmarks.quantization [--threads N]      needs PRUNING_DATA (the public ResNet-56 and its
images); goes on where it was stopped
"""

import argparse
import tempfile

import numpy as np
import torch

import pruning
from pruning.experiment import Recipe, run
from pruning.experiment.loading import load
from tests.benchmarks.distillation import gap
from tests.benchmarks.measured import SEEDS, percent, public, remembered, right, spread

BITS = (4.0, 3.0)
BY = ("di", "error", "uniform")


def recipe_of(threads: int, **changes) -> Recipe:
    return public("resnet56", criterion="l1", cut=0.0, threads=threads, **changes)


def measured(recipe: Recipe) -> dict:
    """Right answers on the test part, those of the saved file loaded again, and the file's bytes."""
    result = run(recipe)
    stage = "baseline" if recipe.bits is None else "quantized"
    hits = (result.predictions[f"{stage}_classes"] == result.predictions["labels"]).astype(int).tolist()
    with tempfile.TemporaryDirectory() as scratch:
        folder = result.save(scratch)
        size = (folder / "model.safetensors").stat().st_size
        data = load(recipe).data
        again = right(pruning.load(folder), data.test, result.model.origin.normalization)
    mean = None if recipe.bits is None else result.plan.changes[-1]["mean"]
    return {"hits": hits, "again": again, "bytes": size, "mean_bits": mean}


def rows_of(by: str, bits: float, epochs: int, threads: int) -> dict[str, dict]:
    """{key: a row}, one a seed. Without training only DI draws on the seed, by its calibration images."""
    rows = {}
    for seed in SEEDS if by == "di" or epochs else SEEDS[:1]:
        recipe = recipe_of(threads, bits=bits, bits_by=by, bits_epochs=epochs, seed=seed)
        key = f"quantized-{by}-{bits:g}-{epochs}-{seed}"
        rows[key] = remembered(key, lambda recipe=recipe: measured(recipe))
    return rows


def hits_of(rows: dict[str, dict]) -> list[list[int]]:
    """Right answers of every seed; what does not depend on the seed stands for all of them."""
    hits = [row["hits"] for row in rows.values()]
    return hits if len(hits) > 1 else hits * len(SEEDS)


def row_of(by: str, found: dict, full: dict) -> str:
    """found: {by: rows without training, rows with an epoch}."""
    first = list(found[by][0].values())
    size, mean = (np.mean([row[name] for row in first]) for name in ("bytes", "mean_bits"))
    cells = [f"{mean:.2f}", by, f"{size / 1000:.0f}", f"{100 * size / full['bytes']:.1f} %"]
    for rows, of_di in zip(found[by], found["di"], strict=True):
        hits = hits_of(rows)
        cells += [spread(hits) if len(rows) > 1 else percent(hits)]
        cells += ["" if by == "di" else gap(hits_of(of_di), hits)]
    return f"| {' | '.join(cells)} |"


def table(threads: int) -> list[str]:
    """A row a mean and an allocation: size, and accuracy without and with an epoch of training."""
    full = remembered("quantized-none", lambda: measured(recipe_of(threads)))
    lines = ["| mean bits | bits by | kB | of float32 | no training | DI leads by | 1 epoch | DI leads by |"]
    lines += ["|---" * 8 + "|"]
    stored = [full]
    for bits in BITS:
        found = {by: [rows_of(by, bits, epochs, threads) for epochs in (0, 1)] for by in BY}
        stored += [row for stages in found.values() for rows in stages for row in rows.values()]
        lines += [row_of(by, found, full) for by in BY]
    same = sum(row["hits"] == row["again"] for row in stored)
    size = f"{percent(full['hits'])} %, {full['bytes'] / 1000:.0f} kB"
    told = f"Full network: {size}. Of the {len(stored)} networks saved and loaded again {same} answered"
    return [*lines, "", f"{told} on every test image as before."]


def tables(threads: int) -> dict[str, list[str]]:
    return {"quantization": table(threads)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    print("\n".join(table(threads)))
