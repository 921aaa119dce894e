"""A run's network in one format, as a page hands it out, and what was checked of it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruning.experiment.export_subject import exported
from pruning.experiment.exporting import opened
from pruning.experiment.recipe import Recipe
from pruning.export.formats import FORMATS, NAME
from pruning.export.saved_network import zipped
from pruning.progress import Watch, silent

LARGEST = 64 * 2**20  # bytes that a page keeps of one file


@dataclass(frozen=True, eq=False)
class ExportedFile:
    """ending: of the file's name, .zip where the format makes several.   content: its bytes.   told: as
    report.json has an export."""

    ending: str
    content: bytes
    told: dict[str, Any]


def exported_file(recipe: Recipe, folder: str, format: str, watch: Watch = silent) -> ExportedFile:
    """recipe: the run's, by which the page knows what it asked.   folder: where the run is saved; it is only
    read.   format: its name.   Raises ValueError in one sentence where the network can't be had in it."""
    _, loaded, small = opened(Path(folder), watch)
    with tempfile.TemporaryDirectory(prefix="pruning-export-") as scratch:
        made = exported(loaded, small, format, Path(scratch, f"{NAME}{FORMATS[format].endings[0]}"), watch)
        if sum(made.bytes) > LARGEST:
            raise ValueError(
                f"the file takes {sum(made.bytes) / 2**20:.0f} MiB, and a page hands out {LARGEST >> 20} at "
                f"most; download the network, and run: python -m pruning export FOLDER --format {format}"
            )
        if len(made.paths) == 1:
            return ExportedFile(made.paths[0].suffix, made.paths[0].read_bytes(), made.to_dict())
        return ExportedFile(".zip", zipped(made.paths), made.to_dict())
