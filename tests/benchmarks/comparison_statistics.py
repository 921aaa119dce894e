"""How often comparisons err, on simulated results whose truth is known: rows in docs/measured/, table in
docs/compare.md.

python -m tests.benchmarks.comparison_statistics families|shares|write
"""

import argparse
import csv
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtr

from pruning.comparison_statistics import compared, shares_of_variance
from pruning.comparison_statistics.intervals import holm
from pruning.comparison_statistics.mean_squares import mean_squares
from pruning.tasks import DEFAULT
from tests.benchmarks import compare_scenes, comparisons
from tests.benchmarks.criteria import filled
from tests.benchmarks.engine_rows import table
from tests.benchmarks.measured import ROOT
from tests.benchmarks.speed import machine
from tests.simulated_results import answers, right_to_statistics

FAMILIES = 1000
SEEDS, ITEMS = (2, 3, 5, 10), (359, 1017, 2000)
SPREADS = (0.0, 0.003, 0.01)  # of the accuracy over seeds, mean of a family's methods
FAMILY = (6, 15)  # methods, from and to
FEW = ((2, 2), (3, 3))  # and in small families
EQUAL, UNEQUAL = (0.9,), (0.88, 0.89, 0.895, 0.9, 0.9)  # true accuracies that methods are given
STEPS = (0.005, 0.01, 0.02)  # true differences whose power is told
ROWS = ROOT / "docs" / "measured" / "comparison_statistics.csv"
SHARE_ROWS = ROWS.with_name("comparison_shares.csv")
TABLES = 200
FACTORS = ("criterion", "repair")
CRITERIA, REPAIRS = (0, 0.005, 0.01, 0.015, 0.02, 0.03), (0, 0.015, 0.02)  # what each adds to the accuracy
SHARE_COLUMNS = "effects seeds items tables term true told told_without_items covered half_width".split()
COLUMNS = (
    "truth results seeds items spread families wrong wrong_satterthwaite covered covered_at_once half_width "
    "power_0.5 power_1 power_2"
).split()


def cells():
    """(truth, results, seeds, items, spread) of every row; without a spread of seeds, and of small families,
    only at the middle size."""
    for truth, seeds, items, spread in itertools.product(("equal", "unequal"), SEEDS, ITEMS, SPREADS):
        if spread or items == ITEMS[1]:
            yield truth, FAMILY, seeds, items, spread
        if spread and items == ITEMS[1]:
            yield from ((truth, few, seeds, items, spread) for few in FEW)


def in_words(results: tuple[int, int]) -> str:
    least, most = results
    return f"{least} to {most}" if least < most else str(least)


def measured(truth: str, results: tuple[int, int], seeds: int, items: int, spread: float) -> dict:
    """One row: shares of 1,000 families, and of their pairs.

    wrong: families in which anyone is said to lead who does not; wrong_satterthwaite: the same, had each
    pair's own variance components and Satterthwaite's degrees of freedom been used.   covered: pairs whose
    own 95 % interval holds the truth; covered_at_once: families of which all simultaneous intervals do.
    half_width: of pairs, mean, in points.   power: pairs truly so many points apart of which the better is
    said to lead."""
    few = [] if results == FAMILY else [results[0]]
    random = np.random.default_rng([seeds, items, round(1000 * spread), truth == "equal", *few])
    wrong, plainly, at_once, covered, widths = 0, 0, 0, [], []
    shown: dict[float, list[bool]] = {step: [] for step in STEPS}
    for _ in range(FAMILIES):
        count = random.integers(results[0], results[1] + 1)
        shares = random.choice(EQUAL if truth == "equal" else UNEQUAL, count)
        own = spread * np.exp(random.normal(-0.245, 0.7, count))  # of some methods a fifth of that of others
        right = answers(random, shares, own, seeds=seeds, items=items)
        told = compared(*right_to_statistics(right, [str(k) for k in range(count)]), DEFAULT).table()
        gap = np.round(shares[told["a"].astype(int)] - shares[told["b"].astype(int)], 6)
        said = told["verdict"].map({"a leads": 1, "b leads": -1}).fillna(0).to_numpy()
        wrong += bool(np.any(said * np.sign(gap) < said**2))
        plainly += wrong_by_satterthwaite(right, gap)
        covered.append(np.mean((told["low"] <= gap) & (gap <= told["high"])))
        at_once += bool(np.all((told["low_all"] <= gap) & (gap <= told["high_all"])))
        widths.append(np.mean(told["high"] - told["low"]) / 2)
        for step in STEPS:
            shown[step] += list((said * np.sign(gap))[np.abs(gap) == step] > 0)
    power = {f"power_{100 * step:g}": f"{np.mean(of):.3f}" if of else "" for step, of in shown.items()}
    return {
        "wrong": wrong / FAMILIES,
        "wrong_satterthwaite": plainly / FAMILIES,
        "covered": round(float(np.mean(covered)), 4),
        "covered_at_once": at_once / FAMILIES,
        "half_width": round(100 * float(np.mean(widths)), 2),
        **power,
    }


