"""Jobs as a page meets them: handed in, watched, cancelled, overtaken, killed. The functions are in
errands.py.
"""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pruning.jobs import Workers, ended, folder
from pruning.jobs import workers as module
from tests import errands
from tests.processes import alive, descendants, until

LONG = (3000, 0.01)  # 30 s in 3,000 steps


@pytest.fixture(scope="module")
def workers():
    workers = Workers(warm=(), memory=1 << 30)
    yield workers
    workers.close()


def running(workers, *arguments, **keywords):
    job = workers.submit("job", errands.count, *(arguments or LONG), **keywords)
    until(lambda: job.events)
    return job


# ------------------------------------------------------------------------------------------- the ordinary way


def test_making_lanes_and_handing_in_does_not_wait():
    start = time.monotonic()
    workers = Workers(warm=())
    job = workers.submit("job", errands.count, 3)
    assert time.monotonic() - start < 0.5 and job.status == "queued"
    assert job.result(600) == 3
    workers.close()


def test_progress_comes_in_order_and_to_its_end(workers):
    job = workers.submit("job", errands.count, 40, 0.01, title="counting")
    assert job.result(600) == 40
    steps = [event.done for event in job.events]
    assert steps == sorted(set(steps)) and steps[0] == 1 and steps[-1] == 40
    assert {event.stage for event in job.events} == {"trace"} and job.events[-1].values == {"loss": 1 / 40}
    assert job.status == "done" and job.error == "" and job.title == "counting"
    assert workers.job(job.id) is job and job in workers.jobs("job")


def test_a_fast_loop_tells_its_first_and_last_step_and_few_between(workers):
    job = workers.submit("job", errands.count, 20_000)
    job.result(600)
    assert (job.events[0].done, job.events[-1].done) == (1, 20_000) and len(job.events) < 200


def test_values_arrive_as_plain_numbers(workers):
    job = workers.submit("job", errands.values)
    job.result(600)
    assert job.events[0].values == {"loss": 0.5, "right": 7, "message": "half"}
    assert [type(value) for value in job.events[0].values.values()] == [float, int, str]


def test_lanes_are_two_polite_processes(workers):
    (one, nice), (other, _) = (
        workers.submit(queue, errands.process).result(600) for queue in ("job", "preview")
    )
    assert one != other and nice == 10


def test_an_error_is_one_sentence(workers, traces):
    wrong = workers.submit("job", errands.fail, "l3")
    bug = workers.submit("job", errands.divide, 0)
    for job in (wrong, bug):
        assert job.wait(60) and job.status == "failed"
    assert wrong.error.startswith("there is no criterion 'l3'; did you mean 'l2'?")
    assert "a mistake in the program (ZeroDivisionError" in bug.error and "errands.py" in traces.pop()
    with pytest.raises(RuntimeError, match="no criterion 'l3'"):
        wrong.result()


def test_the_oldest_jobs_are_forgotten_with_their_results(workers, monkeypatch):
    monkeypatch.setattr(ended, "KEPT", 2)
    jobs = []
    for _ in range(4):
        jobs.append(workers.submit("job", errands.count, 1, folder=workers.results_folder()))
        jobs[-1].result(600)
        until(lambda: jobs[-1].wound_down)
    workers.submit("job", errands.count, 1).result(600)
    assert [workers.job(job.id) is job for job in jobs] == [False, False, True, True]
    assert [job.folder.exists() for job in jobs] == [False, False, True, True]


def test_an_unknown_lane_is_refused(workers):
    with pytest.raises(ValueError, match="did you mean 'preview'"):
        workers.submit("previews", errands.count, 1)


def test_what_cannot_be_imported_in_the_worker_is_refused_at_once(workers):
    with pytest.raises((pickle.PicklingError, AttributeError)):
        workers.submit("job", lambda *, watch: 1)


# ------------------------------------------------------------------------------------------- queue and cancel


def test_several_jobs_queue_and_a_preview_does_not_wait(workers):
    process = workers.submit("job", errands.process).result(600)
    first, second, third = running(workers), *(workers.submit("job", errands.count, 2) for _ in range(2))
    assert [job.status for job in (first, second, third)] == ["running", "queued", "queued"]
    assert [job.position for job in (first, second, third)] == [0, 1, 2]
    assert workers.submit("preview", errands.count, 2).result(600) == 2
    workers.cancel(second)
    assert (second.status, third.position) == ("cancelled", 1)
    workers.cancel(first)
    assert third.result(600) == 2
    assert workers.submit("job", errands.process).result(600) == process  # in the next step, no restart
    assert first.status == "cancelled" and not second.events
    told = len(first.events)
    time.sleep(0.2)
    assert len(first.events) == told  # it has really ended


def test_a_call_that_never_looks_is_cancelled_by_a_restart(workers, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.3)
    before = workers.submit("job", errands.process).result(600)[0]
    job, after = workers.submit("job", errands.sleep, 600), workers.submit("job", errands.process)
    until(lambda: job.began)
    workers.cancel(job)
    assert job.status == "cancelled"
    assert after.result(600)[0] != before
    assert not alive(before)


