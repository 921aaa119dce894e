"""The lanes of work without processes: what is asked waits until a test lets it be done, here and in order.

Everything else is the lanes' own: who overtakes whom, what is cancelled, forgotten and told."""

import time
from collections.abc import Callable
from math import inf

from pruning.jobs import Event, Job, Lanes, Outcome
from pruning.jobs.worker import outcome_of
from pruning.progress import Cancelled

KEPT = 300  # outcomes that are remembered


class InlineLanes(Lanes):
    """`work` does what waits in the lanes of previews and measurements; a page that waits for an answer
    itself (Job.wait) sees it pending once and is then served. Jobs of the other lane stay queued. What was
    computed once is not computed again, whoever asks."""

    def __init__(self):
        self.queue: list[Job] = []
        self.outcomes: dict[bytes, Outcome] = {}
        self.cancelled: list[Job] = []
        super().__init__()

    def anew(self):
        """As if the server had been started again, but for what has been computed."""
        self.queue.clear()
        self.known.clear()
        self.cancelled.clear()

    def _connect(self):
        """There is nothing to connect to."""

    def cancel(self, job: Job):
        if not job.finished:
            self.cancelled.append(job)
        super().cancel(job)

    def _hand_in(self, job: Job):
        if job.lane != "job":
            job.ended = Ended(self, job)
            self.queue.append(job)

    def work(self, seconds: float = inf):
        """Does what waits until so much of this process's time is used; what is not done by then waits on."""
        end = time.process_time() + seconds
        while self.queue and time.process_time() < end:
            job = self.queue.pop(0)
            self.do(job, end)
            if not job.finished:
                self.queue.insert(0, job)

    def do(self, job: Job, end: float = inf):
        """One job, unless it was cancelled meanwhile, or is not done in time."""
        if job.finished:
            return
        job.began = Event("began", 0, 1, {"worker": "inline"}, time.time())
        outcome = self.outcomes.get(job.call) or outcome_of(job.call, watching(job, end))
        job.wound_down = True
        if outcome.status != "cancelled" and job.settle(outcome):
            self.outcomes[job.call] = outcome
            while len(self.outcomes) > KEPT:
                del self.outcomes[next(iter(self.outcomes))]


class Ended:
    """In the place of a job's event: the second wait for it does the work."""

    def __init__(self, lanes: InlineLanes, job: Job):
        self.lanes, self.job, self.waited = lanes, job, False

    def wait(self, seconds: float | None = None) -> bool:
        if self.waited and not self.job.finished:
            self.lanes.do(self.job)
        self.waited = True
        return self.job.finished

    def set(self):
        """The job itself says that it has ended."""


def watching(job: Job, end: float) -> Callable:
    """What a worker's watch does: it tells, and ends what nobody wants any more, or what takes too long."""

    def watch(stage: str, done: int, total: int, **values):
        if job.finished or time.process_time() > end:
            raise Cancelled
        job.events.append(Event(stage, done, total, values, time.time()))

    return watch
