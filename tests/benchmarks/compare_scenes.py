"""What matters at half of the MACs: criteria x allocations x repairs on scenes, for docs/compare.md.

python -m tests.benchmarks.compare_scenes [--seeds N ...]: goes on where it was. Rows in
docs/measured/compare_scenes.csv, images that each says right in compare_scenes_right.csv, pairs in
compare_scenes_pairs.csv. --public: of the public ResNet-56 on CIFAR-10 ($PRUNING_DATA), one seed: rows in
compare_public.csv.
"""

import argparse
import itertools
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pruning.comparison_statistics import shares_of_variance
from pruning.criteria import SCORED
from pruning.runs import COLUMNS, Comparison, RunStore, run_list
from pruning.runs.verdicts import Verdicts, sentences, table
from pruning.terms import plural
from tests.benchmarks.measured import KEPT, ROOT, SEEDS, compared
from tests.benchmarks.measured_rows import MeasuredRows, as_bits, hits

FACTORS = ("criterion", "allocation", "repair")
ROWS = ROOT / "docs" / "measured" / "compare_scenes.csv"
PAIRS = ROWS.with_name("compare_scenes_pairs.csv")
KEY = (*FACTORS, "seed")
RIGHT = MeasuredRows(ROWS.with_name("compare_scenes_right.csv"), KEY, (*KEY, "images", "right"))
OUT = KEPT / "compare_scenes"
ROWS_NAME = "results.csv"
SHIPPED = ROOT / "assets" / "comparisons" / "scenes"  # what the page Compare opens on
ALLOCATIONS, REPAIRS = ("uniform", "global", "error"), ("none", "recalibrate", "reconstruct", "match")
AT_ONCE = 4  # criteria in one comparison: two workers end together, and start once
PUBLIC = ("l1", "cpot", "fpgm", "reconstruction", "random")
PUBLIC_ROWS = ROWS.with_name("compare_public.csv")


def measure(seeds: Sequence[int]):
    """Some criteria after the other, their rows in docs/measured as soon as they are done; then all are
    judged."""
    known = {(*key[:3], int(key[3])) for key in RIGHT.known()}
    for seed in seeds:
        lack = [one for one in SCORED if lacking((one,), seed, ALLOCATIONS, known)]
        for first in range(0, len(lack), AT_ONCE):
            asked = lacking(lack[first : first + AT_ONCE], seed, ALLOCATIONS, known)
            keep(run(asked, OUT / f"{lack[first]}-{seed}"))
    judge()


def lacking(
    criteria: Sequence[str], seed: int, allocations: Sequence[str], known: set, **more
) -> Comparison | None:
    """What holds every recipe of some criteria and a seed that is not among the known."""
    cells = [cell for cell in itertools.product(criteria, allocations, REPAIRS) if (*cell, seed) not in known]
    some = {
        name: tuple(dict.fromkeys(each))
        for name, each in zip(("criteria", "allocations", "repairs"), zip(*cells, strict=True), strict=False)
    }
    return Comparison(**some, seeds=(seed,), controls="none", **more) if cells else None


def run(asked: Comparison, out: Path) -> pd.DataFrame:
    """Rows of what is finished, as results.csv has them."""
    shutil.rmtree(out, ignore_errors=True)  # may be of other recipes; what they gave is in the store
    found = compared(asked, out)
    return found[found["status"] == "finished"]


def keep(found: pd.DataFrame):
    """In place of rows of the same recipe, with which images each says right in the end."""
    with RunStore(KEPT / "runs") as store:
        for row in found.to_dict("records"):
            with np.load(store.fetch(run_list.get(store, row["run"]), "predictions.npz")) as said:
                right = said[f"{'cut' if row['repair'] == 'none' else 'repaired'}_classes"] == said["labels"]
            told = {name: row[name] for name in KEY}
            RIGHT.keep(told | {"images": len(right), "right": as_bits(right)})
    merged(ROWS, found)


def merged(path: Path, found: pd.DataFrame):
    """Puts rows into a table of docs/measured, in the order of what is asked."""
    rows = found.reindex(columns=COLUMNS, fill_value="")
    if path.exists():
        rows = pd.concat([pd.read_csv(path, dtype=str, keep_default_na=False), rows])
    place = {name: n for n, name in enumerate((*SCORED, *ALLOCATIONS, *REPAIRS))}
    rows = rows.drop_duplicates([*FACTORS, "seed"], keep="last").sort_values(
        ["seed", *FACTORS], key=lambda column: column.map(lambda one: place.get(one, one))
    )
    rows.to_csv(path, index=False)


def measure_public():
    """Five criteria, two allocations, four repairs of the public ResNet-56; data are told by their file."""
    data = Path(os.environ["PRUNING_DATA"])
    settings = {"checkpoint": str(data / "resnet56-4bfd9763.th"), "normalize": "imagenet"}
    more = {"models": ("resnet56",), "datasets": (str(data / "cifar10_subset.npz"),), "settings": settings}
    for criterion in PUBLIC:
        rows = pd.read_csv(PUBLIC_ROWS, dtype=str)
        known = {(*row[:3], int(row[3])) for row in rows[[*FACTORS, "seed"]].itertuples(index=False)}
        if asked := lacking((criterion,), 0, ("uniform", "error"), known, **more):
            found = run(asked, KEPT / "compare_public" / criterion)
            merged(PUBLIC_ROWS, found.assign(data=[Path(name).name for name in found["data"]]))


