"""Segmentation measured: the small DeepLabV3+ on scenes_masks, methods beside each other: docs/tasks.md.

python -m tests.benchmarks.segmentation repaired|trained [--seeds N ...]     measures; goes on where it was
python -m tests.benchmarks.segmentation write                                writes the document

repaired: rows in docs/measured/segmentation.csv, pairs in segmentation_pairs.csv. trained: GDP beside others
with as many epochs, rows in docs/measured/segmentation_trained.csv.
"""

import argparse
import base64
import itertools
import zlib
from importlib.metadata import version

import numpy as np
import pandas as pd

from pruning.experiment import Recipe, run
from pruning.runs.controls import run_control
from pruning.runs.product import NARROW, SAME_COMPUTE
from pruning.tasks import PIXELWISE
from tests.benchmarks import segmentation_size, translation
from tests.benchmarks.criteria import filled
from tests.benchmarks.measured import KEPT, ROOT, SEEDS, compared, in_points, repaired_lines
from tests.benchmarks.measured_rows import MeasuredRows
from tests.benchmarks.speed import machine

MEASURED = ROOT / "docs" / "measured"
ROWS, PAIRS = MEASURED / "segmentation.csv", MEASURED / "segmentation_pairs.csv"
STAGES = ("baseline", "cut", "repaired", "tuned")
COLUMNS = ("arm", "seed", *STAGES, "macs_cut", "seconds", "torch", "counts")
TRAINED = MeasuredRows(MEASURED / "segmentation_trained.csv", COLUMNS[:2], COLUMNS)
OUT = KEPT / "segmentation"
NETWORK = {"model": "deeplabv3plus_small", "data": "scenes_masks"}
CRITERIA = ("reconstruction", "cpot", "catro", "di", "l1", "random")
CUTS, REPAIRS = (0.3, 0.5), ("none", "recalibrate", "reconstruct", "match")
COUNTS = ("intersections", "said", "true")
IMAGES, FULL = 2000, "full network"
DEEP = NETWORK | {"cut": 0.6, "epochs": 5, "threads": 1}  # of 5 epochs GDP trains 3 with gates
TUNED = {"repair": "recalibrate"}
DEFAULT, LONGER = "reconstruction, matched, not tuned", "GDP, 15 epochs"
LONGER_L1 = "L1, recalibrated, 15 epochs"
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
    LONGER_L1: ({"criterion": "l1", **TUNED, "epochs": 15}, ""),
}


def measure_repaired(seeds):
    """Every row is in the table as soon as it is finished."""
    from pruning.runs import Comparison

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
    compared(asked, OUT).to_csv(ROWS, index=False)
    if (found := OUT / "differences.csv").exists():
        pd.read_csv(found, dtype=str, keep_default_na=False).to_csv(PAIRS, index=False)


def measure_trained(seeds):
    """What takes longest comes last; every row is in the table as soon as it is finished."""
    for only in ([title for title in ARMS if title not in (LONGER, LONGER_L1)], [LONGER, LONGER_L1]):
        for seed, title in itertools.product(seeds, only):
            if (title, str(seed)) not in TRAINED.known():
                TRAINED.keep(*trained(title, seed))


def trained(title: str, seed: int) -> tuple[dict, dict]:
    """An arm's row, with the pixels of every image that it says right in the end, and the full network's."""
    changes, control = ARMS[title]
    told = {name: value for name, value in (DEEP | changes).items() if value is not None}
    recipe = Recipe(**told, seed=seed)
    result = run_control(recipe, control) if control else run(recipe)
    values = {stage: value for stage, value in result.report["values"].items() if value is not None}
    values = {stage: round(value, 4) for stage, value in values.items()}
    whole, last = (counts_at(stage, result.predictions) for stage in ("baseline", [*values][-1]))
    row = {"arm": title, "seed": seed, "torch": version("torch"), "counts": as_text(last, whole["true"])}
    row |= {"macs_cut": round(1 - result.plan.macs / result.plan.macs_before, 4), **values}
    row["seconds"] = round(sum(filter(None, result.report["seconds"].values())))
    full = {"arm": FULL, "seed": 0, "baseline": values["baseline"], "torch": version("torch")}
    return row, full | {"counts": as_text(whole, np.zeros_like(whole["true"]), *COUNTS)}


def counts_at(stage: str, predictions) -> dict[str, np.ndarray]:
    return {name: np.array(predictions[f"{stage}_{name}"]) for name in COUNTS}


def as_text(counts: dict[str, np.ndarray], true: np.ndarray, *names: str) -> str:
    """Pixels of every image and class, [N, K] each, as differences from what is true, which are small.
    names: which of COUNTS; else what differs between networks."""
    gaps = np.stack([counts[name] - true for name in names or COUNTS[:2]]).astype("<i2")
    halves = np.stack([gaps & 255, gaps >> 8]).astype(np.uint8)  # the higher ones are nearly all alike
    return base64.b85encode(zlib.compress(halves.tobytes(), 9)).decode()


def counts_of(row: dict, full: dict | None = None) -> dict[str, np.ndarray]:
    """The same back. full: the full network's row, of an arm's."""
    low, high = np.frombuffer(zlib.decompress(base64.b85decode(row["counts"])), np.uint8).reshape(2, -1)
    gaps = (low.astype(int) | high.astype(np.int8).astype(int) << 8).reshape(
        3 if full is None else 2, IMAGES, -1
    )
    if full is None:
        return dict(zip(COUNTS, gaps, strict=True))
    true = counts_of(full)["true"]
    return {"intersections": gaps[0] + true, "said": gaps[1] + true, "true": true}


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
    known = TRAINED.known()
    rows = {title: [known[title, str(s)] for s in SEEDS if (title, str(s)) in known] for title in ARMS}
    if not rows["GDP"]:
        return ["Not measured yet."]
    full = known[FULL, "0"]
    for title, found in ((title, found) for title, found in rows.items() if found):
        cells = [str(len(found)), f"{np.mean([float(one['macs_cut']) for one in found]):.1%}"]
        for stage in STAGES[1:]:
            values = [100 * float(one[stage]) for one in found if one[stage]]
            cells.append(f"{np.mean(values):.1f}" if values else "")
        lead = "" if title in ("GDP", HALF) else gap(rows["GDP"][: len(found)], found, full)
        lines.append(f"| {title} | {' | '.join(cells)} | {lead} |")
    told = [f"Full network: {100 * float(full['baseline']):.1f}."]
    for title, found in rows.items():
        if found and not ARMS[title][1]:
            told.append(f"{title}, against it: {gap(found, [full] * len(found), full)} points.")
    return [*lines, "", " ".join(told)]


def gap(ours: list[dict], theirs: list[dict], full: dict) -> str:
    """The difference of what two arms end with, paired over images and seeds."""
    a, b = ([counts_of(row, None if row is full else full) for row in side] for side in (ours, theirs))
    return in_points(PIXELWISE.difference(a, b, np.zeros(IMAGES)))


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
