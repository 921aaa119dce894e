"""A server of the app for each module of walks, and pages in headless Chromium that may talk to it alone."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.walk import rest
from tests.front_door import REPOSITORY

PATIENCE = 30_000  # milliseconds: a busy machine is slow, and waiting costs a green walk nothing
expect.set_options(timeout=PATIENCE)
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory, started: list[psutil.Process]) -> Iterator[Server]:
    """The app as `make run` starts it, on a free port and with a home folder of its own; ended by its id."""
    home, port = tmp_path_factory.mktemp("home"), free_port()
    begun = time.monotonic()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--server.headless", "true"],
            cwd=REPOSITORY,
            env={**os.environ, "HOME": str(home), "TMPDIR": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    running = psutil.Process(process.pid)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_it_listens(url, process, home / "server.log")
        yield Server(url, running, home, time.monotonic() - begun)
    finally:
        started += [running, *running.children(recursive=True)] if process.poll() is None else []
        process.terminate()
        process.wait(timeout=20)


def wait_until_it_listens(url: str, process: subprocess.Popen, log: Path):
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            with OPENER.open(f"{url}/_stcore/health", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("the server did not listen within 30 s: " + log.read_text())


@pytest.fixture(scope="package")
def started() -> Iterator[list[psutil.Process]]:
    """Every process that a server has started; in the end none of them is left."""
    processes: list[psutil.Process] = []
    yield processes
    _, left = psutil.wait_procs(processes, timeout=15)
    assert not left, "processes outlive their server"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None and not os.environ.get("CI"):
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Callable[..., Page]]:
    """visit(path, **context options): a new visitor's page at rest. Whatever it asks, it asks this server."""
    asked, errors, contexts = [], [], []

    def open_page(path: str = "/", **options) -> Page:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}, **options))
        contexts[-1].on("request", lambda request: asked.append(request.url))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.on("websocket", lambda socket: asked.append(socket.url.replace("ws:", "http:", 1)))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server.url + path)
        return rest(page)

    yield open_page
    for context in contexts:
        context.close()
    assert not [url for url in asked if not url.startswith((server.url, "data:", "blob:"))]
    assert not errors
    assert server.alive()
