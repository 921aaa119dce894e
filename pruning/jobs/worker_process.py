"""What runs inside a worker process: the call itself, its watch, and the imports made ahead of the first
call.
"""

import importlib
import os
import pickle
import threading
import time
import traceback

from distributed import WorkerPlugin, get_worker

from pruning.error_messages import first_line, for_the_person
from pruning.jobs.job import LATER, RUNS, Outcome, Queue
from pruning.limits import Limits
from pruning.models.own_code import sent_by
from pruning.progress import Cancelled, Watch, Yielded

NICENESS = 10  # the server and the browser come first
BEGAN, WOUND_DOWN = "began", "wound down"  # told by `execute` around the stages that the function tells

WAITED_FOR: set[str] = set()  # jobs of this process for which others wait, as the app has told

FAULT = "The computation stopped, through a mistake in the program ({}: {}); the server's log has the rest."


class Reporter:
    """The watch of a job: tells the app how far it is, and raises Cancelled between two batches once it is
    unwanted.

    A fine-tune calls its watch a hundred times a second and may last hours, so not every call becomes an
    event: at most one in 50 ms, later one in a thousandth of the time passed (some 5,000 events in an hour).
    What is new is always told: another stage, the last step of one, or other values than the call before had
    (an epoch's accuracy, a message).
    """

    def __init__(self, topic: str, job: str, turn: float):
        self.worker, self.topic, self.job, self.turn = get_worker(), topic, job, turn
        WAITED_FOR.discard(job)  # in its last turn
        self.key = self.worker.get_current_task()
        self.start, self.told_at = time.monotonic(), 0.0
        self.told_like: tuple[str, frozenset[str]] | None = None

    def __call__(self, stage: str, done: int, total: int, **values):
        if not self.wanted():
            raise Cancelled
        now, like = time.monotonic(), (stage, frozenset(values))
        pause = max(0.05, (now - self.start) / 1000)
        if done >= total or like != self.told_like or "message" in values or now - self.told_at >= pause:
            self.told_at, self.told_like = now, like
            self.tell(stage, done, total, values)

    def wanted(self) -> bool:
        """Whether somebody still waits: Dask frees a cancelled task's key but leaves its thread running."""
        task = self.worker.state.tasks.get(self.key)
        return task is not None and task.state in ("executing", "long-running")

    def others_wait(self) -> bool:
        """Whether the job has had its turn, and others wait for theirs."""
        return self.job in WAITED_FOR and time.monotonic() - self.start >= self.turn

    def tell(self, stage: str, done: int, total: int, values: dict):
        plain = {name: value.item() if hasattr(value, "item") else value for name, value in values.items()}
        event = {"job": self.job, "stage": stage, "done": int(done), "total": int(total), "values": plain}
        self.worker.log_event(self.topic, event | {"time": time.time()})


def execute(topic: str, job: str, queue: Queue, turn: float, call: bytes, code: bool) -> Outcome:
    """Runs one call as a Dask task. Whatever it raises comes back as an Outcome: a sentence needs no
    unpickling. code: whether the app may have networks of one's own run; this worker may be somebody else's.
    """
    be_polite()
    watch = Reporter(topic, job, turn)
    place = {"worker": str(watch.worker.name), "address": watch.worker.address}
    watch.tell(BEGAN, 0, 1, {"process": os.getpid(), **place})
    # Events leave every 2 ms. The app must know that the job began before anything in it can kill this
    # process, because a job that never began may be handed in again.
    time.sleep(0.01)
    try:
        with sent_by(code):
            return outcome_of(call, watch, trains=queue in RUNS)
    finally:
        watch.tell(WOUND_DOWN, 1, 1, {})


def outcome_of(call: bytes, watch: Watch, *, trains: bool = False) -> Outcome:
    """What a pickled call returns or raises. A wrong value that a person gave is told in the error's own
    words, anything else as the program's fault. trains: whether it runs recipes as a whole."""
    try:
        function, arguments = pickle.loads(call)
        Limits.from_environment().must_allow(arguments, trains=trains)
        return Outcome("done", function(*arguments, watch=watch))
    except Cancelled:
        return Outcome("cancelled", error="Cancelled")
    except Yielded:
        return Outcome("yielded")
    except Exception as error:
        details = traceback.format_exc()
        if for_the_person(error):
            return Outcome("failed", error=str(error), details=details)
        sentence = FAULT.format(type(error).__name__, first_line(error))
        return Outcome("failed", error=sentence, details=details, fault=True)


def hear_waited_for(job: str, waited_for: bool):
    """Called by the app in the worker's process, beside the job at work."""
    (WAITED_FOR.add if waited_for else WAITED_FOR.discard)(job)


def be_polite():
    """Lowers the priority of this thread, and with it of the threads that torch starts from it.

    On Linux the worker's own thread, by which events pass, stays as quick as the server.
    """
    os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))


class Warm(WorkerPlugin):
    """Imports modules in the background once a worker is there, also after a restart (torch takes 2 s)."""

    name = "warm"

    def __init__(self, modules: tuple[str, ...]):
        self.modules = modules

    def setup(self, worker):
        if worker.name not in LATER:
            threading.Thread(target=self.warm, daemon=True).start()

    def warm(self):
        be_polite()
        for name in self.modules:
            importlib.import_module(name)
