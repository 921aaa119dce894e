"""results.csv: a row a run of a comparison."""

import csv
import os
from collections.abc import Callable, Mapping
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
    """The file as it grows. The rows that are known already take the place of an older file all at once, when
    `publish` is called, so that whatever goes wrong before costs it no row; from then on each row is on disk
    at once."""

    def __init__(self, path: Path):
        self.path, self.file = path, path.with_suffix(".writing")
        self._write("w", lambda writer: writer.writeheader())

    def publish(self):
        os.replace(self.file, self.path)
        self.file = self.path

    def add(self, row: Mapping[str, Any]):
        self._write("a", lambda writer: writer.writerow(row))

    def _write(self, mode: str, write: Callable[[csv.DictWriter], Any]):
        with self.file.open(mode, newline="", encoding="utf-8") as file:
            write(csv.DictWriter(file, COLUMNS, extrasaction="ignore"))
            file.flush()
            if self.file is self.path:
                os.fsync(file.fileno())
