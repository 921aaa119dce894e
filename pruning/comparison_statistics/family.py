"""A family of comparisons: results on the same items, who leads whom by how much, and what that is worth."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pruning.comparison_statistics.compared_results import A_LEADS, B_LEADS, NOT_SHOWN, ComparedResults
from pruning.comparison_statistics.intervals import (
    Spread,
    holm,
    items_needed,
    p_values,
    seeds_needed,
    spread,
    times_needed,
)
from pruning.comparison_statistics.mean_squares import Pairs, mean_squares, values_of_items
from pruning.comparison_statistics.sentences import comparison_in_words, leader_in_words, notes
from pruning.tasks import Metric, Task

ERROR = 0.05

Results = Mapping[str, Sequence[Mapping[str, np.ndarray]] | Mapping[int, Mapping[str, np.ndarray]]]


class Family(ComparedResults):
    """What a family says, as a table and in sentences."""

    def table(self) -> pd.DataFrame:
        """A row a comparison, in the metric's own unit (shares of 1, not points):

        a, b: labels.   seeds: how many both have.   difference: the metric of a less that of b.   low, high:
        the 95 % interval of this comparison alone.   low_all, high_all: intervals that hold for all
        comparisons of the family at once in 95 % of families.   p: of this comparison alone.   p_holm:
        adjusted for the family.   verdict: "a leads" or "b leads" where p_holm is at most 0.05, else "no
        difference shown". items_needed, seeds_needed: how many would show a difference as large as the one
        seen, 80 % of the time, the other number being as it is; times_needed: how many times both. NaN where
        a difference is shown, and where no number would.
        """
        return self.rows.copy()

    def leader(self) -> str:
        """Who is best, and whom it leads: a sentence or two."""
        return leader_in_words(self)

    def sentences(self) -> list[str]:
        """One of each comparison, in the table's order; their intervals hold for all of them at once."""
        return [comparison_in_words(row, self) for row in self.rows.to_dict("records")]

    def notes(self) -> list[str]:
        """What the intervals are, and what they do not hold for: to be told once beside the sentences."""
        return notes(self)


def compared(results: Results, labels: np.ndarray, task: Task, against: str | None = None) -> Family:
    """Compares every pair of results, or all with one of them, on the same items under the same seeds.

    results: {label: statistics of every seed}, as `Task.statistics` gives them; {seed: statistics} where not
    all have the same seeds: a pair is compared on those that both have.   labels: the items' targets.
    against: the label of the baseline.
    Raises ValueError with fewer than two results or two items, with a label that is not among them, where two
    results have no seed in common, where items are not the same in number, and where a result's metric is no
    number.
    """
    if len(results) < 2 or len(labels) < 2:
        given = f"{len(results)} and {len(labels)}"
        raise ValueError(f"a comparison needs two results and two items or more, not {given}")
    if against is not None and against not in results:
        raise ValueError(f"{against!r} is not among the results; there are {', '.join(results)}")
    by_seed = {label: dict(_numbered(of)) for label, of in results.items()}
    if empty := [label for label, of in by_seed.items() if not of]:
        raise ValueError(f"{empty[0]!r} has no result of any seed")
    values = [
        {seed: values_of_items(task, each, labels) for seed, each in of.items()} for of in by_seed.values()
    ]
    for label, of in zip(results, values, strict=True):
        if not all(np.isfinite(each).all() for each in of.values()):
            raise ValueError(f"the {task.metric.name} of {label!r} is not a number")
    rows = _rows(list(results), mean_squares(values), len(labels), task.metric, against)
    means = {
        label: float(np.mean([each.mean() for each in of.values()]))
        for label, of in zip(results, values, strict=True)
    }
    seeds = {label: len(of) for label, of in by_seed.items()}
    return Family(task.metric, means, seeds, len(labels), against, rows)


def _numbered(of):
    return of.items() if isinstance(of, Mapping) else enumerate(of)


def _rows(names: list[str], pairs: Pairs, items: int, metric: Metric, against: str | None) -> pd.DataFrame:
    """The table of `Family`. What seeds do is learnt from all pairs, also of those that are not shown."""
    of, difference = spread(pairs), pairs.difference
    shown = np.ones(len(pairs.a), bool)
    if against is not None:
        number = names.index(against)
        shown = (pairs.a == number) | (pairs.b == number)
    error = ERROR / int(shown.sum())
    p, adjusted = p_values(difference, of), np.full(len(pairs.a), np.nan)
    adjusted[shown] = holm(p[shown])
    leads, up = adjusted <= ERROR, difference > 0
    half, half_all = of.reach(difference, ERROR), of.reach(difference, error)
    low_all, high_all = difference - half_all, difference + half_all
    named = np.where(up == (metric.direction == "higher"), A_LEADS, B_LEADS)
    columns = {
        "a": np.array(names, object)[pairs.a],
        "b": np.array(names, object)[pairs.b],
        "seeds": pairs.seeds,
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
        # Holm's procedure sees a little more than intervals that all hold at once: those then end at 0
        "low_all": np.where(leads & up, np.maximum(low_all, 0), low_all),
        "high_all": np.where(leads & ~up, np.minimum(high_all, 0), high_all),
        "p": p,
        "p_holm": adjusted,
        "verdict": np.where(leads, named, NOT_SHOWN),
    }
    columns |= _needed(difference, of, error, ~leads & (difference != 0), items)
    table = pd.DataFrame(columns)[shown].reset_index(drop=True)
    return table if against is None else _turned(table, against)


def _needed(difference, of: Spread, error: float, asked: np.ndarray, items: int) -> dict[str, np.ndarray]:
    """items_needed, seeds_needed, times_needed of the pairs that are asked for, else NaN."""
    found = {
        # an item of the spread is a group of items, where the metric is no mean over items
        "items_needed": np.ceil(items_needed(difference, of, error) * items / of.items),
        "seeds_needed": np.ceil(seeds_needed(difference, of, error)),
        "times_needed": times_needed(difference, of, error),
    }
    return {name: np.where(asked, each, np.nan) for name, each in found.items()}


def _turned(table: pd.DataFrame, against: str) -> pd.DataFrame:
    """The baseline always stands as b."""
    first = table["a"] == against
    turned = table.copy()
    turned.loc[first, ["a", "b"]] = table.loc[first, ["b", "a"]].to_numpy()
    turned.loc[first, "difference"] = -table.loc[first, "difference"]
    for low, high in (("low", "high"), ("low_all", "high_all")):
        turned.loc[first, low], turned.loc[first, high] = -table.loc[first, high], -table.loc[first, low]
    flipped = {A_LEADS: B_LEADS, B_LEADS: A_LEADS}
    turned.loc[first, "verdict"] = table.loc[first, "verdict"].replace(flipped)
    return turned
