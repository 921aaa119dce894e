"""What is told of translations beside the metric, as a table and in words."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pruning.figures.tradeoff import STAGES
from pruning.terms import percent, sentence

COLUMNS = ("measure", "stage", "value", "low", "high", "unit")
NAMES = {
    "reconstruction_error": "Difference from the full network",
    "frechet_distance": "Fréchet distance",
    "cycle_error": "Cycle error",
    "identity_error": "Identity error",
}
ENDS = "In brackets: where 95 % lie with pictures drawn anew."


def measures(told: Mapping[str, Any]) -> pd.DataFrame:
    """A row a measure and stage that was done, with the columns of COLUMNS; none of an empty mapping. told:
    as report.json has them."""
    rows = [
        (name, stage, found["value"], found["low"], found["high"], measure["unit"])
        for name, measure in told.items()
        for stage, found in measure["values"].items()
        if found is not None
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def side_by_side(table: pd.DataFrame) -> pd.DataFrame:
    """A row a measure, a column a stage: value and interval as text. table: as `measures`."""
    shown = table.assign(text=[in_words(row) for row in table.itertuples()])
    stages = [stage for stage in STAGES if (table["stage"] == stage).any()]
    wide = shown.pivot(index="measure", columns="stage", values="text")[stages]
    wide = wide.reindex(table["measure"].unique()).fillna("").reset_index()
    wide["measure"] = [NAMES.get(name, name) for name in wide["measure"]]
    return wide.rename(columns={"measure": "Lower is better"} | {s: sentence(STAGES[s][0]) for s in stages})


def in_words(row) -> str:
    """ "2.1 % (2.0 to 2.2)" of a share, "3.41 (3.1 to 3.7)" of anything else."""
    ends = (row.value, row.low, row.high)
    if row.unit.startswith("share"):
        low, high = (f"{100 * end:.1f}" for end in ends[1:])
        return f"{percent(row.value)} ({low} to {high})"
    value, low, high = (f"{end:.3g}" for end in ends)
    return f"{value} ({low} to {high})"


def meanings(told: Mapping[str, Any]) -> str:
    """What each measure is, and in what."""
    words = [f"{NAMES.get(n, n)} ({m['unit']}): {m['meaning']}" for n, m in told.items()]
    return " ".join(words)


def floor_in_words(floor: float | None, images: int) -> str:
    """How large a Fréchet distance is where there is no difference. images: translated pictures that it is
    computed from."""
    if floor is None:
        return ""
    return (
        "With few pictures a Fréchet distance comes out too large: two halves of the real ones, which differ "
        f"by chance alone, are {floor:.3g} apart. Here it is computed from {images:,} translated pictures."
    )
