"""Worker processes beside the server, one a queue: jobs one after the other, previews that no job holds up,
measurements that hold up neither, and comparisons, which have processes of their own."""

import atexit
import itertools
import os
import pickle
import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pruning.error_messages import choose
from pruning.jobs.admission import UNLIMITED, let_in, worked
from pruning.jobs.ended import LOSS, UNHEARD, forget, lose
from pruning.jobs.folder import Folder
from pruning.jobs.job import QUEUES, RUNS, Event, Job, Outcome, Queue
from pruning.jobs.turns import in_queue, place, supersedes, turn_behind, turn_of_new, waited_for
from pruning.limits import Limits

if TYPE_CHECKING:
    from pruning.jobs.connection import Connection

PATIENCE = 10.0  # seconds a cancelled call may take to look at its watch before its worker is restarted
ATTEMPTS = 5  # times in all that a job that never began is handed in, as the workers it waited for died
STARTS_WITHIN = 60.0  # seconds, on a machine that is busy with other things; 2 on one that is not
# What a network is traced, scored, cut and counted with
WARM = ("torch", *(f"pruning.{part}" for part in ("channels.graph", "criteria.scoring", "surgery", "train")))
TURN = 60.0  # seconds; a comparison takes some to begin anew


class Workers:
    """One object a server, shared by all sessions. Every method returns at once, unless it says that it
    waits.

    scheduler: the address of a Dask scheduler that runs already; None starts one of our own, with a worker a
    queue.
    warm:      modules that each worker imports ahead of its first call.
    memory:    bytes a worker may use; None takes 30 % of the machine's. A worker that needs more is ended.
    after:     seconds until the processes are started, unless something is handed in before.
    turn:      seconds that long work keeps its worker while others wait.
    limits:    how much may wait, and what may be asked for (what has to end is `upkeep`'s).

    Visitors take turns (`turns`), of previews sessions do. Long work that can go on later asks its watch
    whether others wait (`progress.others_wait`) and raises `Yielded`; it is queued anew behind them.
    """

    def __init__(
        self,
        *,
        scheduler: str | None = None,
        warm: tuple[str, ...] = WARM,
        memory: int | None = None,
        after: float = 0.0,
        turn: float = TURN,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
    ):
        self.scheduler, self.warm, self.memory, self.turn = scheduler, warm, memory, turn
        self.limits = limits
        self.folder, self.topic = Folder(), f"pruning-{secrets.token_hex(8)}"
        self.lock, self.after, self.hurry = threading.RLock(), after, threading.Event()
        self.turns: dict[Queue, int] = dict.fromkeys(QUEUES, 0)  # of the latest job that began
        self.orders, self.telling = itertools.count(), threading.Lock()
        self.known: dict[str, Job] = {}  # by id, in the order of submission
        self.connection: Connection | None = None
        self.opening: threading.Thread | None = None
        self.connecting, self.closed = False, False
        atexit.register(self.close)
        self._connect()

    # --------------------------------------------------------------------------------- what callers use

    def submit(self, queue: Queue, function: Callable, *arguments, title: str = "", **about) -> Job:
        """Hands `function(*arguments, watch=watch)` to a queue and returns its Job.

        Both must pickle, the function by its name. about: the Job's session, owner, about, folder and after.
        A preview ends its session's earlier ones, but for those about the same thing or a part of it. Raises
        ValueError in one sentence for more than the limits allow, but of previews, which say it themselves.
        """
        choose(queue, QUEUES, "queue")
        job = Job(queue, pickle.dumps((function, arguments)), title or function.__name__, **about)
        job.ahead_of = lambda job: len(self.ahead(job))
        if queue not in UNLIMITED:
            self.limits.must_allow(arguments, trains=queue in RUNS)
        with self.lock:
            let_in(job, self.known.values(), self.limits)
            forget(self.known)
            overtaken = [old for old in self.known.values() if queue == "preview" and supersedes(job, old)]
            job.turn = turn_of_new(job, self.known.values(), self.turns[queue])
            job.order = next(self.orders)
            self.known[job.id] = job
        self.hurry.set()
        for old in overtaken:
            self.cancel(old)
        self._hand_in(job)
        self._tell_waited_for(queue)
        return job

    def job(self, id: str) -> Job | None:
        """None for an id that no job of this server has, such as that of an old link."""
        return self.known.get(id)

    def jobs(self, queue: Queue = "job") -> list[Job]:
        """The newest first."""
        return [job for job in reversed(list(self.known.values())) if job.queue == queue]

    def ahead(self, job: Job) -> list[Job]:
        """The unfinished jobs of its queue that come before it, the first one first."""
        queue = in_queue(job, list(self.known.values()))
        return queue[: queue.index(job)] if job in queue else []

    def cancel(self, job: Job):
        """Ends a job: at once if it waits, after its batch if it runs, else by restarting its worker."""
        self.end(job, Outcome("cancelled", error="Cancelled"))

    def end(self, job: Job, outcome: Outcome):
        """As `cancel`, with another outcome."""
        with self.lock:
            if not job.settle(outcome):
                return
            future = job.future
        self._tell_waited_for(job.queue)
        if future is not None:
            future.release()  # as `cancel`, but does not wait for the scheduler
        if job.began and not job.wound_down:
            timer = threading.Timer(PATIENCE, self._restart_if_stuck, [job, self.connection])
            timer.daemon = True
            timer.start()

    def results_folder(self) -> Path:
        """A new, empty folder that lasts as long as the server; workers on other machines must see it at this
        path.
        """
        return Path(tempfile.mkdtemp(dir=self.folder.path, prefix="result-"))

    def close(self):
        """Ends workers and scheduler, and removes every file. Waits (1 s, or until they are up)."""
        with self.lock:
            self.closed, opening = True, self.opening
        self.hurry.set()
        if opening:
            opening.join(STARTS_WITHIN)  # what it starts would stay, and write into a folder that is gone
        with self.lock:
            connection, self.connection = self.connection, None
            unfinished = [job for job in self.known.values() if not job.finished]
        for job in unfinished:
            job.settle(Outcome("cancelled", error="The server ended"))
        if connection:
            connection.close()
        self.folder.remove()
        atexit.unregister(self.close)

    # --------------------------------------------------------------------------------- on the way there

    def _hand_in(self, job: Job):
        """To Dask, if the way is open; else the job waits for `_connect`, which hands in all that wait."""
        with self.lock:
            if job.finished or self.closed:
                return
            if self.connection and self.connection.alive:
                job.attempts += 1
                job.handed += 1
                job.future = self.connection.submit(job, self.turn)
                job.future.add_done_callback(partial(self._ended, job))
            else:
                job.future = None
                self._connect()

    def _connect(self):
        with self.lock:
            if not self.connecting and not self.closed:
                self.connecting = True
                self.opening = threading.Thread(target=self._open, daemon=True, name="workers")
                self.opening.start()

    def _open(self):
        from pruning.jobs import connection as way  # distributed takes 0.6 s to import, the first page less

        self.hurry.wait(self.after)
        try:
            if self.closed:
                return
            if self.connection:
                self.connection.close()
            if self.scheduler:
                new = way.join(self.scheduler, self.topic, self._hear)
            else:
                new = way.start(self.folder.path, self.topic, self._hear, warm=self.warm, memory=self.memory)
        except Exception as error:
            with self.lock:
                self.connecting = False
                waiting = self._waiting()
            for job in waiting:
                job.settle(Outcome("failed", error=str(error)))
            return
        with self.lock:
            self.connection, self.connecting = new, False
            waiting = self._waiting()
        way.watch_process(new, self._gone)
        for job in waiting:
            self._hand_in(job)

    def _waiting(self) -> list[Job]:
        waiting = [job for job in self.known.values() if not job.finished and job.future is None]
        return sorted(waiting, key=place)

    # --------------------------------------------------------------------------------- on the way back

    def _hear(self, told: tuple[float, dict]):
        """An event from a worker; runs in the connection's own thread, which must not wait."""
        message = told[1]
        job = self.known.get(message["job"])
        if job is None:
            return
        event = Event(**{name: message[name] for name in ("stage", "done", "total", "values", "time")})
        if event.stage == "wound down":
            job.wound_down = True
        elif event.stage != "began":
            job.events.append(event)
        elif job.began is None:
            job.since = time.monotonic()  # first: who sees that it began also asks since when
            job.wound_down, job.waited_for, job.began = False, False, event
            self.turns[job.queue] = max(self.turns[job.queue], job.turn)
            self._tell_waited_for(job.queue)
        elif lose(job):  # somebody else's scheduler runs it a second time
            job.future.release()

    def _ended(self, job: Job, future):
        """Dask has done with a job, one way or another; runs in Dask's thread for callbacks."""
        from distributed.scheduler import KilledWorker

        if future is not job.future or job.finished:
            return
        if future.status == "finished":
            try:
                outcome = future.result(timeout=60)
            except Exception:  # its worker died between the end of the work and the way of the result
                outcome = LOSS
            future.release()
            if outcome.status == "yielded":
                self._queue_anew(job)
            else:
                job.settle(outcome)
        elif future.status == "error" and not isinstance(error := future.exception(), KilledWorker):
            job.settle(Outcome("failed", error=f"The computation did not start: {error}"))
        elif job.began:
            lose(job)
        elif job.attempts >= ATTEMPTS:
            job.settle(UNHEARD)
        else:  # killed or cut off while it waited for its turn
            self._hand_in(job)

    def _queue_anew(self, job: Job):
        """It has made way and goes on later."""
        with self.lock:
            job.turn, job.order = turn_behind(job, self.known.values()), next(self.orders)
            job.spent = worked(job)
            job.began, job.attempts = None, 0
        self._hand_in(job)

    def _tell_waited_for(self, queue: Queue):
        """Has whoever is at work know when others begin to wait, and when they don't any more. Of previews
        none is long enough. Has a lock of its own, since it must not wait while Dask is asked something."""
        with self.telling:
            known, connection = list(self.known.values()), self.connection
            at_work = [job for job in known if job.queue == queue != "preview" and job.status == "running"]
            for job in at_work:
                if (now := waited_for(job, known)) != job.waited_for and connection and connection.alive:
                    job.waited_for = now
                    connection.tell_waited_for(job)

    def _gone(self, connection):
        """Our scheduler has ended: what ran is lost, and what waited goes to a new one."""
        with self.lock:
            if self.closed or connection is not self.connection:
                return
            unfinished = [job for job in self.known.values() if not job.finished]
            for job in unfinished:
                job.future = None
        for job in unfinished:
            if job.began:
                lose(job)
            else:
                self._hand_in(job)

    def _restart_if_stuck(self, job: Job, connection):
        if not job.wound_down and connection and not self.closed:
            connection.restart(job.began.values["worker"])
            job.wound_down = True


def address_in_environment() -> str | None:
    """PRUNING_SCHEDULER: the address of a scheduler to use in place of workers of our own."""
    return os.environ.get("PRUNING_SCHEDULER") or None
