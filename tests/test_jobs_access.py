"""Who may reach the workers, and which scheduler is used."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pruning.jobs import Workers
from tests import errands
from tests.processes import alive, descendants, until

LONG = (3000, 0.01)  # 30 s in 3,000 steps


@pytest.fixture
def workers():
    workers = Workers(warm=())
    yield workers
    workers.close()


def test_only_loopback_listens_and_only_with_our_keys(workers):
    workers.submit("job", errands.count, 1).result(600)
    processes = [workers.connection.process.pid, *descendants(workers.connection.process.pid)]
    addresses = listening(processes)
    assert addresses and {host for host, _ in addresses} == {"127.0.0.1"}
    assert 8787 not in {port for _, port in addresses}
    from distributed import Client, Security

    host, port = workers.connection.client.scheduler.address.removeprefix("tls://").split(":")
    with pytest.raises(OSError):
        Client(f"tcp://{host}:{port}", timeout=1, set_as_default=False)
    with pytest.raises(OSError):
        Client(f"tls://{host}:{port}", security=Security.temporary(), timeout=1, set_as_default=False)


def listening(processes: list[int]) -> set[tuple[str, int]]:
    """Addresses at which any of these processes accepts connections (Linux's /proc)."""
    inodes = set()
    for pid in processes:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(link) if link.is_symlink() else ""
            inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, state, inode = row.split()[1], row.split()[3], row.split()[9]
            if state == "0A" and inode in inodes:
                host, port = local.split(":")
                words = bytes.fromhex(host)
                raw = b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4))
                found.add((socket.inet_ntop(family, raw), int(port, 16)))
    return found


CLUSTER = """
import sys
from distributed import LocalCluster
one = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "protocol": "tcp"}
with LocalCluster(dashboard_address=None, **one) as cluster:
    print(cluster.scheduler_address, flush=True)
    sys.stdin.read()
"""


def test_a_scheduler_that_is_already_there_is_used():
    """One that knows no workers, runs two threads, and is not ours to end."""
    cluster = subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    workers = Workers(scheduler=cluster.stdout.readline().strip())
    try:
        first, second = (workers.submit("job", errands.count, *LONG) for _ in range(2))
        until(lambda: first.events and second.events)  # both at once: it has two threads
        workers.cancel(second)
        assert workers.submit("preview", errands.process).result(600)[0] == cluster.pid
    finally:
        workers.close()
    assert alive(cluster.pid)
    cluster.communicate("", timeout=20)


def test_an_address_where_nobody_is_fails_in_one_sentence(monkeypatch):
    monkeypatch.setattr("pruning.jobs.connection.PATIENCE", 0.5)
    workers = Workers(scheduler="tcp://127.0.0.1:9")
    job = workers.submit("job", errands.count, 1)
    assert job.wait(20) and job.status == "failed" and "127.0.0.1:9" in job.error
    workers.close()
