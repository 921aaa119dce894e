"""Which jobs a server ends by itself: those that have worked for too long, and those that were left."""

import threading
import time
from collections.abc import Callable

from pruning.experiment.duration import about
from pruning.jobs.admission import UNLIMITED, worked
from pruning.jobs.job import Job, Outcome
from pruning.jobs.workers import Workers
from pruning.limits import Limits

EVERY = 1.0  # seconds between two looks


class Upkeep:
    """Ends jobs that have worked for too long, and those whose visitor has gone. away: seconds since a
    visitor had a page open, as far as that is known."""

    def __init__(self, workers: Workers, limits: Limits, away: Callable[[str], float]):
        self.workers, self.limits, self.away = workers, limits, away
        if limits.minutes is not None or limits.away is not None:
            threading.Thread(target=self.look_while_open, daemon=True, name="upkeep").start()

    def look_while_open(self):
        while not self.workers.closed:
            time.sleep(EVERY)
            self.look()

    def look(self):
        for job in list(self.workers.known.values()):
            if not job.finished and job.queue not in UNLIMITED and (sentence := self.over(job)):
                self.workers.end(job, Outcome("failed", error=sentence))

    def over(self, job: Job) -> str:
        """Why a job has to end; empty while it may go on."""
        minutes, away = self.limits.minutes, self.limits.away
        if minutes is not None and worked(job) > 60 * minutes:
            return f"This was ended after {about(60 * minutes)}, the most that this server gives a job."
        if away is not None and self.away(job.owner) > 60 * away:
            return f"This was ended, since its visitor had had no page open for {about(60 * away)}."
        return ""
