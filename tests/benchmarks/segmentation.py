"""Segmentation measured: the small DeepLabV3+ on scenes_masks, methods beside each other: docs/tasks.md.

python -m tests.benchmarks.segmentation repaired|trained [--seeds N ...]     measures; goes on where it was
python -m tests.benchmarks.segmentation write                                writes the document

repaired: rows in docs/measured/segmentation.csv, pairs in segmentation_pairs.csv. trained: GDP beside others
with as many epochs, rows in docs/measured/segmentation_trained.csv.
"""

import argparse
import csv
import itertools
from importlib.metadata import version

import numpy as np
import pandas as pd

from pruning.experiment import Recipe, run
from pruning.runs.controls import run_control
from pruning.runs.product import NARROW, SAME_COMPUTE
from pruning.tasks import PIXELWISE
from tests.benchmarks import segmentation_size, translation
from tests.benchmarks.criteria import filled
from tests.benchmarks.measured import KEPT, ROOT, SEEDS, in_points, known, remembered, repaired_lines, row
from tests.benchmarks.speed import machine

MEASURED = ROOT / "docs" / "measured"
ROWS, PAIRS = MEASURED / "segmentation.csv", MEASURED / "segmentation_pairs.csv"
TRAINED = MEASURED / "segmentation_trained.csv"
OUT = KEPT / "segmentation"
NETWORK = {"model": "deeplabv3plus_small", "data": "scenes_masks"}
CRITERIA = ("reconstruction", "cpot", "catro", "di", "l1", "random")
CUTS, REPAIRS = (0.3, 0.5), ("none", "recalibrate", "reconstruct", "match")
COUNTS = ("intersections", "said", "true")
STAGES = ("baseline", "cut", "repaired", "tuned")
DEEP = NETWORK | {"cut": 0.6, "epochs": 5, "threads": 1}  # of 5 epochs GDP trains 3 with gates
TUNED = {"repair": "recalibrate"}
DEFAULT, LONGER = "reconstruction, matched, not tuned", "GDP, 15 epochs"
HALF = "half cut: reconstruction, matched, 5 epochs"
ARMS = {  # title: what differs from DEEP, and which control it is, if any
    "GDP": ({"criterion": "gdp"}, ""),
    "GDP, signed pull": ({"criterion": "gdp", "options": (("pull", "signed"),)}, ""),
    "L1, recalibrated": ({"criterion": "l1", **TUNED}, ""),
    "random, recalibrated": ({"criterion": "random", **TUNED}, ""),
    "narrower from the start, as much computation": ({"criterion": "gdp"}, f"{NARROW} ({SAME_COMPUTE})"),
    DEFAULT: ({"criterion": None, "allocation": None, "repair": None, "epochs": 0}, ""),
    HALF: ({"criterion": None, "allocation": None, "repair": None, "cut": 0.5}, ""),
    LONGER: ({"criterion": "gdp", "epochs": 15}, ""),
}


def measure_repaired(seeds):
    """Every row is in the table as soon as it is finished."""
    from pruning.progress_bars import Bars
    from pruning.runs import Comparison, RunStore
    from pruning.runs.compare import compare

    asked = Comparison(
        models=(NETWORK["model"],),
        datasets=(NETWORK["data"],),
        criteria=CRITERIA,
        cuts=CUTS,
        allocations=("error",),
        repairs=REPAIRS,
        seeds=tuple(seeds),
        controls="none",
    )
    with Bars() as watch:
        compare(asked, OUT, store=RunStore(KEPT / "runs"), watch=watch)
    keep()


def keep():
    """What is finished, into docs/measured."""
    for name, path in (("results.csv", ROWS), ("differences.csv", PAIRS)):
        if (found := OUT / name).exists():
            pd.read_csv(found, dtype=str, keep_default_na=False).to_csv(path, index=False)


def measure_trained(seeds):
    """What takes longest comes last."""
    for only in ([title for title in ARMS if title != LONGER], [LONGER]):
        for seed, title in itertools.product(seeds, only):
            remembered(key(title, seed), lambda title=title, seed=seed: trained(title, seed))
            keep_trained()


def key(title: str, seed: int) -> str:
    return f"segmentation-{title.replace(', ', '-').replace(' ', '-')}-{seed}"


