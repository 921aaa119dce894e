"""The command line as a user has it: a real process, and what comes back from it."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

REPOSITORY = Path(__file__).resolve().parent.parent
TINY = ("--model", "resnet20", "--data", "digits", "--cut", "0.5", "--threads", "1")
TINY += ("--criterion", "l1")  # else the best combination, which takes longer


def cli(*words, env: dict[str, str] | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """Runs `python -m pruning WORDS...` to its end. env: added to this process's own."""
    return subprocess.run(
        [sys.executable, "-m", "pruning", *map(str, words)],
        cwd=cwd or REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )


def typed(command: list[str], folder: Path) -> subprocess.CompletedProcess:
    """Runs in `folder`, where `python` is the one that runs the tests and knows the package."""
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def forked(*words, env: dict[str, str] | None = None, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess:
    """As `cli`, but forked from a process that has imported torch: what dozens of cases can afford.

    And torchvision, which on its first import makes an empty folder for torch's compiler beside our files.
    """
    context = multiprocessing.get_context("forkserver")
    modules = ["__main__", "experiment.run", "listing", "models.vgg_mobilenet"]
    context.set_forkserver_preload([f"pruning.{module}" for module in modules])
    with tempfile.TemporaryDirectory() as told:
        outputs = [Path(told, name) for name in ("out", "err")]
        settings = {**os.environ, **(env or {})}  # of now, not of when the server of forks was started
        process = context.Process(target=in_fork, args=([*map(str, words)], settings, cwd, outputs))
        with own_main():
            process.start()
        process.join(180)
        return subprocess.CompletedProcess(words, process.exitcode, *(file.read_text() for file in outputs))


@contextmanager
def own_main():
    """A main module without a file: a page that was tested in this process leaves its own there, and a new
    process would run it."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


def in_fork(words: list[str], env: dict[str, str], cwd: Path, outputs: list[Path]):
    """The forked process: its output goes to files, its settings are its own."""
    from pruning.__main__ import main

    for stream, file in enumerate(outputs, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), stream)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    tempfile.tempdir = None  # asked for again, under the settings just made
    sys.exit(main(words))
