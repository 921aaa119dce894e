"""A folder that results are written into again: files that were made of those before go with them."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pruning.experiment.report import load_report
from pruning.export.formats import FORMATS, NAME
from pruning.html_report.command import FILE
from pruning.html_report.own_reports import is_ours
from pruning.latency import FILE as LATENCY

OF_RUN, OF_COMPARISON = "report.json", "results.csv"  # what says of which results a folder is
TRACED = "gates.npz"
EXPORTED = {f"{NAME}{ending}" for form in FORMATS.values() for ending in form.endings}


@contextmanager
def replaced(out: Path, results: str, read: Iterable[str | None] = ()) -> Iterator[None]:
    """Once other results stand in `out`, removes what was made of those before and was not written since: a
    report, files for other runtimes, gates and measured times, and says so. Nobody else's files are touched,
    nor those that the new results are made from.

    results: OF_RUN or OF_COMPARISON.   read: paths that the recipe names."""
    needed = {Path(path).resolve() for path in read if path}
    before = {file: _stamp(file) for file in made_of(out, results) if file.resolve() not in needed}
    old = _content(out / results)
    try:
        yield
    finally:
        if before and _content(out / results) != old:
            gone = [file for file, stamp in before.items() if file.exists() and _stamp(file) == stamp]
            for file in gone:
                file.unlink()
            if gone:
                names = ", ".join(file.name for file in gone)
                print(f"removed from {out}, since made of earlier results: {names}", file=sys.stderr)


def made_of(out: Path, results: str) -> list[Path]:
    """The files that this program has made of the results in a folder; none where it holds no results."""
    if not (out / results).is_file():
        return []
    names = {FILE} if is_ours(out / FILE) else set()
    if results == OF_RUN:
        names |= {TRACED, LATENCY} | _exported(out)
    return sorted(out / name for name in names if (out / name).is_file())


def _exported(out: Path) -> set[str]:
    """Those that the run's report tells of: a network.py may be somebody's own."""
    try:
        told = load_report(out).get("exports", [])
        return {name for one in told for name in one["files"]} & EXPORTED
    except (ValueError, KeyError, TypeError):  # a report that can't be read tells of no file
        return set()


def _stamp(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_ino, found.st_ctime_ns


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
