"""One piece of work handed to the workers: where it stands, what it told on the way, and what came of it."""

import logging
import pickle
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Queue = Literal["job", "preview", "measurement", "comparison"]
# Each has a worker of its own, so that a preview never waits behind a job, nor behind what somebody measures.
# That of comparisons only sees to it that their runs are done, in processes of their own.
QUEUES: tuple[Queue, ...] = ("job", "preview", "measurement", "comparison")
RUNS: tuple[Queue, ...] = ("job", "comparison")  # of whole recipes
# Their workers start when the others are up, and import when they are first used.
LATER: tuple[Queue, ...] = ("measurement", "comparison")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """What the work told its watch at one moment; `time` is the worker's clock, in seconds since 1970."""

    stage: str
    done: int
    total: int
    values: Mapping[str, Any]
    time: float


@dataclass(frozen=True)
class Outcome:
    """How a job ended. `error` is one sentence for a page; `details`, for the log, holds the traceback.
    fault: the program's own, not that of what it was given."""

    status: Literal["done", "failed", "cancelled", "lost", "yielded"]  # the last one goes on later
    value: Any = None
    error: str = ""
    details: str = ""
    fault: bool = False


@dataclass(eq=False)
class Job:
    """A call on its way through a queue. The Workers change it; anybody reads it, from any thread.

    id:       fit for a link, not to be guessed (who has it may look at the job), and known to the server
              until it ends: a job outlives the session that asked for it.
    session:  who asked; a newer preview of the same session ends the older ones. Empty: it ends none, and
              none ends it.
    owner:    whose it is, for the app's lists and for who may end it; the workers themselves don't ask.
    about:    what a preview is about, from the general to the special, such as a network and one cut of it.
              Previews of one session live side by side as long as one is about a part of what the other is
              about.
    folder:   where its result is saved, if it is; removed when the job is forgotten.
    after:    the id of the ended job that it goes on from, if it does.
    call:     function and arguments, pickled (so the function is importable where the worker runs).
    turn:     of all that wait in its queue the lowest is next, of equal ones that of the lowest order: see
              `turns`.
    waited_for: whether it was told, while it works, that others wait.
    handed:   times it was handed to Dask, in all its turns.
    foreseen: seconds that it takes, where whoever handed it in knows.
    spent:    seconds of its turns that are over.   since: when this turn began, on this process's own clock.
    events:   in the order in which they were told; only ever appended to.
    """

    queue: Queue
    call: bytes = field(repr=False)
    title: str
    session: str = ""
    owner: str = ""
    about: tuple[str, ...] = ()
    folder: Path | None = None
    after: str = ""
    turn: int = 0
    order: int = 0
    waited_for: bool = False
    handed: int = 0
    foreseen: float | None = None
    spent: float = 0.0
    since: float = 0.0
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    events: list[Event] = field(default_factory=list, repr=False)
    submitted: float = field(default_factory=time.time)
    began: Event | None = None  # told by the worker itself: the process that runs it and the worker's name
    wound_down: bool = False  # the worker's thread is free again: a cancelled job first ends its batch
    outcome: Outcome | None = None
    attempts: int = 0  # times it was handed to Dask for this turn; it begins once at most
    future: Any = field(default=None, repr=False)
    ahead_of: Callable[["Job"], int] = field(default=lambda job: 0, repr=False)
    ended: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def status(self) -> Literal["queued", "running", "done", "failed", "cancelled", "lost"]:
        if self.outcome:
            assert self.outcome.status != "yielded"  # then it goes on, and has no outcome yet
            return self.outcome.status
        return "running" if self.began else "queued"

    @property
    def arguments(self) -> tuple:
        """What the function was handed, read anew each time."""
        return pickle.loads(self.call)[1]

    @property
    def finished(self) -> bool:
        return self.outcome is not None

    @property
    def position(self) -> int:
        """How many jobs of its queue come before it: 0 when it runs, is next, or has ended."""
        return 0 if self.finished or self.began else self.ahead_of(self)

    @property
    def error(self) -> str:
        """One sentence that says why there is no result; empty while there may still be one."""
        return self.outcome.error if self.outcome else ""

    def wait(self, seconds: float | None = None) -> bool:
        """Returns whether it has ended, after that long at most."""
        return self.ended.wait(seconds)

    def result(self, seconds: float | None = None) -> Any:
        """Waits for what the function returned. Raises RuntimeError with the job's sentence if there is no
        result.
        """
        if not self.wait(seconds):
            raise TimeoutError(f"{self.title} has not ended within {seconds:g} s; wait longer or cancel it")
        if self.outcome.status != "done":
            raise RuntimeError(self.outcome.error)
        return self.outcome.value

    def settle(self, outcome: Outcome) -> bool:
        """Ends the job, once: returns False if it had ended before, and then changes nothing."""
        if self.outcome:
            return False
        self.outcome = outcome
        self.ended.set()
        if outcome.fault:
            log.error("%s: %s\n%s", self.title, outcome.error, outcome.details)
        return True
