"""The app as `python -m pruning app` starts it: a process of its own, with a port and a home of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from pruning.models.own_code import ALLOWED
from tests.front_door import REPOSITORY

# an opener of its own: the process-wide one keeps whatever proxy another test named when it was first used
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Server:
    """A running app: where it listens, its process, its home folder, the seconds until it listened."""

    url: str
    process: psutil.Process
    home: Path
    seconds: float

    def alive(self) -> bool:
        with OPENER.open(f"{self.url}/_stcore/health", timeout=10) as answer:
            return answer.read() == b"ok"

    def log(self) -> str:
        return (self.home / "server.log").read_text()


@contextmanager
def serving(home: Path, *flags: str) -> Iterator[Server]:
    """Serves inside, and ends the server by its id. flags: further ones of the command."""
    port, begun = free_port(), time.monotonic()
    command = [sys.executable, "-m", "pruning", "app", "--port", str(port), "--headless", *flags]
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=home,
            env={
                **without_permission(),
                "HOME": str(home),
                "TMPDIR": str(home),
                "PYTHONPATH": str(REPOSITORY),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_it_listens(url, process, home / "server.log")
        yield Server(url, psutil.Process(process.pid), home, time.monotonic() - begun)
    finally:
        process.terminate()
        process.wait(timeout=600)


def without_permission() -> dict[str, str]:
    """This process's environment, but for what pages that were opened in it have set there."""
    return {name: value for name, value in os.environ.items() if name != ALLOWED}


def busiest_worker(server: Server) -> psutil.Process:
    """The worker's own process that computes now; its nanny, which starts workers anew, is not among them."""
    children = server.process.children(recursive=True)
    workers = [process for process in children if "multiprocessing" in " ".join(process.cmdline())]
    for process in workers:
        process.cpu_percent()
    time.sleep(0.5)
    return max(workers, key=lambda process: process.cpu_percent())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_listens(url: str, process: subprocess.Popen, log: Path):
    for _ in range(12000):
        if process.poll() is not None:
            raise AssertionError(log.read_text())
        try:
            with OPENER.open(f"{url}/_stcore/health", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server did not listen within ten minutes: " + log.read_text())
