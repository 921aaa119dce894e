"""results.csv: a row a run of a comparison."""

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pruning.runs.product import SETTINGS, Entry

STAGES = ("baseline", "cut", "repaired", "tuned", "quantized")
BEFORE_AFTER = ("baseline", "final")
# {column: how a report calls it}
COSTS = {"macs": "macs", "parameters": "parameters", "latency": "latency_ms", "bytes": "bytes"}
COLUMNS = (
    *("model", "data", "criterion", "cut", "measure", "allocation", "repair", "epochs", "seed"),
    *("kind", "control", "status", "error", "metric"),
    *(f"accuracy_{stage}" for stage in STAGES),
    *(f"{name}_{stage}" for name in COSTS for stage in BEFORE_AFTER),
    *("images", "labels", "gradient_steps", "seconds", "digest", "run", SETTINGS),
)


def row_of(
    entry: Entry, status: str, *, report: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """One row. accuracy_*: the task's metric, unrounded, of classification the accuracy.   images: that the
    method looks at, calibration and epochs.   labels: whether it uses any.   more: error, seconds, digest,
    run."""
    row = dict.fromkeys(COLUMNS, "") | entry.fields | {"kind": entry.kind, "control": entry.control}
    row |= {"status": status} | more
    if report is None:
        return row
    row["metric"] = report["metric"]["name"]
    row |= {f"accuracy_{stage}": _told(report["values"].get(stage)) for stage in STAGES}
    for column, name in COSTS.items():
        row |= {f"{column}_{stage}": report[name][stage] for stage in BEFORE_AFTER}
    return row | {name: report["looked_at"][name] for name in ("images", "labels", "gradient_steps")}


def _told(value) -> str:
    return "" if value is None else repr(float(value))


class ResultsTable:
    """The file as it grows: begun anew with what is known, then a row at a time, each on disk at once."""

    def __init__(self, path: Path, known: Iterable[Mapping[str, Any]] = ()):
        self.path = path
        scratch = path.with_suffix(".writing")
        with scratch.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(known)
        os.replace(scratch, path)

    def add(self, row: Mapping[str, Any]):
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS, extrasaction="ignore").writerow(row)
            file.flush()
            os.fsync(file.fileno())
