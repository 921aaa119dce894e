"""The workers of work without processes: what is asked waits until a test lets it be done, here and in order.

Everything else is the workers' own: who overtakes whom, what is cancelled, forgotten and told."""

import time
from collections.abc import Callable
from math import inf

from pruning.jobs import Event, Job, Outcome, Workers
from pruning.jobs.worker_process import outcome_of
from pruning.progress import Cancelled

KEPT = 300  # outcomes that are remembered


class InlineWorkers(Workers):
    """`work` does what waits in the workers of previews and measurements; a page that waits for an answer
    itself (Job.wait) sees it pending once and is then served. Jobs of the other queue stay queued. What was
    computed once is not computed again, whoever asks."""

    def __init__(self):
        self.waiting: list[Job] = []
        self.outcomes: dict[bytes, Outcome] = {}
        self.cancelled: list[Job] = []
        super().__init__()

    def anew(self):
        """As if the server had been started again, but for what has been computed."""
        self.waiting.clear()
        self.known.clear()
        self.cancelled.clear()

    def _connect(self):
        """There is nothing to connect to."""

    def cancel(self, job: Job):
        if not job.finished:
            self.cancelled.append(job)
        super().cancel(job)

    def _hand_in(self, job: Job):
        if job.queue in ("preview", "measurement"):
            job.ended = Ended(self, job)
            self.waiting.append(job)

    def work(self, seconds: float = inf):
        """Does what waits until so much of this process's time is used; what is not done by then waits on."""
        end = time.process_time() + seconds
        while self.waiting and time.process_time() < end:
            job = self.waiting.pop(0)
            self.do(job, end)
            if not job.finished:
                self.waiting.insert(0, job)

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

    def __init__(self, workers: InlineWorkers, job: Job):
        self.workers, self.job, self.waited = workers, job, False

    def wait(self, seconds: float | None = None) -> bool:
        if self.waited and not self.job.finished:
            self.workers.do(self.job)
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
