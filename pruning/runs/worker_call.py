"""What a worker of a comparison does: one recipe or one control, whole, and its files as bytes."""

import hashlib
import os
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruning.error_messages import first_line, for_the_person
from pruning.experiment.recipe import Recipe
from pruning.experiment.shared_steps import SharedSteps
from pruning.models.own_code import sent_by

Files = dict[str, bytes]  # by path, as recipes name them
NAMING = ("data", "checkpoint", "latency")  # fields that may name a file
_ONE = threading.Lock()  # recipes set torch's threads, which are the process's
_SHARED = SharedSteps()


@dataclass(frozen=True, eq=False)
class Call:
    """recipe: its fields, as JSON has them.   control: which, or empty.   plan: plan.json of the recipe's own
    run, for a control of its widths.   code: whether its sender may have code of one's own run."""

    recipe: dict[str, Any]
    control: str = ""
    plan: str = ""
    code: bool = False


@dataclass(frozen=True, eq=False)
class Answer:
    """status: finished or failed.   files: as one zip.   history: a row an epoch."""

    status: str
    seconds: float
    error: str = ""
    details: str = ""
    report: dict[str, Any] | None = None
    files: bytes = b""
    history: tuple[dict, ...] = ()


def answered(call: Call, files: Files | None = None) -> Answer:
    """Runs a call. Whatever goes wrong is told in the answer. files: that were sent along, since their paths
    are the sender's."""
    from pruning.jobs.worker_process import be_polite

    be_polite()
    with _ONE:
        start = time.perf_counter()
        try:
            with sent_by(call.code):
                result = _result(call, files or {})
            with tempfile.TemporaryDirectory(prefix="pruning-") as scratch:
                packed = Path(result.zip(Path(scratch) / "run.zip")).read_bytes()
            seconds = time.perf_counter() - start
            history = (*result.gate_history, *result.history)
            return Answer("finished", seconds, report=result.report, files=packed, history=history)
        except Exception as error:
            told = str(error) if for_the_person(error) else f"{type(error).__name__}: {first_line(error)}"
            details = traceback.format_exc()
            return Answer("failed", time.perf_counter() - start, error=told, details=details)


def _result(call: Call, files: Files):
    from pruning.cost import Plan
    from pruning.experiment.loading import use_threads
    from pruning.experiment.run import run
    from pruning.runs.controls import run_control

    named = {name: call.recipe[name] for name in NAMING if call.recipe[name] in files}
    changes = {name: str(_kept(path, files[path])) for name, path in named.items()}
    recipe = Recipe.from_dict(call.recipe | changes)
    use_threads(recipe)
    if not call.control:
        return run(recipe, shared=_SHARED)
    plan = Plan.from_json(call.plan) if call.plan else None
    return run_control(recipe, call.control, plan, shared=_SHARED)


def _kept(name: str, content: bytes) -> Path:
    """A file that was sent along, the same place for the same bytes."""
    folder = Path(tempfile.gettempdir()) / f"pruning-sent-{os.getuid()}" / hashlib.sha256(content).hexdigest()
    path = folder / Path(name).name
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = folder / f".{os.getpid()}"
        scratch.write_bytes(content)
        os.replace(scratch, path)
    return path
