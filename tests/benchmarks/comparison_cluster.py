"""54 recipes on a Dask cluster over TLS beside the same on the cores at hand: a part of `comparisons`.

Scheduler and two workers are processes started by hand, as docs/deploy.md says, with keys made for it.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd

from pruning.runs import COLUMNS
from tests.benchmarks.comparisons import LISTS, add, command, environment
from tests.browser.server import free_port

WORKERS = 2
PER_RUN = ("digest", "run", "seconds", "latency_baseline", "latency_final")
SAME = [name for name in COLUMNS if name not in PER_RUN]


def keys(place: Path) -> dict[str, str]:
    """An authority and a certificate that all use, made by openssl; by file."""
    new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj"]
    steps = (
        [*new, "/CN=pruning authority", "-x509", "-days", "1", "-keyout", "ca.key", "-out", "ca.pem"],
        [*new, "/CN=pruning", "-keyout", "key.pem", "-out", "request.pem"],
        ["openssl", "x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key"]
        + ["-CAcreateserial", "-days", "1", "-out", "cert.pem"],
    )
    for step in steps:
        subprocess.run(step, cwd=place, check=True, capture_output=True)
    return {name: str(place / f"{name}.pem") for name in ("ca", "cert", "key")}


def settings(files: dict[str, str]) -> dict[str, str]:
    """What scheduler and workers are told of them."""
    tls = "DASK_DISTRIBUTED__COMM__TLS__"
    told = {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true", f"{tls}CA_FILE": files["ca"]}
    for part in ("CLIENT", "WORKER", "SCHEDULER"):
        told |= {f"{tls}{part}__CERT": files["cert"], f"{tls}{part}__KEY": files["key"]}
    return told


@contextmanager
def process(words: list[str], place: Path, told: dict[str, str]):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": place}
    started = subprocess.Popen([sys.executable, "-m", "dask", *words], env=environment(place) | told, **quiet)
    try:
        yield started
    finally:
        started.terminate()
        started.wait()


def compared(place: Path, name: str, *words: str) -> tuple[pd.DataFrame, float]:
    """Rows of the 54 recipes, in order, and seconds; with a store of its own, so that all is new."""
    (place / name).mkdir()
    start = time.perf_counter()
    asked = [*command(place / name / "out", "compare", *LISTS), *words]
    subprocess.run(asked, env=environment(place / name), check=True, stderr=subprocess.DEVNULL)
    took = time.perf_counter() - start
    found = pd.read_csv(place / name / "out" / "results.csv", dtype=str, keep_default_na=False)
    return found.sort_values(["criterion", "cut", "seed"], ignore_index=True), took


def measure():
    place = Path(tempfile.mkdtemp())
    here, own = compared(place, "here")
    files, port = keys(place), free_port()
    told, address = settings(files), f"tls://127.0.0.1:{port}"
    with ExitStack() as running:
        scheduler = ["scheduler", "--protocol", "tls", "--host", "127.0.0.1", "--port", str(port)]
        running.enter_context(process([*scheduler, "--no-dashboard"], place, told))
        for _ in range(WORKERS):
            worker = ["worker", address, "--nthreads", "1", "--memory-limit", "4GiB", "--no-dashboard"]
            running.enter_context(process(worker, place, told))
        words = [word for name, file in files.items() for word in (f"--tls-{name}", file)]
        there, took = compared(place, "there", "--scheduler", address, *words)
    same = int((here[SAME] == there[SAME]).all(axis=1).sum())
    add("cluster", "54 recipes on a scheduler over TLS with two workers", took, "s")
    add("cluster", "of the time on the cores at hand", took / own, "share")
    add("cluster", f"of {len(here)}, equal to the last digit on a scheduler over TLS", same, "rows")
    shutil.rmtree(place)
