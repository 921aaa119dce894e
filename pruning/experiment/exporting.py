"""A saved run's network as files for other runtimes, checked on its test images, and its time there."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruning.experiment.export_subject import exported, subject_of_run
from pruning.experiment.loading import Loaded, load, use_threads
from pruning.experiment.recipe import Recipe
from pruning.experiment.report import load_report
from pruning.experiment.runtime_times import side_by_side
from pruning.export import saved_network
from pruning.export.formats import FORMATS, NAME, usable_format
from pruning.progress import Watch, silent
from pruning.runtimes import must_be_timed

if TYPE_CHECKING:
    from torch import nn


def export_run(
    folder: Path, formats: Sequence[str], out: Path | None = None, watch: Watch = silent
) -> Iterator[dict[str, Any]]:
    """Writes the network of a saved run in these formats, and tells of them in its report.json.

    out: the folder to write into; the run's own if None.   Yields what the report tells of each. Raises
    ValueError in one sentence where the run is none, its data or its network are not at hand, or a package
    is missing, before anything is written; and at the end where a format can't be had.
    """
    for name in formats:
        usable_format(name)
    report, loaded, small = opened(folder, watch)
    failed, subjects = [], subject_of_run(loaded, small)
    for name in dict.fromkeys(formats):
        path = (out or folder) / f"{NAME}{FORMATS[name].endings[0]}"
        try:
            made = exported(loaded, small, name, path, watch, subjects)
        except ValueError as error:
            failed.append(str(error))
            continue
        if out is None or out.resolve() == folder.resolve():
            noted(folder, report, made.to_dict())
        yield made.to_dict()
    if failed:
        raise ValueError("; ".join(failed))


def opened(folder: Path, watch: Watch = silent) -> tuple[dict[str, Any], Loaded, "nn.Module"]:
    """A saved run's report, what its recipe stands for, and its network; on the processor."""
    report = load_report(folder)
    recipe = Recipe.from_dict(report["recipe"])
    use_threads(recipe)
    loaded = load(recipe.but(device="cpu"), watch)
    return report, loaded, saved_network.load(folder, loaded.model)


def noted(folder: Path, report: dict[str, Any], told: dict[str, Any]):
    """Puts what is told of an export into the run's report.json, in the place of an earlier one's."""
    others = [other for other in report.get("exports", []) if other["format"] != told["format"]]
    report["exports"] = [*others, told]
    written(folder, report)


def written(folder: Path, report: dict[str, Any]):
    """The run's report.json, at once."""
    scratch = folder / ".report.json.writing"
    scratch.write_text(json.dumps(report, indent=2) + "\n")
    os.replace(scratch, folder / "report.json")


def times_of_run(
    folder: Path, runtimes: Sequence[str] | None = None, watch: Watch = silent
) -> list[dict[str, Any]]:
    """`side_by_side` of a saved run. Raises ValueError before any work where a runtime is not installed."""
    must_be_timed(runtimes or ())
    _, loaded, small = opened(folder, watch)
    return side_by_side(loaded, small, runtimes, watch)


def told_in_report(folder: Path, rows: list[dict[str, Any]]):
    """Puts rows into the run's report.json, in the place of those of the same runtimes."""
    report, fresh = load_report(folder), {row["runtime"] for row in rows}
    kept = [row for row in report["latency_ms"].get("runtimes", []) if row["runtime"] not in fresh]
    report["latency_ms"]["runtimes"] = [*kept, *rows]
    written(folder, report)


def times_on_page(recipe: Recipe, folder: str, watch: Watch = silent) -> list[dict[str, Any]]:
    """recipe: the run's, by which the page knows what it asked.   folder: where it is saved."""
    return times_of_run(Path(folder), None, watch)
