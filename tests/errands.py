"""Plain functions that tests hand to the workers: importable there, and free of torch."""

import os
import signal
import time
from pathlib import Path

from pruning import Recipe
from pruning.progress import Yielded, others_wait


def count(to: int, seconds: float = 0.0, *, watch) -> int:
    """Counts, looking at its watch at every step."""
    for done in range(1, to + 1):
        time.sleep(seconds)
        watch("trace", done, to, loss=1 / done)
    return to


def count_and_note(note: str, to: int, seconds: float, *, watch) -> int:
    """As `count`, but leaves a line in the file `note` first: so often it was begun."""
    with Path(note).open("a") as file:
        file.write("begun\n")
    return count(to, seconds, watch=watch)


def go_on(note: str, to: int, *, watch) -> int:
    """Adds letters to the file `note` until it has `to` of them; makes way where others wait."""
    path = Path(note)
    while path.stat().st_size < to:
        with path.open("a") as file:
            file.write("x")
        watch("trace", path.stat().st_size, to)
        time.sleep(0.05)
        if others_wait(watch):
            raise Yielded
    return path.stat().st_size


def sleep(seconds: float, *, watch):
    """Never looks at its watch."""
    time.sleep(seconds)


def fail(criterion: str, *, watch):
    """As the program refuses what a person gave."""
    Recipe(criterion=criterion)


def looked_at(recipe: Recipe, *, watch) -> Recipe:
    return recipe


def divide(by: int, *, watch) -> float:
    return 1 / by


def process(*, watch) -> tuple[int, int]:
    """Process number and niceness."""
    return os.getpid(), os.nice(0)


def need_memory(*, watch):
    """Takes 64 MiB a tenth of a second, until it is stopped."""
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1)) * (64 << 20))
        time.sleep(0.1)


def values(*, watch):
    """Tells values of NumPy's types, as a training loop may."""
    import numpy as np

    watch("tune", np.int64(1), 2, loss=np.float32(0.5), right=np.int64(7), message="half")


# ---------------------------------------------------------------------- for the workers of a comparison


def whose(payload) -> int:
    """Which process answers, after a moment."""
    time.sleep(0.05)
    return os.getpid()


def kill_worker(payload: tuple[str, int]) -> str:
    """Ends its own process the first `times` times that it is called; each leaves a letter in the file."""
    note, times = payload
    path = Path(note)
    begun = len(path.read_text()) if path.exists() else 0
    if times and begun < times:
        path.write_text("x" * (begun + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return note


def nap(seconds: float) -> float:
    """Does nothing for so long."""
    time.sleep(seconds)
    return seconds
