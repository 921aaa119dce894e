"""Runs of the command line and of the app in the store: kept when they end, and offered when they are asked
for again."""

import logging
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from pruning.experiment.recipe import Recipe
from pruning.experiment.report import load_report
from pruning.export.saved_network import NEEDED
from pruning.inspection.prediction_changes import RunReport, run_and_report
from pruning.progress import Watch, silent
from pruning.runs.run_key import run_key
from pruning.runs.store import PREDICTIONS, REPORT, RunStore

FILES = (*NEEDED, REPORT, PREDICTIONS)  # that every run has
log = logging.getLogger(__name__)


def taken_from_store(recipe: Recipe, out: Path) -> dict | None:
    """The report of a finished run of these very numbers, its files copied to `out`; None where there is
    none."""
    with RunStore() as store:
        found = store.finished(run_key(recipe))
        if found is None:
            return None
        try:
            files = store.fetch(found, "")
        except ValueError as error:
            log.warning("%s; it is run again", error)
            return None
        if gone := [name for name in FILES if not (files / name).is_file()]:
            log.warning("the store has no %s of this run any more; it is run again", gone[0])
            return None
        shutil.copytree(files, out, dirs_exist_ok=True)
    return load_report(out)


def keep(
    recipe: Recipe, folder: str | Path, report: Mapping, seconds: float, history: Iterable, owner: str = ""
) -> None:
    """Keeps a run that was saved into a folder. recipe: as it was asked for.   history: a row an epoch.
    owner: who alone may delete it; empty: anybody."""
    with RunStore() as store:
        store.finish(store.begin(recipe, run_key(recipe), owner=owner), folder, report, seconds, history)


def run_report_and_keep(recipe: Recipe, folder: str, owner: str = "", watch: Watch = silent) -> RunReport:
    """`run_and_report`, and the run kept in the store, as its owner's. A store that can't be used costs no
    result: a message says so."""
    start = time.perf_counter()
    found = run_and_report(recipe, folder, watch)
    seconds = time.perf_counter() - start
    rows = [row for table in (found.gate_history, found.history) for row in table.to_dict("records")]
    try:
        keep(recipe, folder, found.report, seconds, rows, owner)
    except Exception as error:
        log.warning("a run was not kept", exc_info=True)
        told = f"This run was not kept: {error}."
        report = {**found.report, "messages": [*found.report["messages"], told]}
        return replace(found, report=report)
    return found
