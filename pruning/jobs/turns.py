"""Whose turn it is: of all that wait in a queue the job with the lowest turn is next, and of equal turns the
one that was handed in first.

A visitor's jobs (of previews a session's) are two turns apart, so that visitors take turns. Who has none in
the queue comes half a round after the one at work: before the second job of whoever is at work, and behind
others who came in like this. So nobody waits for all that another one has asked for, and nobody for ever.
"""

from collections.abc import Iterable

from pruning.jobs.job import Job

ROUND = 2  # turns between two jobs of one visitor


def whose(job: Job) -> str:
    """Who takes turns: a page's wishes are of its session, all else is of a visitor."""
    return job.session if job.queue == "preview" else job.owner


def place(job: Job) -> tuple[bool, int, int]:
    """What the jobs of a queue are sorted by: the one at work first."""
    return job.began is None, job.turn, job.order


def in_queue(job: Job, known: Iterable[Job]) -> list[Job]:
    """The unfinished jobs of its queue in the order in which they are done; with itself, if unfinished."""
    same = (other for other in known if other.queue == job.queue and not other.finished)
    return sorted(same, key=place)


def turn_of_new(job: Job, known: Iterable[Job], latest: int) -> int:
    """The turn of a job that is handed in. latest: the turn of the last one that began."""
    own = [other.turn for other in in_queue(job, known) if whose(other) == whose(job)]
    return max([latest, *own]) + ROUND if own else latest + ROUND // 2


def turn_behind(job: Job, known: Iterable[Job]) -> int:
    """The turn of a job that has worked for a while and makes way: after the first of everybody who waits."""
    first: dict[str, int] = {}
    for other in in_queue(job, known):
        if other is not job and not other.began:
            first.setdefault(whose(other), other.turn)
    return max([job.turn, *first.values()])


def waited_for(job: Job, known: Iterable[Job]) -> bool:
    """Whether anything waits in the queue while this one works."""
    return job.began is not None and any(not other.began for other in in_queue(job, known))


def supersedes(new: Job, old: Job) -> bool:
    """Whether `old` is a preview that nobody waits for once `new` is asked for."""
    shared = min(len(new.about), len(old.about))
    same_wish = shared and new.about[:shared] == old.about[:shared]
    same_session = new.session and new.session == old.session
    return old.queue == "preview" and not old.finished and bool(same_session and not same_wish)
