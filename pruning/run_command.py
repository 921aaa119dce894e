"""`python -m pruning run`, once its recipe is known: the run, what is made of it, and going on with one that
was ended while it trained."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruning import export_command
from pruning.data.cache_folder import cache_folder
from pruning.earlier_files import OF_RUN, replaced
from pruning.experiment.recipe import Recipe
from pruning.experiment.report import in_one_line
from pruning.flags import STATE
from pruning.html_report import command as html_report
from pruning.progress import Paused
from pruning.progress_bars import Bars
from pruning.targets import Found
from pruning.train.training_state import ASKED
from pruning.untrusted.json_texts import bounded_bytes


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a run beside its recipe. keep: in the store of runs.   again: also where the store
    has it.   report: as a page.   export: formats.   found: for a target, what its search found."""

    keep: bool = False
    again: bool = False
    report: bool = False
    export: tuple[str, ...] = ()
    found: Found | None = None

    def to_json(self) -> str:
        told: dict[str, Any] = {"keep": self.keep, "report": self.report, "export": list(self.export)}
        return json.dumps(told | {"found": self.found and self.found.to_dict()})

    @classmethod
    def of_state(cls, folder: Path) -> "Wanted":
        """What was wanted of a run that is gone on with. folder: its --out. A state of an earlier version
        does not say it: then nothing but the run."""
        file = folder / STATE / ASKED
        if not file.is_file():
            return cls()
        try:
            told = json.loads(bounded_bytes(file))
            found = Found.from_dict(told["found"]) if told["found"] else None
            return cls(told["keep"] is True, False, told["report"] is True, tuple(told["export"]), found)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise ValueError(
                f"{file} does not say what was asked for beside the recipe; delete it, and go on without"
            ) from None

    def beside(self, before: "Wanted") -> "Wanted":
        """And what was wanted of the run before it was ended."""
        export = tuple(dict.fromkeys((*before.export, *self.export)))
        keep, report = self.keep or before.keep, self.report or before.report
        return Wanted(keep, self.again, report, export, before.found)

    def must_be_had(self, out: Path):
        """Raises ValueError, before any work, for what could not be made of the run."""
        if self.again and not self.keep:
            raise ValueError("--again repeats a run that the store has; give --keep with it, or leave it out")
        if self.report:
            html_report.must_be_ours(out / html_report.FILE)
        export_command.must_be_had(self.export)


def done(asked: Recipe, out: Path, wanted: Wanted):
    """Runs a recipe, or takes it from the store of runs, says in one line what came of it, and makes of it
    what is wanted."""
    print(f"{come_by(asked, out, wanted)}; saved in {out}")
    try:
        export_command.write(out, wanted.export)
    finally:
        if wanted.report:
            html_report.write(out)


def come_by(asked: Recipe, out: Path, wanted: Wanted) -> str:
    """Saves what the recipe gives, from the store of runs or run now; in one line."""
    from pruning.runs import keeping

    with replaced(out, OF_RUN, (asked.model, asked.data, asked.checkpoint, asked.latency)):
        if wanted.keep and not wanted.again and (known := keeping.taken_from_store(asked, out)):
            return f"{in_one_line(known)}; from the store of runs (--again repeats it)"
        start = time.perf_counter()
        result = run_to_end(asked, out, wanted)
    if wanted.keep:
        seconds, rows = time.perf_counter() - start, (*result.gate_history, *result.history)
        keeping.keep(asked, out, result.report, seconds, rows)
    return in_one_line(result.report)


def run_to_end(asked: Recipe, out: Path, wanted: Wanted):
    """Runs a recipe and saves what came of it; stopped, it says how to go on."""
    from pruning.experiment.loading import use_threads
    from pruning.experiment.run import run as run_recipe

    use_threads(asked)
    state = out / STATE
    try:
        with Bars(asked.device) as watch:
            result = run_recipe(asked, watch, state, beside={ASKED: wanted.to_json()})
    except (KeyboardInterrupt, Paused):
        left = f"continue with: run --resume {out}" if state.exists() else "nothing was written"
        raise KeyboardInterrupt(f"stopped; {left}") from None
    if wanted.found is not None:
        wanted.found.add_to(result.report)
    result.save(out)
    return result


@contextmanager
def only_run(out: Path) -> Iterator[None]:
    """Two processes that write into one folder would mix their files. Raises ValueError for the second. The
    lock lies in the cache, since the folder holds results alone."""
    from filelock import FileLock, Timeout

    place = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:32]
    lock = FileLock(cache_folder() / "running" / f"{place}.lock", timeout=0)
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise ValueError(
            f"another process is at a run in {out}; let it end, or give another folder"
        ) from None
    except OSError:  # a cache that can't be written keeps nobody out
        pass
    try:
        yield
    finally:
        lock.release()
