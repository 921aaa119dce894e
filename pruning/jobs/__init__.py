"""Work that takes longer than a page's rerun: worker processes beside the server for jobs, previews and
measurements, on Dask.

    workers = Workers()                                      # returns at once; the processes start in the
    background job = workers.submit("job", function, *arguments, title="ResNet-20 on scenes", session="...")
    job.status, job.position, job.events, job.error          # to be read at any time, from any thread
    job.result()                                             # waits

`function` is importable and is called in the worker as `function(*arguments, watch=watch)`; what it tells its
watch arrives here as events, and its watch raises `Cancelled` when nobody wants the result any more.

Work that can go on later makes way for others between two of its parts; the same call is then made again:

    if progress.others_wait(watch):
        raise progress.Yielded
"""

from pruning.jobs.job import QUEUES, Event, Job, Outcome
from pruning.jobs.workers import Workers

__all__ = ["QUEUES", "Event", "Job", "Workers", "Outcome"]
