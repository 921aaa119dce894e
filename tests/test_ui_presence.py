"""Previews that nobody waits for end: of a page that was closed or reloaded, and of one that was left."""

import time
from types import SimpleNamespace

import pytest

from pruning.experiment.recipe import Recipe
from pruning.jobs.job import Event, Job
from pruning.ui import session_presence as module
from pruning.ui.prune.accuracy_questions import first_images
from pruning.ui.session_presence import Presence
from tests.processes import until


class Workers:
    """Workers without processes: cancelled jobs are listed."""

    def __init__(self, *jobs: Job):
        self.known, self.cancelled, self.closed = list(jobs), [], False

    def jobs(self, queue: str) -> list[Job]:
        return [job for job in self.known if job.queue == queue and job not in self.cancelled]

    def cancel(self, job: Job):
        self.cancelled.append(job)


def preview(session: str) -> Job:
    return Job("preview", b"", "a preview", session=session)


@pytest.fixture
def watched(monkeypatch):
    """Presence over previews of two sessions, and the set of browsers that Streamlit knows."""
    mine, yours = preview("mine"), preview("yours")
    workers, browsers = Workers(mine, yours), {"browser of mine", "browser of yours"}
    monkeypatch.setattr(module, "gone", lambda name: name is not None and name not in browsers)
    found = Presence(workers)
    for job in (mine, yours):
        monkeypatch.setattr(module.state, "session_id", lambda job=job: job.session)
        here = SimpleNamespace(session_id=f"browser of {job.session}")
        monkeypatch.setattr(module, "get_script_run_ctx", lambda here=here: here)
        found.wants(job)
    yield found, workers, browsers, mine, yours
    workers.closed = True


def test_a_closed_or_reloaded_page_s_previews_end_at_once_and_no_others(watched, monkeypatch):
    _, workers, browsers, mine, yours = watched
    monkeypatch.setattr(module, "GRACE", 3600.0)  # what is ended below was not ended for this
    time.sleep(0.4)
    assert workers.cancelled == []
    browsers.discard("browser of mine")
    until(lambda: mine in workers.cancelled)
    assert yours not in workers.cancelled


def test_what_the_left_page_asked_for_ends_unless_the_new_one_wants_it(watched):
    found, workers, _, mine, yours = watched
    found.leave([mine, yours])
    found.wants(yours)
    until(lambda: mine in workers.cancelled)
    assert yours not in workers.cancelled


def test_it_ends_at_once_where_it_is_in_the_new_page_s_way(watched, monkeypatch):
    found, workers, _, mine, _ = watched
    monkeypatch.setattr(module.state, "session_id", lambda: "mine")
    found.leave([mine])
    found.goes_on()
    assert workers.cancelled == [mine]


def test_a_count_shows_its_first_images_marked_as_such():
    job = preview("mine")
    assert first_images(job, Recipe()) is None
    told = {"message": "raw", "right": 0, "baseline": 0}
    job.events.append(Event("evaluate", 0, 500, told, 0.0))
    assert first_images(job, Recipe()) is None
    job.events.append(Event("evaluate", 64, 500, told | {"right": 31, "baseline": 60}, 0.1))
    found = first_images(job, Recipe())
    assert (found.raw, found.baseline, found.images, found.repaired) == (31 / 64, 60 / 64, 64, None)
    assert found.where == "of 500 hold-out"