def judge():
    """Judges all rows anew, and ships them as the comparison that the page Compare opens on; once every row
    has its answers."""
    rows = pd.read_csv(ROWS, dtype=str, keep_default_na=False)
    right, verdicts = RIGHT.known(), Verdicts()
    if lack := sum(RIGHT.of(row) not in right for row in rows.to_dict("records")):
        return print(f"{lack} of {len(rows)} rows are of before answers were kept: not judged anew")
    for row in rows.to_dict("records"):
        wrong = 1 - hits(right[RIGHT.of(row)])
        verdicts.add(row, "classification", {"labels": np.zeros_like(wrong), "repaired_classes": wrong})
    families = verdicts.families()
    seeds = tuple(sorted(map(int, set(rows["seed"]))))
    asked = Comparison(
        criteria=tuple(SCORED), allocations=ALLOCATIONS, repairs=REPAIRS, seeds=seeds, controls="none"
    )
    table(families).to_csv(PAIRS, index=False)
    SHIPPED.mkdir(parents=True, exist_ok=True)
    rows.to_csv(SHIPPED / ROWS_NAME, index=False)
    table(families).to_csv(SHIPPED / "differences.csv", index=False)
    (SHIPPED / "sentences.txt").write_text("".join(f"{one}\n" for one in sentences(families)))
    (SHIPPED / "comparison.json").write_text(asked.to_json())
    title = "Criteria, allocations and repairs at half of the MACs"
    (SHIPPED / "about.json").write_text(json.dumps({"title": title}) + "\n")


def last(row: pd.Series) -> float:
    """The accuracy that a recipe ends with."""
    return row["accuracy_repaired"] if row["repair"] != "none" else row["accuracy_cut"]


def finished(rows: Path) -> pd.DataFrame:
    found = pd.read_csv(rows)
    found = found[found["status"] == "finished"]
    return found.assign(accuracy=found.apply(last, axis=1))


def parts() -> dict[str, list[str]]:
    """What of docs/compare.md comes from here."""
    if not ROWS.exists():
        return dict.fromkeys(("scenes", "public"), ["Not measured yet."])
    found = finished(ROWS)
    told = {
        "scenes": [*accuracies(found), "", *matters(found), "", *leads()],
        "public": ["Not measured yet."],
    }
    if PUBLIC_ROWS.exists():
        told["public"] = accuracies(finished(PUBLIC_ROWS))
    return told


def accuracies(found: pd.DataFrame) -> list[str]:
    """A row a criterion, a column an allocation and repair: mean over seeds."""
    means = found.pivot_table(
        index="criterion", columns=["allocation", "repair"], values="accuracy", aggfunc="mean"
    )
    order = sorted(means.columns, key=lambda pair: (pair[0] != "uniform", REPAIRS.index(pair[1])))
    lines = [
        "| criterion | " + " | ".join(f"{a}, {r}" for a, r in order) + " |",
        "|---" * (len(order) + 1) + "|",
    ]
    for criterion, row in means[order].iterrows():
        told = " | ".join("" if np.isnan(row[pair]) else f"{100 * row[pair]:.1f}" for pair in order)
        lines.append(f"| {criterion} | {told} |")
    seeds = found.groupby(list(FACTORS))["seed"].nunique()
    baseline = found["accuracy_baseline"].mean()
    told = f"Full network {100 * baseline:.1f} %; {len(found)} runs, "
    few, many = seeds.min(), seeds.max()
    told += f"{plural(many, 'seed')} a cell." if few == many else f"{few} to {many} seeds a cell."
    return [told, "", *lines]


def matters(found: pd.DataFrame) -> list[str]:
    """Shares of variance, of all cells and of the repaired ones."""
    lines = ["| share of the variance | all | repaired alone |", "|---|---|---|"]
    repaired = found[found["repair"] != "none"]
    shares = [shares_of_variance(table, FACTORS, "accuracy").set_index("term") for table in (found, repaired)]
    for term in shares[0].index:
        told = [in_percent(table.loc[term]) if term in table.index else "" for table in shares]
        lines.append(f"| {term} | {' | '.join(told)} |")
    return lines


def in_percent(row: pd.Series) -> str:
    interval = "" if np.isnan(row["low"]) else f" ({100 * row['low']:.0f} to {100 * row['high']:.0f})"
    return f"{100 * row['share']:.0f} %{interval}"


def leads() -> list[str]:
    """How many pairs of criteria can be told apart under the same terms, and whether chance is among them."""
    if not PAIRS.exists():
        return []
    pairs = pd.read_csv(PAIRS)
    lines = [
        "| allocation, repair | pairs of criteria | told apart | led by another: random |",
        "|---|---|---|---|",
    ]
    for (allocation, repair), some in pairs.groupby(["allocation", "repair"], sort=False):
        apart = some[some["verdict"] != "no difference shown"]
        led = apart[((apart["a"] == "random") & (apart["verdict"] == "b leads"))
                    | ((apart["b"] == "random") & (apart["verdict"] == "a leads"))]  # fmt: skip
        lines.append(f"| {allocation}, {repair} | {len(some)} | {len(apart)} | {len(led)} |")
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.compare_scenes")
    parser.add_argument("--public", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    given = parser.parse_args()
    measure_public() if given.public else measure(given.seeds)