def test_a_newer_preview_ends_the_session_s_older_ones(workers):
    def preview(session, *about):
        return workers.submit("preview", errands.count, *LONG, session=session, about=about)

    mine, yours = preview("mine", "a"), preview("yours", "a")
    beside = preview("mine", "a")
    assert not mine.finished and not beside.finished
    part = preview("mine", "a", "part")
    assert not mine.finished and not part.finished
    preview("mine", "a")
    assert not mine.finished and not part.finished
    other = preview("mine", "a", "another part")
    assert part.status == "cancelled" and not mine.finished and not other.finished
    newer = preview("mine", "b")
    assert mine.status == beside.status == other.status == "cancelled"
    assert not yours.finished and not newer.finished
    workers.submit("preview", errands.count, 1, session="mine").result(
        30 if workers.cancel(yours) is None else 0
    )
    assert newer.status == "cancelled"


def test_two_sessions_take_turns(workers):
    """Whoever asks for one thing does not wait for all that another has asked for."""
    greedy = [
        workers.submit("preview", errands.count, 30, 0.01, session="greedy", about=("curve",))
        for _ in range(4)
    ]
    until(lambda: greedy[0].began)
    modest = workers.submit("preview", errands.count, 2, session="modest")
    assert workers.ahead(modest) == greedy[:1] and modest.position == 1
    assert modest.result(600) == 2 and not greedy[3].finished
    assert greedy[3].result(600) == 30


def test_processes_that_nobody_asks_for_come_up_later_and_a_request_has_them_at_once():
    workers = Workers(warm=(), after=3600)
    time.sleep(0.2)
    assert workers.connection is None
    assert workers.submit("preview", errands.count, 3).result(600) == 3
    workers.close()


def test_a_preview_leaves_jobs_alone(workers):
    job = running(workers, session="mine")
    workers.submit("preview", errands.count, 1, session="mine").result(600)
    assert job.status == "running"
    workers.cancel(job)


# --------------------------------------------------------------------------------- when processes die


def test_a_killed_worker_loses_its_job_once_and_the_next_ones_run(workers, tmp_path):
    note = tmp_path / "note"
    job = workers.submit("job", errands.count_and_note, str(note), *LONG)
    waiting = [workers.submit("job", errands.count, 2) for _ in range(2)]
    until(lambda: job.events)
    worker = job.began.values["process"]
    assert worker in descendants(workers.connection.process.pid)
    os.kill(worker, signal.SIGKILL)
    assert job.wait(60) and job.status == "lost"
    assert job.error.count(".") == 1 and "not run again" in job.error
    assert [other.result(600) for other in waiting] == [2, 2]  # they never began, so they are no loss
    assert workers.submit("job", errands.count, 3).result(600) == 3
    assert note.read_text() == "begun\n"


def test_a_worker_over_its_memory_limit_loses_its_job(workers):
    job = workers.submit("preview", errands.need_memory)
    assert job.wait(60) and job.status == "lost" and "memory" in job.error
    assert workers.submit("preview", errands.count, 3).result(600) == 3


def test_a_killed_scheduler_is_replaced(workers):
    job, waiting = running(workers), workers.submit("job", errands.count, 2)
    processes = descendants(workers.connection.process.pid)
    os.kill(workers.connection.process.pid, signal.SIGKILL)
    assert job.wait(60) and job.status == "lost" and job.error
    assert waiting.result(600) == 2
    until(lambda: not any(alive(pid) for pid in processes))


SERVER = """
import sys, time
from pruning.jobs import Workers
from tests import errands
from tests.processes import alive, descendants, until
workers = Workers(warm=())
job = workers.submit("job", errands.count, 3000, 0.01)
while not job.events and not job.finished:
    time.sleep(0.01)
print(job.error or workers.folder.path, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_server_ends(how):
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        # a suite started in the background of a shell ignores SIGINT, and so would this server
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    left = Path(server.stdout.readline().strip())
    processes = descendants(server.pid)
    assert len(processes) >= 3 and left.is_dir()
    server.send_signal(how)
    server.wait(15)
    until(lambda: not any(alive(pid) for pid in processes))
    assert not list(left.glob("workers/*"))
    if left.exists():  # the lock, the log and results of a killed server: the next one removes them
        os.utime(left, (0, 0))
        folder.remove_stale()
    assert not left.exists()
    server.stdout.close()


def test_a_server_s_folder_is_not_stale_while_it_lives(workers):
    os.utime(workers.folder.path, (0, 0))
    folder.remove_stale()
    assert workers.folder.path.exists() and workers.folder.path.parent == Path(tempfile.gettempdir())
    assert workers.folder.path.stat().st_mode & 0o077 == 0
    assert workers.results_folder().parent == workers.folder.path


def test_closing_while_the_processes_start_leaves_nothing():
    before = set(descendants(os.getpid()))
    workers = Workers(warm=())
    until(lambda: (workers.folder.path / "workers").exists())
    workers.close()
    assert not workers.folder.path.exists()
    until(lambda: not any(alive(pid) for pid in set(descendants(os.getpid())) - before))


def test_a_folder_without_a_lock_is_stale_too(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, young = (tmp_path / f"{folder.PREFIX}{name}" for name in ("old", "young"))
    old.mkdir(), young.mkdir()
    os.utime(old, (0, 0))
    folder.remove_stale()
    assert not old.exists() and young.exists()
