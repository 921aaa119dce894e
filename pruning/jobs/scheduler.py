"""The child process `python -m pruning.jobs.scheduler FOLDER MEMORY QUEUES [MODULE ...]`: a TLS scheduler and
one worker process a queue; QUEUES, joined by commas, may name one several times.

It is a process of its own because Dask spawns workers, and a spawn out of Streamlit's process would run
app.py again. Its standard input is its lifeline: closed by the app, or by the app's death however it came,
and everything here ends. Its standard output carries one line of JSON: where the scheduler listens and the
temporary keys to it.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
import shutil
import sys
import threading
from multiprocessing import forkserver
from typing import Any

from pruning.jobs.job import LATER, QUEUES

HOST = "127.0.0.1"
MEMORY_SHARE = 0.3  # of the machine's memory, a worker; the rest is the server's

CONFIG: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": 0,  # "more than this many": 1 would run a killer a second time
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.dashboard.status.task-stream-length": 0,
    "distributed.scheduler.http.routes": [],  # dashboard=False alone still serves them, on port 8787
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.target": False,  # results leave at once: there is nothing to spill
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    # Looking after themselves as often as Dask has it, processes that wait took a tenth of a core.
    "distributed.worker.memory.monitor-interval": "250ms",
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    # Dask would set OMP_NUM_THREADS=1. Threads are the recipe's: the same digits here as on the command line.
    # And it would have every freed feature map go back to the system at once, where a network's next batch
    # wants the same again: that took longer than the computing. So a worker keeps up to half a GiB for it.
    "distributed.nanny.pre-spawn-environ": {
        "MALLOC_TRIM_THRESHOLD_": 512 * 2**20,
        "MALLOC_MMAP_THRESHOLD_": 32 * 2**20,
    },
    "distributed.admin.low-level-log-length": 100,
    "distributed.comm.retry.count": 0,
}


def import_once(modules: tuple[str, ...]):
    """Begins, beside all else, a process that imports these and from which every worker will be forked: each
    of them would have taken 2 s and 100 MB to do it. On Linux; elsewhere libraries bear no fork, and each
    worker imports for itself (`worker.Warm`)."""
    if not sys.platform.startswith("linux"):
        return
    environment = CONFIG["distributed.nanny.pre-spawn-environ"]
    os.environ.update({name: str(value) for name, value in environment.items()})  # read when it starts
    CONFIG["distributed.worker.multiprocessing-method"] = "forkserver"
    multiprocessing.get_context("forkserver").set_forkserver_preload(["distributed.nanny", *modules])
    forkserver.ensure_running()


async def serve(folder: str, memory: int | None, queues: tuple[str, ...]):
    """Runs until standard input closes. `memory`: bytes a worker may use; None takes MEMORY_SHARE of the
    machine's.
    """
    from distributed import Nanny, Scheduler, Security
    from distributed.system import MEMORY_LIMIT

    keys = Security.temporary()
    shared = {"security": keys, "host": HOST, "protocol": "tls", "dashboard": False}
    async with Scheduler(port=0, dashboard_address=f"{HOST}:0", **shared) as scheduler:
        async with contextlib.AsyncExitStack() as stack:
            nannies = [
                Nanny(
                    scheduler.address,
                    name=queue if queues.count(queue) == 1 else f"{queue} {place}",
                    nthreads=1,
                    resources={queue: 1},
                    memory_limit=memory or int(MEMORY_LIMIT * MEMORY_SHARE),
                    death_timeout=30,
                    local_directory=folder,
                    **shared,
                )
                for place, queue in enumerate(queues)
            ]
            for now in (True, False):
                some = [nanny for nanny in nannies if (nanny.name not in LATER) == now]
                await asyncio.gather(*(stack.enter_async_context(nanny) for nanny in some))
                if now:
                    announce(scheduler.address, keys)
            await end_of_lifeline()
            for nanny in nannies:
                await end_at_once(nanny)


async def end_at_once(nanny):
    """Ends a worker process in the middle of its batch: nobody is left who wants what it computes."""
    nanny.auto_restart = False
    process = nanny.process and nanny.process.process
    if process and process.is_alive():
        await process.kill()


def announce(address: str, keys):
    """Hands address and keys to the app. Later prints, by whatever library, go to the log."""
    names = ("tls_ca_file", "tls_client_cert", "tls_client_key")
    told = {"address": address, "keys": {name: getattr(keys, name) for name in names}}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    os.dup2(2, 1)


async def end_of_lifeline():
    loop, closed = asyncio.get_running_loop(), asyncio.Event()

    def read():
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(closed.set)

    threading.Thread(target=read, daemon=True).start()
    await closed.wait()


def main(folder: str, memory: str = "", queues: str = ",".join(QUEUES), *modules: str):
    import_once(modules)
    import dask

    dask.config.set(CONFIG)
    try:
        asyncio.run(serve(folder, int(memory) if memory else None, tuple(queues.split(","))))
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # the app, if killed, can't


if __name__ == "__main__":
    main(*sys.argv[1:])
