"""What matters at half of the MACs: criteria x allocations x repairs on scenes, for docs/compare.md.

python -m tests.benchmarks.compare_scenes [--few]: goes on where it was ended. --few: fewer criteria, and no
block matching. Rows in docs/measured/compare_scenes.csv, pairs in docs/measured/compare_scenes_pairs.csv.
--public: of the public ResNet-56 on CIFAR-10 ($PRUNING_DATA), one seed: rows in compare_public.csv.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from pruning.comparison_statistics import shares_of_variance
from pruning.criteria import SCORED
from pruning.terms import plural
from tests.benchmarks.measured import KEPT, ROOT

ROWS = ROOT / "docs" / "measured" / "compare_scenes.csv"
PAIRS = ROWS.with_name("compare_scenes_pairs.csv")
OUT = KEPT / "compare_scenes"
ROWS_NAME = "results.csv"
SHIPPED = ROOT / "assets" / "comparisons" / "scenes"  # what the page Compare opens on
FEW = ("l1", "cpot", "di", "catro", "taylor", "fpgm", "random", "energy")
ALLOCATIONS, REPAIRS = ("uniform", "global", "error"), ("none", "recalibrate", "reconstruct", "match")
PUBLIC = ("l1", "cpot", "fpgm", "reconstruction", "random")
PUBLIC_ROWS = ROWS.with_name("compare_public.csv")
FACTORS = ("criterion", "allocation", "repair")


def measure(few: bool):
    from pruning.progress_bars import Bars
    from pruning.runs import Comparison, RunStore
    from pruning.runs.compare import compare

    asked = Comparison(
        criteria=FEW if few else tuple(SCORED),
        allocations=("uniform", "error") if few else ALLOCATIONS,
        repairs=REPAIRS[:3] if few else REPAIRS,
        seeds=(0, 1, 2),
        controls="none",
    )
    with Bars() as watch:
        compare(asked, OUT, store=RunStore(KEPT / "runs"), watch=watch)
    keep()


def measure_public():
    """Five criteria, two allocations, four repairs of the public ResNet-56."""
    from pruning.progress_bars import Bars
    from pruning.runs import Comparison, RunStore
    from pruning.runs.compare import compare

    data = Path(os.environ["PRUNING_DATA"])
    asked = Comparison(
        models=("resnet56",),
        datasets=(str(data / "cifar10_subset.npz"),),
        criteria=PUBLIC,
        allocations=("uniform", "error"),
        repairs=REPAIRS,
        controls="none",
        settings={"checkpoint": str(data / "resnet56-4bfd9763.th"), "normalize": "imagenet"},
    )
    with Bars() as watch:
        compare(asked, KEPT / "compare_public", store=RunStore(KEPT / "runs"), watch=watch)
    keep_public()


def keep_public():
    """What is finished, without the folder that the data are in."""
    table = pd.read_csv(KEPT / "compare_public" / "results.csv", dtype=str, keep_default_na=False)
    table["data"] = [Path(name).name for name in table["data"]]
    table.to_csv(PUBLIC_ROWS, index=False)


def keep():
    """Adds what is finished to docs/measured/, judges all rows anew, and ships them as the comparison that
    the page Compare opens on. Of a recipe that was run by two versions the newer row stays: 45 that were run
    by both had the same numbers to the last digit."""
    from pruning.runs import COLUMNS, Comparison, RunStore, run_list
    from pruning.runs.verdicts import Verdicts, sentences, table

    known = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in (ROWS, OUT / ROWS_NAME)]
    rows = pd.concat(known).fillna("").reindex(columns=COLUMNS, fill_value="")
    rows = rows[rows["status"] == "finished"].drop_duplicates([*FACTORS, "seed"], keep="last")
    place = {name: n for n, name in enumerate((*SCORED, *ALLOCATIONS, *REPAIRS))}
    rows = rows.sort_values(
        ["seed", *FACTORS], key=lambda column: column.map(lambda one: place.get(one, one))
    )
    verdicts = Verdicts()
    with RunStore(KEPT / "runs") as store:
        for row in rows.to_dict("records"):
            with np.load(store.fetch(run_list.get(store, row["run"]), "predictions.npz")) as predictions:
                verdicts.add(row, "classification", predictions)
    families = verdicts.families()
    seeds = tuple(sorted(map(int, set(rows["seed"]))))
    asked = Comparison(
        criteria=tuple(SCORED), allocations=ALLOCATIONS, repairs=REPAIRS, seeds=seeds, controls="none"
    )
    rows.to_csv(ROWS, index=False)
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
    if "--keep" in sys.argv:
        keep()
    elif "--public" in sys.argv:
        measure_public()
    else:
        measure("--few" in sys.argv)
