"""Who is next: visitors take turns, and long work makes way."""

import pickle

import pytest

from pruning.jobs import Event, Job, Outcome, Workers
from pruning.jobs.turns import in_queue, turn_of_new
from tests import errands
from tests.processes import until


def handed_in(whose: str, known: list[Job], latest: int, queue="job") -> Job:
    job = Job(queue, pickle.dumps((errands.count, ())), whose, owner=whose, order=len(known))
    job.turn = turn_of_new(job, known, latest)
    known.append(job)
    return job


@pytest.mark.parametrize("queue", ["job", "measurement"])
def test_visitors_take_turns_and_nobody_waits_for_ever(queue):
    known: list[Job] = []
    greedy = [handed_in("greedy", known, 0, queue) for _ in range(3)]
    greedy[0].began = Event("began", 0, 1, {}, 0.0)
    modest = handed_in("modest", known, greedy[0].turn, queue)
    assert in_queue(modest, known) == [greedy[0], modest, *greedy[1:]]
    second = handed_in("modest", known, greedy[0].turn, queue)
    assert in_queue(modest, known) == [greedy[0], modest, greedy[1], second, greedy[2]]
    before = 0
    while in_queue(greedy[1], known)[0] is not greedy[1]:  # somebody new comes with every job that is done
        first = in_queue(greedy[1], known)[0]
        first.settle(Outcome("done"))
        handed_in(f"new {before}", known, first.turn, queue)
        before += 1
    assert before <= 4


def test_long_work_makes_way_and_goes_on_where_it_was(tmp_path):
    note = tmp_path / "note"
    note.touch()
    workers = Workers(warm=(), turn=0.2)
    try:
        long = workers.submit("job", errands.go_on, str(note), 60, owner="one")
        until(lambda: long.events)
        waiting = [workers.submit("job", errands.count, 3, owner=owner) for owner in ("one", "other")]
        assert [job.result(600) for job in waiting] == [3, 3] and not long.finished
        begun_again = note.stat().st_size
        assert begun_again < 60 and long.result(600) == 60
        assert 2 <= long.handed <= 3 and long.events[-1].done == 60  # alone again, it kept its turn
    finally:
        workers.close()
