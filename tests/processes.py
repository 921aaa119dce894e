"""Waiting for something to come true, and looking at processes by Linux's /proc."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


def until(true, seconds=600.0):
    """Waits for a condition; fails when it does not come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"did not happen within {seconds} s"
        time.sleep(0.005)


@contextmanager
def held(processes: list[psutil.Process]) -> Iterator[None]:
    """They stand still meanwhile: what they would have ended is still under way then."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def descendants(pid: int) -> list[int]:
    """Process numbers of all that a process has started, and they in turn."""
    children = [
        int(c)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for c in (task / "children").read_text().split()
    ]
    return children + [below for child in children for below in descendants(child)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
