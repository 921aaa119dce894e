"""One server of the app for all walks, and pages in headless Chromium that may talk to it alone."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import chromium
from tests.browser.server import Server, serving
from tests.browser.walk import rest

PATIENCE = 600_000  # milliseconds: a busy machine is slow, and waiting costs a green walk nothing
SHOWN = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="package")
def server(tmp_path_factory, started: list[psutil.Process]) -> Iterator[Server]:
    """Visitors come to it one after the other: what one has asked for, the next one finds there."""
    with running(tmp_path_factory.mktemp("home"), started) as server:
        yield server


@contextmanager
def running(home: Path, started: list[psutil.Process], *flags: str) -> Iterator[Server]:
    with serving(home, *flags) as server:
        yield server
        if server.process.is_running():
            started += [server.process, *server.process.children(recursive=True)]


@pytest.fixture(scope="package")
def started() -> Iterator[list[psutil.Process]]:
    """Every process that a server has started; in the end none of them is left."""
    processes: list[psutil.Process] = []
    yield processes
    _, left = psutil.wait_procs(processes, timeout=600)
    assert not left, "processes outlive their server"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = chromium.program()
    if path is None and not os.environ.get("CI"):
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Callable[..., Page]]:
    """visit(path, **context options): a new visitor's page at rest."""
    with visitors(browser, server) as open_page:
        yield open_page


@pytest.fixture
def first_visit(browser: Browser, started: list[psutil.Process], tmp_path: Path) -> Iterator[Callable]:
    """As `visit`, on a server that was started for it."""
    with running(tmp_path, started) as server, visitors(browser, server) as open_page:
        yield open_page


@pytest.fixture
def visit_with_code(browser: Browser, started: list[psutil.Process], tmp_path: Path) -> Iterator[Callable]:
    """As `visit`, on a server that takes code of one's own from the folder `tmp_path`."""
    with running(tmp_path, started, "--allow-code") as server, visitors(browser, server) as open_page:
        yield open_page


@contextmanager
def visitors(browser: Browser, server: Server) -> Iterator[Callable[..., Page]]:
    """Whatever their pages ask, they ask this server, and nothing goes wrong there."""
    asked, errors, contexts, before = [], [], [], len(server.log())

    def open_page(path: str = "/", **options) -> Page:
        contexts.append(browser.new_context(**(SHOWN | options)))
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
    assert "Uncaught app execution" not in server.log()[before:], server.log()[before:]
    assert server.alive()
