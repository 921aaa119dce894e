"""Widths found by running the network, beside those that are not: a part of docs/methods.md.

python -m tests.benchmarks.search [--threads 2] [--seeds 0 1 2]      needs PRUNING_DATA (the public ResNet-56)

Half of the MACs of the public ResNet-56, recalibrated, no training, channels ordered by DI. The hold-out that
the search looks at is memorised (the network has it all right), so the divergence from the full network (KL)
stands beside the cross-entropy.
"""

import argparse
import os
import re

import numpy as np
import torch

from pruning.experiment import Recipe, run
from tests.benchmarks.measured import KEPT, percent, public, remembered, spread

ALLOCATIONS = {
    "uniform": {"allocation": "uniform"},
    "global": {"allocation": "global"},
    "greedy by cross-entropy": {"allocation": "greedy", "search_by": "cross-entropy"},
    "greedy by KL": {"allocation": "greedy", "search_by": "kl"},
    "greedy by KL at temperature 4": {
        "allocation": "greedy",
        "search_by": "kl",
        "search_temperature": 4.0,
    },
    "greedy by KL, images moved and mixed": {"allocation": "greedy", "search_by": "kl-moved"},
    "the same at temperature 4": {"allocation": "greedy", "search_by": "kl-moved", "search_temperature": 4.0},
    "greedy by DI lost": {"allocation": "greedy", "search_by": "di"},
    "trace-ratio": {"allocation": "trace-ratio"},
}
SEEDS = (0, 1, 2)


def recipe_of(name: str, seed: int, threads: int) -> Recipe:
    fields = {"criterion": "di", "cut": 0.5, "repair": "recalibrate", "seed": seed, "threads": threads}
    return public("resnet56", **fields, **ALLOCATIONS[name])


def measured(name: str, seed: int, threads: int) -> dict:
    result = run(recipe_of(name, seed, threads))
    labels = result.predictions["labels"]
    hits = {
        s: (result.predictions[f"{s}_classes"] == labels).astype(int).tolist() for s in ("cut", "repaired")
    }
    told = [m for m in result.report["messages"] if "evaluations" in m or "compared" in m]
    return hits | {
        "seconds": result.report["seconds"]["plan"],
        "told": told,
        "cut_macs": result.plan.achieved,
    }


def key(name: str, seed: int) -> str:
    return f"search-{name.replace(' ', '_')}-{seed}"


def table(threads: int, seeds=SEEDS) -> list[str]:
    """A row an allocation: accuracy over seeds, the search's seconds and its evaluations."""
    lines = [
        "| widths by | raw | recalibrated | by seed | MACs cut | seconds | evaluations |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in ALLOCATIONS:
        rows = [remembered(key(name, seed), lambda n=name, s=seed: measured(n, s, threads)) for seed in seeds]
        raw, mended = ([row[stage] for row in rows] for stage in ("cut", "repaired"))
        took = ", ".join(f"{row['seconds']:.0f}" if row["seconds"] >= 1 else "0" for row in rows)
        counts = ", ".join(number for row in rows for number in numbers(row["told"]))
        macs = f"{100 * np.mean([row['cut_macs'] for row in rows]):.1f} %"
        by_seed = ", ".join(map(percent, mended))
        lines.append(
            f"| {name} | {spread(raw)} | {spread(mended)} | {by_seed} | {macs} | {took} | {counts} |"
        )
    return lines


def numbers(told: list[str]) -> list[str]:
    """The evaluations, or comparisons, that a search's message counts."""
    return re.findall(r"(\d+) (?:evaluations|candidates)", " ".join(told))[:1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    KEPT.mkdir(exist_ok=True)
    print("\n".join(table(given.threads, given.seeds)))
