"""Hands calls to the workers of a cluster, so that those that share steps meet in one process, and none is
lost.

Each worker has a queue of two calls here, so that it never waits. A call whose worker is gone is handed out
again, at most twice; then it is lost. Which worker does what is decided here and not by Dask: its scheduler
would spread calls that share a network's statistics over all processes.
"""

import pickle
import queue
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pruning.error_messages import first_line

if TYPE_CHECKING:
    from distributed import Client, Future

DEPTH = 2  # calls at a worker: one at work, one that waits
AGAIN = 2  # times that a call is handed out once more
LOOK = 0.5  # seconds between looks at which workers there are
HANDED_OVER = 2.0  # seconds for an answer, before its worker is looked after
COMPARISON = "comparison-"  # what the app calls the job of a comparison
PATIENCE = 60.0  # seconds in which a worker has to be there


@dataclass(eq=False)
class Work:
    """A call on its way. group: calls of one group share steps.   payload: what `function` is given.   note:
    whatever the caller wants to know again."""

    payload: Any
    group: Hashable = None
    note: Any = None
    attempts: int = 0
    handed_out: bool = False


@dataclass(eq=False)
class Dispatcher:
    """Runs works on a client's workers. function: payload -> answer, in the worker.   begun: told a work when
    it is handed out first.   ended: told a work and its answer, or None with a status, failed or lost, and
    the reason; returns works that can be done only now.   sent: a future of what every call is given besides
    its payload, which the workers hold; None is nothing.   pauses: asked twice a second; once it is true
    nothing more is handed out, and what is at work is the last."""

    client: "Client"
    function: Callable[[Any], Any]
    begun: Callable[[Work], None]
    ended: Callable[[Work, Any, str, str], Iterable[Work]]
    waiting: dict[Hashable, deque] = field(default_factory=dict)
    current: dict[str, Hashable] = field(default_factory=dict)  # the group that a worker is at
    flying: "dict[Future, tuple[Work, str]]" = field(default_factory=dict)
    done: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)
    number: int = 0
    sent: "Future | None" = None
    pauses: Callable[[], bool] = lambda: False
    paused: bool = False
    foreign: bool = False  # a scheduler of somebody else's, whose workers do other things as well

    def add(self, works: Iterable[Work]):
        for work in works:
            self.waiting.setdefault(work.group, deque()).append(work)

    def run(self):
        """Until nothing is at work and nothing waits, unless it pauses. Raises ValueError where no worker
        comes."""
        seen = time.monotonic()
        while self.flying or (self.waiting and not self.paused):
            workers = self.workers()
            seen = time.monotonic() if workers else seen
            if time.monotonic() - seen > PATIENCE:
                raise ValueError(
                    "no worker has joined the scheduler for a minute; start one, then this again"
                )
            self.bury(workers)
            for worker in () if self.paused else workers:
                self.fill(worker)
            self.collect()
            self.paused = self.paused or (self.number > 0 and self.pauses())  # not before anything was done

    def workers(self) -> list[str]:
        """Addresses of those that run, but for those in which a comparison runs, this one or another: calls
        there would wait for its end, and two of them for each other. Empty too while the scheduler can't be
        reached."""
        if self.client.status != "running":
            return []
        found = self.client.scheduler_info(n_workers=-1)["workers"]
        if self.foreign:
            at_work = self.client.processing().items()
            busy = {place for place, keys in at_work if any(str(key).startswith(COMPARISON) for key in keys)}
            found = [worker for worker in found if worker not in busy]
        return [worker for worker in found if worker != _own_address()]

    def fill(self, worker: str):
        while sum(place == worker for _, place in self.flying.values()) < DEPTH:
            work = self.next_for(worker)
            if work is None:
                return
            if not work.handed_out:
                work.handed_out = True
                self.begun(work)
            work.attempts += 1
            self.number += 1
            key = f"compare-{id(self)}-{self.number}"
            how = {"key": key, "workers": [worker], "pure": False, "retries": 0}
            call = pickle.dumps((self.function, work.payload))
            future = self.client.submit(_caller(), call, self.sent, **how)
            self.flying[future] = work, worker
            future.add_done_callback(self.done.put)

    def next_for(self, worker: str) -> Work | None:
        """Of the worker's own group, else of the largest that nobody is at, else of the largest."""
        if worker not in self.current or self.current[worker] not in self.waiting:
            self.current.pop(worker, None)
            taken = set(self.current.values())
            free = [group for group in self.waiting if group not in taken] or list(self.waiting)
            if not free:
                return None
            self.current[worker] = max(free, key=lambda group: len(self.waiting[group]))
        group = self.current[worker]
        work = self.waiting[group].popleft()
        if not self.waiting[group]:
            del self.waiting[group]
        return work

    def collect(self):
        """Waits for answers, at most LOOK seconds for the first."""
        timeout = LOOK
        while True:
            try:
                future = self.done.get(timeout=timeout)
            except queue.Empty:
                return
            timeout = 0
            if future not in self.flying:
                continue  # its worker was buried before
            if _is_death(future):
                self.bury_worker(self.flying[future][1])
                continue
            if future.status == "finished":
                answer = self.fetched(future)
                if answer is None:
                    self.bury_worker(self.flying[future][1])
                    continue
                self.add(self.ended(self.flying.pop(future)[0], answer, "finished", ""))
            else:
                work, _ = self.flying.pop(future)
                why = first_line(future.exception())
                self.add(self.ended(work, None, "failed", f"the worker could not begin it: {why}"))
            future.release()

    def fetched(self, future: "Future") -> Any:
        """The answer; None where the worker that holds it ended before it was handed over. Dask would wait
        for that worker for ever."""
        worker = self.flying[future][1]
        while True:
            try:
                return future.result(timeout=HANDED_OVER)
            except (TimeoutError, CancelledError):
                if worker not in self.workers():
                    return None

    def bury(self, workers: list[str]):
        """What was at workers that are gone goes to others."""
        for worker in {worker for _, worker in self.flying.values()} - set(workers):
            self.bury_worker(worker)

    def bury_worker(self, worker: str):
        """Of the calls at a worker that has ended the first that was not done was at work, and may be why;
        the others waited, or their answers are gone with it."""
        there = [future for future, (_, place) in self.flying.items() if place == worker]
        done = [future.status == "finished" for future in there]
        works = [self.flying.pop(future)[0] for future in there]
        blamed = next((work for work, ended in zip(works, done, strict=True) if not ended), None)
        for future in there:
            future.cancel()
        for work in works:
            if work is blamed:
                self.again(work)
            else:
                work.attempts -= 1
                self.add([work])

    def again(self, work: Work):
        if work.attempts > AGAIN:
            why = (
                f"the process that ran it ended {work.attempts} times, by hand or for needing too much memory"
            )
            self.add(self.ended(work, None, "lost", why))
        else:
            self.add([work])


def _caller() -> Callable[[bytes, Any], Any]:
    """A function that Dask hands on as it is, since it can't be imported by name: a scheduler of somebody
    else's needs nothing of this package, only its workers do."""

    def call(given: bytes, sent: Any):
        import pickle

        function, payload = pickle.loads(given)
        return function(payload) if sent is None else function(payload, sent)

    return call


def _own_address() -> str:
    """Of the worker that this is called in, such as by the app on a cluster; empty outside of any."""
    from distributed import get_worker

    try:
        return get_worker().address
    except ValueError:
        return ""


def _is_death(future) -> bool:
    from distributed.scheduler import KilledWorker

    return future.status in ("lost", "cancelled") or isinstance(future.exception(), KilledWorker)