def wrong_by_satterthwaite(right: np.ndarray, gap: np.ndarray) -> bool:
    """Whether the usual mixed-model interval would have named a wrong leader: variance components of each
    pair for itself, none below 0, and one t quantile with Satterthwaite's degrees of freedom."""
    pairs = mean_squares([dict(enumerate(of.astype(float))) for of in right])
    seeds, items = right.shape[1:]
    parts = (pairs.by_seed, pairs.by_item, pairs.by_both)
    freedom = (seeds - 1, items - 1, (seeds - 1) * (items - 1))
    whole = np.maximum(pairs.by_seed + pairs.by_item - pairs.by_both, np.maximum(*parts[:2])) + 1e-12
    degrees = whole**2 / (sum(part**2 / df for part, df in zip(parts, freedom, strict=True)) + 1e-300)
    t = np.abs(pairs.difference) / np.sqrt(whole / (seeds * items))
    leads = holm(2 * stdtr(np.maximum(degrees, seeds - 1), -t)) <= 0.05
    return bool(np.any(leads & (pairs.difference * gap <= 0)))


def written(row: dict, path: Path, columns: list[str]):
    """Adds a row to a table of measured ones, with its header where it is the first."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)
    print(row, flush=True)


def rows_of(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def families(seeds: list[int]):
    """Measures what is not in the table yet."""
    names = ("truth", "results", "seeds", "items", "spread")
    done = {tuple(row[name] for name in names) for row in rows_of(ROWS)}
    for truth, results, *rest in cells():
        cell = dict(zip(names, (truth, in_words(results), *rest), strict=True))
        if rest[0] in seeds and tuple(map(str, cell.values())) not in done:
            written(cell | {"families": FAMILIES} | measured(truth, results, *rest), ROWS, COLUMNS)


def planted_table(accuracies: np.ndarray, seeds: int) -> pd.DataFrame:
    """Its rows are in the order of `answers`: criterion, repair, seed."""
    axes = (range(accuracies.shape[0]), range(accuracies.shape[1]), range(seeds))
    return pd.DataFrame(itertools.product(*axes), columns=["criterion", "repair", "seed"])


def share_rows(effects: bool, seeds: int, items: int) -> list[dict]:
    """A row a term of 200 tables of six criteria and three repairs. true: sum of squares of the true
    accuracies over the mean total; told: mean share; told_without_items: the same, not corrected for the
    images; covered: tables whose interval holds the true share; half_width: mean, in points of share."""
    random = np.random.default_rng([seeds, items, effects])
    both = random.normal(0, 0.003, (len(CRITERIA), len(REPAIRS)))
    accuracies = 0.88 + effects * (np.array(CRITERIA)[:, None] + REPAIRS + both)
    rows, found, bare, totals = planted_table(accuracies, seeds), [], [], []
    truth = np.repeat(accuracies.ravel(), seeds)
    for _ in range(TABLES):
        right = answers(random, accuracies.ravel(), np.full(accuracies.size, 0.004), seeds=seeds, items=items)
        values = right.reshape(len(rows), items).astype(float)
        rows["accuracy"] = values.mean(1)
        found.append(shares_of_variance(rows, FACTORS, "accuracy", items=values))
        bare.append(shares_of_variance(rows, FACTORS, "accuracy")["share"].to_numpy())
        totals.append(found[-1]["sum_of_squares"].sum())
    exact = np.zeros(len(found[0]))
    if effects:
        of_truth = shares_of_variance(rows.assign(accuracy=truth), FACTORS, "accuracy")
        exact = of_truth["sum_of_squares"].to_numpy() / np.mean(totals)
    exact[-1] = 1 - exact[:-1].sum()
    low, high, share = (np.array([of[name] for of in found]) for name in ("low", "high", "share"))
    told = {
        "true": exact,
        "told": share.mean(0),
        "told_without_items": np.mean(bare, axis=0),
        "covered": ((low <= exact + 1e-9) & (exact - 1e-9 <= high)).mean(0),
        "half_width": (high - low).mean(0) / 2,
    }
    return [
        {"term": term} | {name: round(float(of[k]), 3) for name, of in told.items()}
        for k, term in enumerate(found[0]["term"])
    ]


def shares():
    """Measures the whole table anew: half a minute."""
    SHARE_ROWS.unlink(missing_ok=True)
    for effects, seeds, items in itertools.product((True, False), SEEDS[1:], ITEMS[:2]):
        for row in share_rows(effects, seeds, items):
            cell = {"effects": effects, "seeds": seeds, "items": items, "tables": TABLES}
            written(cell | row, SHARE_ROWS, SHARE_COLUMNS)


def families_table() -> list[str]:
    """One line a number of seeds, of images and a spread; of families with and without true differences."""
    names = ("truth", "results", "seeds", "items", "spread")
    by_cell = {tuple(row[name] for name in names): row for row in rows_of(ROWS)}
    lines = []
    for results, *rest in sorted({cell[1:] for cell in cells()}, key=lambda cell: (-cell[0][0], cell[1:])):
        seeds, items, spread = rest
        where = (in_words(results), *map(str, rest))
        pair = [by_cell.get((truth, *where)) for truth in ("equal", "unequal")]
        if not all(pair):
            continue
        equal, unequal = pair
        line = [in_words(results), str(seeds), str(items), f"{100 * spread:g}"]
        line += [percent_of(of["wrong"]) for of in pair]
        line += [percent_of(equal["wrong_satterthwaite"])]
        line += [percent_of(of["covered"]) for of in pair]
        line += [percent_of(min((of["covered_at_once"] for of in pair), key=float)), unequal["half_width"]]
        line += [percent_of(unequal[f"power_{100 * step:g}"], 0) for step in STEPS]
        lines.append(line)
    head = ["results", "seeds", "images", "spread, points", "wrong, all equal", "wrong, some differ"]
    head += ["wrong, Satterthwaite", "covered, all equal", "covered, some differ", "all at once"]
    return table([*head, "half-width, points", "power, 0.5", "power, 1", "power, 2"], lines)


def verdict() -> list[str]:
    """The extremes of the table."""
    rows = rows_of(ROWS)
    said = []
    for name, few, many in (("2 seeds", 2, 2), ("3 seeds", 3, 3), ("5 seeds and 10", 5, 10)):
        of = [row for row in rows if few <= int(row["seeds"]) <= many and row["results"] == in_words(FAMILY)]
        wrong = percent_of(max((row["wrong"] for row in of), key=float))
        low, high = (percent_of(end((row["covered"] for row in of), key=float)) for end in (min, max))
        said.append(
            f"with {name} a wrong leader in at most {wrong} % of the families, {low} to {high} % covered"
        )
    return [f"In short: {'; '.join(said)}."]


def percent_of(share: str, decimals: int = 1) -> str:
    return f"{100 * float(share):.{decimals}f}"


def shares_table() -> list[str]:
    lines = []
    for row in rows_of(SHARE_ROWS):
        numbers = [percent_of(row[name]) for name in SHARE_COLUMNS[5:]]
        effects = "yes" if row["effects"] == "True" else "none"
        lines.append([effects, row["seeds"], row["items"], row["term"], *numbers])
    head = ["effects", "seeds", "images", "term", "true", "told", "told without the images", "covered"]
    return table([*head, "half-width"], lines)


def parts() -> dict[str, list[str]]:
    """What of docs/compare.md comes from here."""
    return {
        "families": families_table(),
        "shares": shares_table(),
        "verdict": verdict(),
        "machine": [machine()],
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("families", "shares", "write"))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    given = parser.parse_args()
    if given.part == "families":
        families(given.seeds)
    elif given.part == "shares":
        shares()
    else:
        filled(parts() | comparisons.parts() | compare_scenes.parts(), "compare.md")


if __name__ == "__main__":
    main()
