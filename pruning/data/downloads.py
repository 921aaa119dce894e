"""Downloading a listed data set when it is first asked for: with patience, and a sentence where it fails."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pruning.error_messages import first_line

PATIENCE = 20  # seconds without an answer before a download counts as impossible


@contextmanager
def downloading(name: str, folder: Path, *, instead: str) -> Iterator[None]:
    """While something is downloaded into a folder: a failure is one sentence, and leaves no empty folder."""
    try:
        with patience(PATIENCE):
            yield
    except (OSError, RuntimeError) as error:  # no network, no answer, no disk, or another file than expected
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        raise ValueError(
            f"{name} is downloaded when first used, and that failed ({first_line(error)}); "
            f"go online once, or give {instead}"
        ) from None


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
