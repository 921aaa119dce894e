"""results.csv read back: accuracy at a stage, means and spread over seeds, and which points are dominated."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pruning.runs.product import SETTINGS
from pruning.runs.results_table import BEFORE_AFTER, COLUMNS, COSTS, STAGES
from pruning.tasks import DEFAULT, TASKS, Metric

LAST = "last"  # the stage that each recipe ends with
# What may differ from row to row, but for the seed: the choices of a comparison.
FACTORS = (
    *("model", "data", "criterion", "measure", "cut", "allocation", "repair", "epochs", "control"),
    SETTINGS,
)
LATER = {"cut": ("repair", "epochs"), "repaired": ("epochs",)}  # factors that a stage does not know yet
NUMBERS = (
    "cut",
    *(f"accuracy_{stage}" for stage in STAGES),
    *(f"{name}_{stage}" for name in COSTS for stage in BEFORE_AFTER),
    *("images", "labels", "gradient_steps", "seconds"),
)
POINT = ("accuracy", "low", "high", "seeds", "cost", "cost_whole", "accuracy_whole", "dominated", "run")


def read_results(folder: str | Path) -> pd.DataFrame:
    """A comparison's rows so far, texts as texts (none is "") and numbers as numbers (none is NaN). Columns
    that an earlier version did not write are there and empty.

    Raises ValueError in one sentence where the folder holds no results."""
    path = Path(folder) / "results.csv"
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} holds no results; give a folder that compare wrote") from error
    table = table.reindex(columns=list(dict.fromkeys([*COLUMNS, *table.columns])), fill_value="")
    for name in NUMBERS:
        table[name] = pd.to_numeric(table[name], errors="coerce")
    for name in ("seed", "epochs"):
        table[name] = pd.to_numeric(table[name], errors="coerce").fillna(0).astype(int)
    return table


def varying(table: pd.DataFrame) -> list[str]:
    """The factors that differ among these rows, in the order of FACTORS."""
    return [name for name in FACTORS if table[name].nunique(dropna=False) > 1]


def stages_of(table: pd.DataFrame) -> list[str]:
    """The stages after the cut that any of these rows has."""
    return [stage for stage in STAGES[1:] if table[f"accuracy_{stage}"].notna().any()]


def at_stage(table: pd.DataFrame, stage: str = LAST) -> pd.DataFrame:
    """The finished rows that went through a stage, with `accuracy` there (the task's metric). LAST: what each
    recipe ends with. Of rows that differ in what comes after the stage alone, one: the plainest."""
    found = table[table["status"] == "finished"]
    if stage == LAST:
        columns = [f"accuracy_{name}" for name in STAGES]
        accuracy = found[columns].ffill(axis=1).iloc[:, -1]
    else:
        accuracy = found[f"accuracy_{stage}"]
    found = found.assign(accuracy=accuracy.astype(float)).dropna(subset="accuracy")
    if not (later := LATER.get(stage, ())):
        return found
    same = [name for name in (*FACTORS, "seed", "accuracy") if name not in later]
    plainest = found.sort_values("repair", key=lambda repairs: repairs != "none", kind="stable")
    return plainest.drop_duplicates(same).sort_index()


def points(table: pd.DataFrame, stage: str = LAST, cost: str = "macs") -> pd.DataFrame:
    """A row a choice of all factors: mean accuracy over seeds (low, high: the worst and the best seed), their
    number, the mean cost after and before, the whole network's accuracy, and whether another point of the
    same network and data costs no more and is at least as good. run: of the seed nearest to the mean.

    table: as `read_results`.   cost: of COSTS."""
    rows = at_stage(table, stage)
    if rows.empty:
        return pd.DataFrame(columns=[*FACTORS, *POINT])
    grouped = rows.groupby(list(FACTORS), sort=False, dropna=False)
    found = grouped.agg(
        accuracy=("accuracy", "mean"),
        low=("accuracy", "min"),
        high=("accuracy", "max"),
        seeds=("seed", "nunique"),
        cost=(f"{cost}_final", "mean"),
        cost_whole=(f"{cost}_baseline", "mean"),
        accuracy_whole=("accuracy_baseline", "mean"),
    )
    away = (rows["accuracy"] - grouped["accuracy"].transform("mean")).abs()
    nearest = away.groupby([rows[name] for name in FACTORS], sort=False, dropna=False).idxmin()
    found["run"] = rows.loc[nearest, "run"].to_numpy()
    found = found.reset_index()
    found["dominated"] = dominated(found, higher=metric_of(rows).direction == "higher")
    return found


def of_choice(table: pd.DataFrame, choice: Mapping[str, Any]) -> pd.Series:
    """[rows] of bool: which are of the choice, in all factors, that a row of results has."""
    same = pd.Series(True, index=table.index)
    for name in FACTORS:
        same &= table[name] == choice[name]
    return same


def metric_of(table: pd.DataFrame) -> Metric:
    """What these rows' accuracy columns hold; of rows without any result, the share of right classes."""
    named = set(table["metric"]) - {""}
    found = [task.metric for task in TASKS.values() if task.metric.name in named]
    return found[0] if found else DEFAULT.metric


def dominated(found: pd.DataFrame, *, higher: bool = True) -> np.ndarray:
    """[rows] of bool: somebody else of the same network and data is better at no more cost, or cheaper and at
    least as good."""
    out = np.zeros(len(found), bool)
    for _, rows in found.reset_index(drop=True).groupby(["model", "data"], sort=False):
        good = rows["accuracy"].to_numpy() * (1 if higher else -1)
        cost = rows["cost"].to_numpy()
        order = np.lexsort((-good, cost))  # the cheapest first, of equal ones the best
        best_cheaper, best_here, cost_here = -np.inf, -np.inf, -np.inf
        for place in order:
            if cost[place] > cost_here:
                best_cheaper, cost_here = max(best_cheaper, best_here), cost[place]
            best = max(best_cheaper, best_here)
            out[rows.index[place]] = best > good[place] or best_cheaper >= good[place]
            best_here = max(best_here, good[place])
    return out
