"""How long the whole and the cut network take, side by side, in the runtimes that are installed."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruning.error_messages import first_line
from pruning.experiment.export_subject import exported, subject_of_run
from pruning.experiment.loading import Loaded
from pruning.export.formats import NAME
from pruning.progress import Watch, silent
from pruning.runtimes import format_in, installed
from pruning.terms import RUNTIMES, plural

if TYPE_CHECKING:
    from torch import nn

    from pruning.export.subject import Run, Subject

COLUMNS = [
    "Runtime",
    "Threads",
    "Images",
    "Full network (ms)",
    "Pruned network (ms)",
    "Times as fast",
    "Passes",
]
WIDTHS = (
    "Layers there take as long at some widths as at larger ones: a cut of measured time in this runtime, or "
    "widths in multiples of 8, avoids those."
)


def runtime_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """`side_by_side`'s rows as a table: a row a runtime and number of images, COLUMNS. A runtime that could
    not time the networks has none."""
    found = []
    for row in rows:
        for images, ms in row.get("milliseconds", {}).items():
            before, after = ms["baseline"], ms["final"]
            name = f"torch.compile, {row['version']}" if row["runtime"] == "compile" else row["version"]
            times = (before, after, round(before / after, 2))
            found.append((name, row["threads"], int(images), *times, ms["passes"]))
    return pd.DataFrame(found, columns=COLUMNS)


def not_timed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for every runtime that could not time the networks."""
    return [f"{RUNTIMES[row['runtime']]}: {row['error']}." for row in rows if "error" in row]


def no_faster(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for every runtime in which the cut network takes as long as the whole one, or longer."""
    found = []
    for row in rows:
        of = row.get("milliseconds", {}).items()
        slow = {int(images): ms for images, ms in of if ms["final"] >= ms["baseline"]}
        told = ", ".join(
            f"{ms['baseline'] / ms['final']:.2f} times as fast with {plural(images, 'image')} at once"
            for images, ms in slow.items()
        )
        if slow:
            found.append(f"{RUNTIMES[row['runtime']]}: the pruned network is not faster: {told}. {WIDTHS}")
    return found


def side_by_side(
    loaded: Loaded, small: "nn.Module", runtimes: Sequence[str] | None = None, watch: Watch = silent
) -> list[dict[str, Any]]:
    """A row a runtime, as report.json has them: runtime, version, threads, milliseconds {images at once:
    {"baseline": ms, "final": ms, "passes": of each}}; or runtime and error, a sentence, where it can't
    compute the network. On the processor, medians of passes in turns.

    runtimes: None: those that are installed, but torch.compile, which takes minutes."""
    subjects, names = subject_of_run(loaded, small), installed() if runtimes is None else runtimes
    return [_row(loaded, small, subjects, name, watch) for name in names]


def _row(
    loaded: Loaded, small: "nn.Module", subjects: "tuple[Subject, Subject]", name: str, watch: Watch
) -> dict[str, Any]:
    watch("export", 0, 1, message=f"timing in {RUNTIMES[name]}")
    try:
        if name in ("torch", "compile"):
            return {"runtime": name} | _in_torch(*subjects, name == "compile", watch)
        form = format_in(name)
        with tempfile.TemporaryDirectory(prefix="pruning-timed-") as scratch:
            place = Path(scratch, f"{NAME}{form.endings[0]}")
            told = exported(loaded, small, form.name, place, watch, subjects).to_dict()
    except ValueError as error:
        return {"runtime": name, "error": str(error)}
    times = {"threads": told["threads"], "milliseconds": told["milliseconds"]}
    return {"runtime": name, "version": told["runtime"], **times}


def _in_torch(subject: "Subject", whole: "Subject", compiled: bool, watch: Watch) -> dict[str, Any]:
    import torch

    from pruning.export.comparison import beside
    from pruning.export.exported_program import runtime

    run, before = (_run(one, compiled) for one in (subject, whole))
    try:
        milliseconds = beside({"baseline": before, "final": run}, list(subject.inputs.values()), watch)
    except Exception as error:
        if not compiled:
            raise
        raise ValueError(f"torch.compile can't compile this network: {first_line(error)}") from error
    return {"version": runtime(), "threads": torch.get_num_threads(), "milliseconds": milliseconds}


def _run(subject: "Subject", compiled: bool) -> "Run":
    import torch

    if not compiled:
        return subject.run
    torch._dynamo.reset()  # after eight networks of one class it computes as if it were not there
    return replace(subject, network=torch.compile(subject.network)).run
