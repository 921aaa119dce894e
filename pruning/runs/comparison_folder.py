"""The folder of a comparison: of one alone, of one process at a time, and said where it is not written."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from pruning.runs.product import Comparison

RESULTS, ASKED, LEADS = "results.csv", "comparison.json", "differences.csv"
RUNNING = ".running"  # locked by the process that is at it
SAID = "sentences.txt"  # who leads, in words: a line a sentence
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)  # kinds of a disk that takes nothing more


def must_be_same(out: Path, comparison: Comparison) -> None:
    """Raises ValueError where the folder holds another comparison, or cannot hold any."""
    asked = out / ASKED
    if asked.is_file() and Comparison.from_json(asked.read_text()) != comparison:
        raise ValueError(
            f"{out} holds another comparison; give another folder, or its own lists to go on with it"
        )
    if not asked.is_file() and out.is_dir() and {file.name for file in out.iterdir()} - {RUNNING}:
        raise ValueError(f"{out} holds other files; give a new folder")


def note(out: Path, comparison: Comparison):
    """What is compared there, whole or not at all."""
    if not (out / ASKED).is_file():
        scratch = out / f"{ASKED}.writing"
        scratch.write_text(comparison.to_json())
        os.replace(scratch, out / ASKED)


@contextlib.contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Two processes at one comparison would write over each other. Raises ValueError for the second."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(out / RUNNING, timeout=0):
            yield
    except Timeout:
        raise ValueError(f"another process is at the comparison in {out}; let it end, or end it") from None


@contextlib.contextmanager
def room_told(out: Path) -> Iterator[None]:
    """A disk that is full, or can't be written any more, is said in one sentence, as a ValueError."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise ValueError(
            f"{error.filename or out} cannot be written ({error.strerror}); what was finished stays, and the "
            "same command goes on once it can"
        ) from error