def trained(title: str, seed: int) -> dict:
    """What every stage says, as counts of pixels, and what it took."""
    changes, control = ARMS[title]
    told = {name: value for name, value in (DEEP | changes).items() if value is not None}
    recipe = Recipe(**told, seed=seed)
    result = run_control(recipe, control) if control else run(recipe)
    stages = [name for name, value in result.report["values"].items() if value is not None]
    counts = {
        stage: {name: result.predictions[f"{stage}_{name}"].tolist() for name in COUNTS} for stage in stages
    }
    return counts | {
        "macs_cut": 1 - result.plan.macs / result.plan.macs_before,
        "seconds": result.report["seconds"],
    }


def statistics(found: dict, stage: str) -> dict[str, np.ndarray]:
    return {name: np.array(found[stage][name]) for name in COUNTS}


def mean_iou(found: dict, stage: str) -> float:
    return PIXELWISE.value(statistics(found, stage), np.zeros(0))


def keep_trained():
    columns = ("arm", "seed", *STAGES, "macs_cut", "seconds", "torch")
    with TRAINED.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for title in ARMS:
            for seed in (seed for seed in SEEDS if known(key(title, seed))):
                found = row(key(title, seed))
                values = {stage: round(mean_iou(found, stage), 4) for stage in STAGES if stage in found}
                took = round(sum(filter(None, found["seconds"].values())))
                more = {"macs_cut": round(found["macs_cut"], 4), "seconds": took, "torch": version("torch")}
                writer.writerow({"arm": title, "seed": seed} | values | more)


def repaired_table(cut: float) -> list[str]:
    """A row a criterion, a column a repair: mean over seeds, and the difference to the whole network."""
    if not ROWS.exists():
        return ["Not measured yet."]
    found = pd.read_csv(ROWS)
    return repaired_lines(
        found[np.isclose(found["cut"], cut)], f"{cut:.0%} of the MACs cut", CRITERIA, REPAIRS
    )


def trained_table() -> list[str]:
    lines = [
        "| 60 % of the MACs and 5 epochs, where not said otherwise | seeds | MACs cut | right after removal "
        "| repaired | in the end | GDP leads by |",
        "|---" * 7 + "|",
    ]
    rows = {title: [row(key(title, s)) for s in SEEDS if known(key(title, s))] for title in ARMS}
    if not rows["GDP"]:
        return ["Not measured yet."]
    for title, found in ((title, found) for title, found in rows.items() if found):
        cells = [str(len(found)), f"{np.mean([one['macs_cut'] for one in found]):.1%}"]
        for stage in STAGES[1:]:
            values = [100 * mean_iou(one, stage) for one in found if stage in one]
            cells.append(f"{np.mean(values):.1f}" if values else "")
        lead = "" if title in ("GDP", HALF) else gap(rows["GDP"][: len(found)], found)
        lines.append(f"| {title} | {' | '.join(cells)} | {lead} |")
    told = [f"Full network: {100 * mean_iou(rows['GDP'][0], 'baseline'):.1f}."]
    for title, found in rows.items():
        if found and not ARMS[title][1]:
            told.append(f"{title}, against it: {gap(found, found, begins='baseline')} points.")
    return [*lines, "", " ".join(told)]


def gap(ours: list[dict], theirs: list[dict], ends: str = "", begins: str = "") -> str:
    """The difference of what two arms end with, paired over images and seeds."""
    last = [ends or [s for s in STAGES if s in one][-1] for one in ours]
    other = [begins or [s for s in STAGES if s in one][-1] for one in theirs]
    a = [statistics(one, stage) for one, stage in zip(ours, last, strict=True)]
    b = [statistics(one, stage) for one, stage in zip(theirs, other, strict=True)]
    return in_points(PIXELWISE.difference(a, b, np.zeros(len(a[0]["said"]))))


def size_table() -> list[str]:
    return segmentation_size.table() if segmentation_size.ROWS.exists() else ["Not measured yet."]


def write():
    parts = {
        "repaired_30": repaired_table(0.3),
        "repaired_50": repaired_table(0.5),
        "trained": trained_table(),
        "size": size_table(),
        "machine": [machine()],
    }
    parts |= translation.parts()
    filled(parts, "tasks.md")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.segmentation")
    parser.add_argument("part", choices=("repaired", "trained", "write"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    given = parser.parse_args()
    measures = {"repaired": measure_repaired, "trained": measure_trained}
    write() if given.part == "write" else measures[given.part](given.seeds)
