"""What a comparison's results say about each other: who leads under the same terms, in words and a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pruning.comparison_statistics import Family, compared
from pruning.runs.product import NARROW
from pruning.runs.results_table import STAGES
from pruning.tasks import TASKS

# the same within a family
TERMS = ("model", "data", "measure", "cut", "allocation", "repair", "epochs", "settings")

Families = dict[tuple, Family]  # by terms


@dataclass(eq=False)
class Verdicts:
    """Gathers results as they come, and judges them by family: whatever differs in criterion or control,
    under terms that are otherwise the same."""

    found: dict[tuple, dict[str, dict[int, dict[str, np.ndarray]]]] = field(default_factory=dict)
    labels: dict[tuple, list[np.ndarray]] = field(default_factory=dict)  # that any result was judged by
    tasks: dict[tuple, str] = field(default_factory=dict)

    def expect(self, row: Mapping[str, Any]):
        """Gives a result its place, so that families are in the order asked for, whoever ends first. row: as
        results.csv will have it."""
        self._of(row)

    def _of(self, row: Mapping[str, Any]) -> dict[int, dict[str, np.ndarray]]:
        terms = tuple(str(row[name]) for name in TERMS)
        return self.found.setdefault(terms, {}).setdefault(label_of(row), {})

    def add(self, row: Mapping[str, Any], task: str, predictions: Mapping[str, np.ndarray]):
        """row: as results.csv has it.   predictions: as predictions.npz."""
        terms = tuple(str(row[name]) for name in TERMS)
        last = [stage for stage in STAGES if any(name.startswith(f"{stage}_") for name in predictions)][-1]
        cut = len(last) + 1
        statistics = {
            name[cut:]: np.array(a) for name, a in predictions.items() if name.startswith(f"{last}_")
        }
        self._of(row)[int(row["seed"])] = statistics
        labels, known = np.array(predictions["labels"]), self.labels.setdefault(terms, [])
        if not any(np.array_equal(labels, one) for one in known):
            known.append(labels)
        self.tasks[terms] = task

    def families(self) -> Families:
        """{terms: Family}, of those with two results or more on the same test images."""
        there = {
            terms: {label: of for label, of in results.items() if of} for terms, results in self.found.items()
        }
        return {
            terms: compared(results, self.labels[terms][0], TASKS[self.tasks[terms]])
            for terms, results in there.items()
            if len(results) > 1 and len(self.labels[terms]) == 1
        }

    def sentences(self) -> list[str]:
        """Who leads, family by family; and of which results nothing can be said, and why."""
        told = sentences(self.families())
        apart = [terms for terms, labels in self.labels.items() if len(labels) > 1]
        why = "these results were tested on different images, so they are not compared with one another"
        return [*told, *(f"{_in_words(terms, list(self.labels))}{why}." for terms in apart)]


def sentences(families: Families) -> list[str]:
    """Who leads in each family, under which terms where these differ; then what that holds for."""
    told = [f"{_in_words(terms, list(families))}{family.leader()}" for terms, family in families.items()]
    notes = dict.fromkeys(note for family in families.values() for note in family.notes())
    return [*told, *notes]


def table(families: Families) -> pd.DataFrame:
    """A row a pair: the terms, then as `Family.table`."""
    tables = [
        family.table().assign(**dict(zip(TERMS, terms, strict=True))) for terms, family in families.items()
    ]
    if not tables:
        return pd.DataFrame(columns=[*TERMS, "a", "b"])
    whole = pd.concat(tables, ignore_index=True)
    return whole[[*TERMS, *(name for name in whole.columns if name not in TERMS)]]


def label_of(row: Mapping[str, Any]) -> str:
    """The criterion; of a control that is of one recipe alone also which, and its criterion."""
    if row["control"] in ("", NARROW):
        return row["control"] or row["criterion"]
    return f"{row['criterion']}: {row['control']}"


def _in_words(terms: tuple, every: list[tuple]) -> str:
    """What tells these terms from the others."""
    differ = [k for k in range(len(TERMS)) if len({other[k] for other in every}) > 1]
    told = ", ".join(f"{TERMS[k]} {terms[k]}" for k in differ)
    return f"{told}: " if told else ""
