"""Scores: what a criterion says of every group's channels, and what it was made of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd


class Tables(Mapping[str, pd.DataFrame]):
    """{group: a row a channel}, out of plain arrays [C, columns]; a table is made when one looks at it."""

    def __init__(self, columns: Sequence[str]):
        self.columns, self.arrays, self.scores = list(columns), {}, {}

    def add(self, group: str, array: np.ndarray, scores: np.ndarray):
        self.arrays[group], self.scores[group] = array, scores

    def __getitem__(self, group: str) -> pd.DataFrame:
        table = pd.DataFrame(self.arrays[group], columns=self.columns)
        table["score"] = self.scores[group]
        return table

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


@dataclass(frozen=True, eq=False)
class Scores(Mapping[str, np.ndarray]):
    """{group: [C]}, higher = keep, -inf for a dead channel (constant zero, or without any weight).

    tables: {group: a row a channel, what the score was made of}, made when asked for.   unit: in words.
    again: for a criterion whose order depends on how many stay, (table, width) -> [C].
    """

    arrays: Mapping[str, np.ndarray]
    criterion: str = ""
    unit: str = ""
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    again: Callable[[pd.DataFrame, int], np.ndarray] | None = None

    @classmethod
    def of(cls, given: Mapping[str, np.ndarray]) -> "Scores":
        """Scores as they are, or a plain mapping of arrays as scores; nan counts as dead."""
        if isinstance(given, Scores):
            return given
        arrays = {name: np.asarray(array, float) for name, array in given.items()}
        return cls({name: np.where(np.isnan(array), -np.inf, array) for name, array in arrays.items()})

    def __getitem__(self, group: str) -> np.ndarray:
        return self.arrays[group]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def at_width(self, group: str, width: int) -> np.ndarray:
        """[C], the scores by which `width` channels of this group are chosen."""
        if self.again is None:
            return self.arrays[group]
        return self.again(self.tables[group], width)
