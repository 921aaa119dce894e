"""Rows of docs/measured/*.csv: known by their key, put in whole or not at all, by one process at a time."""

import csv
import fcntl
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.measured import KEPT

Key = tuple[str, ...]


@dataclass(frozen=True)
class MeasuredRows:
    """path: of the file.   key: columns that say which row it is.   columns: all, the key's first."""

    path: Path
    key: Key
    columns: Key

    def known(self) -> dict[Key, dict[str, str]]:
        """{key: row} of all that is measured."""
        if not self.path.exists():
            return {}
        with self.path.open(newline="") as file:
            return {self.of(row): row for row in csv.DictReader(file)}

    def of(self, row: dict) -> Key:
        return tuple(str(row[name]) for name in self.key)

    def keep(self, *new: dict):
        """In place of rows of the same key."""
        KEPT.mkdir(exist_ok=True)
        half = KEPT / f"{self.path.name}.half"
        with half.open("a+", newline="") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            told = self.known() | {self.of(row): row for row in new}
            file.truncate(0)
            writer = csv.DictWriter(file, self.columns, lineterminator="\n", restval="")
            writer.writeheader()
            writer.writerows(told[key] for key in sorted(told))
            file.flush()
            shutil.copyfile(half, self.path)


def as_bits(right) -> str:
    """Whether each image was answered right, in hexadecimal."""
    return np.packbits(np.array(right, np.uint8)).tobytes().hex()


def hits(row: dict) -> np.ndarray:
    """The same back from a row with `right` and `images`: 0 or 1."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(row["right"]), np.uint8))
    return bits[: int(row["images"])].astype(int)
