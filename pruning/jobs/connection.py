"""The way to a scheduler: a child process of ours, or one that runs already at an address."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from distributed import Client, Security

from pruning.jobs.job import QUEUES, Job, Queue
from pruning.jobs.worker_process import Warm, execute, hear_waited_for
from pruning.models.own_code import allowed

PATIENCE = 10.0  # seconds until somebody else's scheduler has to answer


class Connection:
    """A client, and the child process behind it if the scheduler is ours. Made by `start` or `join`; never
    revived.
    """

    def __init__(self, client: Client, topic: str, process: subprocess.Popen | None = None):
        self.client, self.topic, self.process = client, topic, process

    @property
    def alive(self) -> bool:
        """A client whose scheduler was killed stays "connecting" for good: it has to be replaced."""
        return self.client.status == "running" and (self.process is None or self.process.poll() is None)

    def submit(self, job: Job, turn: float):
        """Hands the call to Dask and returns its future. Does not wait. turn: seconds that it may work before
        it makes way."""
        key = f"{job.queue}-{job.id}-{job.handed}"
        return self.client.submit(
            execute,
            self.topic,
            job.id,
            job.queue,
            turn,
            job.call,
            allowed(),
            key=key,
            pure=False,
            retries=0,
            resources=self.resources(job.queue),
            priority=-job.turn,  # of equal ones the first that was handed in
        )

    def resources(self, queue: Queue) -> dict[str, int] | None:
        """Workers of somebody else's cluster may know no queues: then any of them will do."""
        if self.process:
            return {queue: 1}
        workers = self.client.scheduler_info()["workers"].values()
        return {queue: 1} if any(queue in worker["resources"] for worker in workers) else None

    def tell_waited_for(self, job: Job):
        """Has a job at work know whether others wait. Does not wait; if it can't be told it goes on."""
        began = job.began
        if began is None:  # it has made way meanwhile
            return
        worker = began.values["address"]
        how = {"workers": [worker], "on_error": "ignore", "asynchronous": True}
        told = self.client.run(hear_waited_for, job.id, job.waited_for, **how)
        asyncio.run_coroutine_threadsafe(told, self.client.loop.asyncio_loop)

    def restart(self, worker: str):
        """Ends a worker process and starts it anew (5 s): the only way to stop a call that never looks at its
        watch. Somebody else's cluster is left alone; there such a call ends with its next batch."""
        if self.process and self.alive:
            self.client.restart_workers([worker], timeout=30, raise_for_error=False)

    def close(self):
        with contextlib.suppress(
            Exception
        ):  # a scheduler that is dead or dying: there is nothing more to close
            self.client.close(timeout=2)
        if self.process:
            end(self.process)


def end(process: subprocess.Popen):
    """Closes the child's lifeline and waits; workers end with it, each by itself if it had to be killed."""
    with contextlib.suppress(OSError):
        process.stdin.close()
    try:
        process.wait(8)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def start(
    folder: Path,
    topic: str,
    hear: Callable | None = None,
    *,
    warm: tuple[str, ...],
    memory: int | None,
    queues: tuple[Queue, ...] = QUEUES,
):
    """Starts scheduler and a worker for each of the queues (2 to 3 s) and returns the Connection to them.

    Raises RuntimeError naming the log if they do not come up.
    """
    log = folder / "workers.log"
    process = launch(folder / "workers", log, memory, warm, queues)
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"The worker processes did not start; {log} says why")
        told = json.loads(line)
        keys = Security(**told["keys"], require_encryption=True)
        client = Client(told["address"], security=keys, set_as_default=False, name="app")
    except BaseException:
        end(process)
        raise
    if hear:
        client.subscribe_topic(topic, hear)
    if warm:
        client.register_plugin(Warm(warm))
    return Connection(client, topic, process)


def launch(
    scratch: Path, log: Path, memory: int | None, warm: tuple[str, ...], queues: tuple[Queue, ...] = QUEUES
) -> subprocess.Popen:
    """The child process, with pipes to its standard input (the lifeline) and output (address and keys)."""
    scratch.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pruning.jobs.scheduler", str(scratch), str(memory or "")]
    command += [",".join(queues), *warm]
    importable = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # by the app, so by a worker too
    with log.open("ab") as stderr:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,  # Ctrl-C is for the server; the lifeline tells the child
            env={**os.environ, "PYTHONPATH": importable},
        )


def join(
    address: str, topic: str, hear: Callable | None = None, security: Security | None = None
) -> Connection:
    """Uses the scheduler at `address`; keys for tls:// are those of Dask's own configuration unless given.

    Raises RuntimeError in one sentence if nobody answers there.
    """
    try:
        client = Client(address, security=security, set_as_default=False, name="app", timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise RuntimeError(
            f"No scheduler answers at {address}; start one, or leave PRUNING_SCHEDULER unset"
        ) from error
    if hear:
        client.subscribe_topic(topic, hear)
    return Connection(client, topic)


def watch_process(connection: Connection, gone: Callable[[Connection], None]):
    """Calls `gone` once the child process has ended, from a thread that waits for it."""

    def wait():
        connection.process.wait()
        gone(connection)

    if connection.process:
        threading.Thread(target=wait, daemon=True).start()
