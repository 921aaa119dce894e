"""A family of comparisons as a record: what sentences are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pruning.tasks import Metric

A_LEADS, B_LEADS, NOT_SHOWN = "a leads", "b leads", "no difference shown"  # verdicts


@dataclass(frozen=True)
class ComparedResults:
    """Comparisons that are shown together. metric: of the task.   values: {label: mean over its seeds}.
    seeds: {label: how many}.   items: test items.   against: the result that all are compared with, or None
    where every pair is compared.   rows: see `Family.table`."""

    metric: Metric
    values: Mapping[str, float]
    seeds: Mapping[str, int]
    items: int
    against: str | None
    rows: pd.DataFrame
