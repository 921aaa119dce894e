"""What every test shares: one torch thread, a cache of its own, the public checkpoints where they are."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.heard import listening

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # figures are the processor's, also on a machine with a GPU
os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported, here and in every process a test starts
# read by what is started from here, the two processes of -n 2 too: what is freed stays for the next batch
os.environ |= {"MALLOC_TRIM_THRESHOLD_": str(512 * 2**20), "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20)}

os.environ["PRUNING_TIMING_SECONDS"] = "0.3"  # every run ends with timing; 25 passes took most of a short one

LONG = ("test_ui_", "test_bench", "test_checkpoints", "test_command_line", "test_device", "test_experiment")
LONG += ("test_gates", "test_gdp", "test_oracle", "test_readme", "test_repair", "test_sensitivity")
LONG += ("test_compare", "test_runs", "test_shipped", "test_walk", "test_wall")


def pytest_configure(config):
    """Made data sets are kept between runs of the suite, in this clone, and never in the user's own cache."""
    os.environ["PRUNING_CACHE"] = str(config.cache.mkdir("pruning"))


def pytest_collection_modifyitems(config, items):
    """In one process the walks through the app come last: what fails fast, fails first. On two (-n 2) they
    come first and other long files next, so that both end with short ones, and together."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: ("browser" not in item.path.parts, not item.path.name.startswith(LONG)))
    else:
        items.sort(key=lambda item: "browser" in item.path.parts)


@pytest.fixture(scope="session")
def public_data() -> Path:
    """Folder of public checkpoints (resnet20-12fca82f.th, resnet56-4bfd9763.th) and cifar10_subset.npz."""
    folder = os.environ.get("PRUNING_DATA")
    if not folder:
        pytest.skip("PRUNING_DATA is not set: give the folder of the public checkpoints and CIFAR-10 images")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def server() -> Iterator[None]:
    """What stands behind the pages that are opened without a browser: workers and values, for all tests."""
    import streamlit as st

    yield
    st.cache_resource.clear()


@pytest.fixture(scope="session", autouse=True)
def kept_runs(tmp_path_factory) -> Path:
    """The store of runs of these tests, never the user's own."""
    folder = tmp_path_factory.mktemp("runs")
    os.environ["PRUNING_RUNS"] = str(folder)
    return folder


@pytest.fixture(autouse=True)
def traces() -> Iterator[list[str]]:
    """What went wrong in a page that a test opened, in a part of it, in a callback or in a job: pages show a
    sentence in its place (pruning/ui/guard.py), so every test looks here. A test that wants one takes it
    out."""
    with listening() as traces:
        yield traces
    assert not traces, "\n".join(traces)


@pytest.fixture(autouse=True)
def nobody_waits_any_more(request) -> Iterator[None]:
    """What a test's pages have asked the workers for ends with it. A page without a browser is never left, so
    the next test's pages would wait until all of that is computed."""
    yield
    if "server" in request.fixturenames:
        from pruning.ui import jobs, preview_cache

        if preview_cache.asked():
            workers = jobs.workers()
            for job in (*workers.jobs("preview"), *workers.jobs("measurement")):
                if not job.finished:
                    workers.cancel(job)


@pytest.fixture
def workers(server, monkeypatch) -> Iterator:
    """InlineWorkers behind the pages: what is asked waits until the test lets it be done."""
    from pruning.ui import jobs, preview_cache
    from tests.inline_workers import InlineWorkers

    workers = InlineWorkers()
    monkeypatch.setattr(jobs, "workers", lambda: workers)
    monkeypatch.setitem(preview_cache._server(), "asked", True)
    yield workers
    workers.close()


def pytest_terminal_summary(terminalreporter):
    """What a test has counted stands in the closing lines."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, value in report.user_properties if report.when == "call" else ():
            if name == "counted":
                terminalreporter.write_line(f"{report.nodeid}: {value}")
