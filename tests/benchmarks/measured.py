"""Measured rows: each kept in a file of its own, so that a measurement goes on where it was stopped."""

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pruning.experiment import Recipe, run
from pruning.train import evaluate

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".measured"  # one file a measured row; not part of the project
SEEDS = (0, 1, 2)
WEIGHTS = {"resnet20": "resnet20-12fca82f.th", "resnet56": "resnet56-4bfd9763.th"}


def remembered(key: str, measure: Callable[[], dict]) -> dict:
    """What was measured under this key, or is measured now: arrays and numbers, kept in a file."""
    KEPT.mkdir(exist_ok=True)
    path = KEPT / f"{key}.json"
    if not path.exists():
        start = time.perf_counter()
        found = measure()
        half = path.with_suffix(".half")  # a run that is stopped here leaves no broken row
        half.write_text(json.dumps(found | {"took": time.perf_counter() - start}))
        half.replace(path)
        print(f"{key}: measured in {time.perf_counter() - start:.0f} s", flush=True)
    return json.loads(path.read_text())


def known(key: str) -> bool:
    return (KEPT / f"{key}.json").exists()


def row(key: str) -> dict:
    """What was measured under this key; raises ValueError that names it where nothing was."""
    if not known(key):
        raise ValueError(f"{key} has not been measured; run the part it belongs to first")
    return json.loads((KEPT / f"{key}.json").read_text())


def public(model: str, **changes) -> Recipe:
    """A public CIFAR-10 network and its 1,017 test images, from the folder PRUNING_DATA."""
    folder = Path(os.environ["PRUNING_DATA"])
    data, weights = folder / "cifar10_subset.npz", folder / WEIGHTS[model]
    return Recipe(model=model, data=str(data), checkpoint=str(weights), normalize="imagenet", **changes)


def right(model, split, normalization) -> list[int]:
    """Whether each image's class is said right, 0 or 1."""
    found = evaluate(model, split, normalization=normalization)
    return found.right.astype(int).tolist()


def tuned(recipe: Recipe) -> dict:
    """Right answers on the test part at every stage of a recipe with fine-tuning."""
    result = run(recipe)
    labels = result.predictions["labels"]
    stages = ("baseline", "cut", "repaired", "tuned")
    hits = {s: (result.predictions[f"{s}_classes"] == labels).astype(int).tolist() for s in stages}
    return hits | {
        "macs_cut": 1 - result.plan.macs / result.plan.macs_before,
        "seconds": result.report["seconds"]["tune"],
    }


def compared(asked, out: Path) -> pd.DataFrame:
    """A comparison's rows, as results.csv has them; it goes on where it was, by the store in KEPT."""
    from pruning.progress_bars import Bars
    from pruning.runs import RunStore
    from pruning.runs.compare import compare

    with Bars() as watch:
        compare(asked, out, store=RunStore(KEPT / "runs"), watch=watch)
    return pd.read_csv(out / "results.csv", dtype=str, keep_default_na=False)


def repaired_lines(
    found: pd.DataFrame, title: str, criteria: Sequence[str], repairs: Sequence[str]
) -> list[str]:
    """A row a criterion, a column a repair: what runs without training end with: per cent, mean over seeds.

    found: as results.csv; rows that are not finished are left out."""
    found = found[found["status"] == "finished"]
    ended = found["accuracy_repaired"].where(found["repair"] != "none", found["accuracy_cut"])
    table = found.assign(ended=100 * ended).pivot_table(
        index="criterion", columns="repair", values="ended", aggfunc=["mean", "count"]
    )
    lines = [f"| {title} | " + " | ".join(repairs) + " |", "|---" * (1 + len(repairs)) + "|"]
    for criterion in (one for one in criteria if one in table.index):
        cells = []
        for repair in repairs:
            if ("mean", repair) not in table.columns or np.isnan(table.loc[criterion, ("mean", repair)]):
                cells.append("")
                continue
            seeds = int(table.loc[criterion, ("count", repair)])
            mark = "" if seeds == len(SEEDS) else f" ({seeds} of 3 seeds)"
            cells.append(f"{table.loc[criterion, ('mean', repair)]:.1f}{mark}")
        lines.append(f"| {criterion} | {' | '.join(cells)} |")
    return [*lines, "", f"Full network: {100 * found['accuracy_baseline'].mean():.1f}."]


def percent(hits) -> str:
    return f"{100 * np.mean(hits):.1f}"


def spread(per_seed) -> str:
    """Mean and, of two or more, standard deviation over seeds, in per cent."""
    means = [100 * np.mean(hits) for hits in per_seed]
    return f"{np.mean(means):.1f}" + (f" ± {np.std(means, ddof=1):.1f}" if len(means) > 1 else "")


def in_points(gap) -> str:
    """A difference and its 95 % interval, in percentage points."""
    return f"{100 * gap.mean:+.1f} ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})"
