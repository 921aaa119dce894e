"""Where a comparison computes: processes of our own on this machine, or a Dask cluster that runs already."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client

WARM = ("torch", "pruning.channels.graph", "pruning.criteria.scoring", "pruning.surgery", "pruning.train")
ADDRESS = "PRUNING_SCHEDULER"
MEMORY_SHARE = 0.8  # of the machine's memory, for all of our processes together


@dataclass(frozen=True)
class Keys:
    """Files of a TLS connection to a scheduler: its authority, and this client's certificate and key."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def __post_init__(self):
        given = {name: file for name, file in vars(self).items() if file is not None}
        for name, file in given.items():
            if not Path(file).is_file():
                raise ValueError(f"there is no file {file}; give --tls-{name} the file of a TLS connection")
        if given and len(given) < 3:
            raise ValueError("a TLS connection needs three files; give --tls-ca, --tls-cert and --tls-key")

    @property
    def given(self) -> bool:
        return self.ca is not None


@contextmanager
def cluster(scheduler: str | None, keys: Keys, threads: int) -> "Iterator[Client]":
    """A client of the scheduler at an address (or at $PRUNING_SCHEDULER), else of one of our own with as many
    processes as the cores allow for `threads` each. Ours end with the block, however it ends.

    Raises ValueError in one sentence where no scheduler answers."""
    from distributed import Security

    from pruning.jobs import connection as way

    address = elsewhere(scheduler)
    folder = Path(tempfile.mkdtemp(prefix="pruning-compare-"))
    try:
        if address:
            files = {"tls_ca_file": keys.ca, "tls_client_cert": keys.cert, "tls_client_key": keys.key}
            told = {name: str(file) for name, file in files.items()}
            security = Security(**told, require_encryption=True) if keys.given else None
            try:
                found = way.join(address, "compare", security=security)
            except (RuntimeError, TypeError) as error:
                raise ValueError(
                    f"no scheduler answers at {address}; start one, or leave --scheduler out to compute on "
                    "this machine"
                ) from error
        else:
            count = processes(threads)
            memory = int(MEMORY_SHARE * _memory() / count)
            one: way.Queue = "job"
            found = way.start(folder, "compare", warm=WARM, memory=memory, queues=(one,) * count)
        try:
            yield found.client
        finally:
            with suppress(Exception):
                found.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def elsewhere(scheduler: str | None) -> str | None:
    """The address of somebody else's scheduler; None where this machine computes."""
    return scheduler or os.environ.get(ADDRESS) or None


def processes(threads: int) -> int:
    """How many recipes run at once on this machine."""
    return max(1, (os.cpu_count() or 1) // threads)


def _memory() -> int:
    from distributed.system import MEMORY_LIMIT

    return int(MEMORY_LIMIT)
