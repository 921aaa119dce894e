"""What becomes of jobs that are over: some were lost with their process, and the oldest are forgotten."""

import shutil

from pruning.jobs.job import QUEUES, Job, Outcome

KEPT = 50  # finished jobs that are remembered, with their results; the oldest is forgotten first
LOST = "The process that ran this was killed, by hand or for needing too much memory; it was not run again."
LOSS = Outcome("lost", error=LOST)
UNHEARD = Outcome("lost", error="Every process that was to run this ended before it began; start it again.")


def lose(job: Job) -> bool:
    """Its process is gone. Returns False if it had ended before."""
    job.wound_down = True
    return job.settle(LOSS)


def forget(known: dict[str, Job]):
    """Takes out what is forgotten, and its files: previews when they have ended (who asked holds them), of
    the other queues all but the last KEPT."""
    over = [job for job in known.values() if job.finished and (job.wound_down or not job.began)]
    for queue in QUEUES:
        old, kept = [job for job in over if job.queue == queue], 0 if queue == "preview" else KEPT
        for job in old[: max(0, len(old) - kept)]:
            del known[job.id]
            if job.folder:
                shutil.rmtree(job.folder, ignore_errors=True)
