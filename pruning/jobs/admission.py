"""Who is let into a queue, and how long a job has worked there."""

import time
from collections.abc import Iterable

from pruning.jobs.job import Job, Queue
from pruning.limits import Limits
from pruning.terms import plural

UNLIMITED: tuple[Queue, ...] = ("preview",)  # a page's own wishes: short, and ended when it is left


class Full(ValueError):
    """A queue takes no more; one sentence says why, and what to do."""


def let_in(new: Job, known: Iterable[Job], limits: Limits):
    """Raises Full where the visitor, or all together, have as much in the queues as may be."""
    if new.queue in UNLIMITED:
        return
    unfinished = [job for job in known if not job.finished and job.queue not in UNLIMITED]
    own = sum(job.owner == new.owner for job in unfinished)
    if limits.jobs is not None and own >= limits.jobs:
        raise Full(
            f"You have {plural(own, 'job')} that wait or work, and this server takes at most "
            f"{limits.jobs:g} from one visitor; wait until one has ended, or cancel one."
        )
    waiting = sum(not job.began for job in unfinished)
    if limits.waiting is not None and waiting >= limits.waiting:
        raise Full(
            f"{plural(waiting, 'job')} wait already, and this server lets at most {limits.waiting:g} wait; "
            "try again when some have ended."
        )


def worked(job: Job) -> float:
    """Seconds that it has been at work, in all its turns."""
    return job.spent + (time.monotonic() - job.since if job.status == "running" else 0.0)
