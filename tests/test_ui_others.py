"""Several visitors on one server: each sees his own jobs, and of the others' only that they come first; what
another has started is looked at by a link, and ended by nobody else."""

import pickle
import time
from pathlib import Path

import pytest

from pruning import Recipe
from pruning.inspection.prediction_changes import run_and_report
from pruning.jobs import Event, Job, Outcome
from pruning.train import Saved
from pruning.train.training_state import SUFFIX
from pruning.ui import jobs
from tests.page_door import OWNER, open_page, said

SECRET = "ResNet-56 on what nobody else shall know"
GDP = Recipe(criterion="gdp", data="digits", threads=1, epochs=4)
PLAIN = Recipe(criterion="l1", data="digits", threads=1, epochs=2)
STRANGER = "the-token-of-somebody-else"


pytestmark = pytest.mark.usefixtures("workers")


def known(folder: Path, *, recipe: Recipe = PLAIN, title: str = SECRET, began: bool = True, **told) -> Job:
    job = Job("job", pickle.dumps((run_and_report, (recipe, str(folder)))), title, folder=folder, **told)
    job.ahead_of = lambda job: len(jobs.workers().ahead(job))
    if began:
        job.began, job.wound_down = Event("began", 0, 1, {}, time.time()), True
    jobs.workers().known[job.id] = job
    return job


def labels(app) -> set[str]:
    return {button.label for button in app.button}


@pytest.mark.parametrize("page", ["", "2_Prune", "4_Compress", "5_Gates"])
def test_of_others_jobs_a_page_tells_that_they_are_there_and_no_more(page, tmp_path):
    told = [Event("tune", 3, 9, {"run_seconds_left": 240.0}, time.time())]
    foreign = [
        known(tmp_path, recipe=GDP, owner="other", events=told),
        known(tmp_path, owner="other", began=False),
    ]
    app = open_page(page, data="digits", criterion="gdp" if page == "5_Gates" else "l1", threads="1")
    assert "2 jobs of other visitors are at work or waiting." in said(app)
    everything = said(app) + str([app.button, app.expander, app.get("page_link")])
    assert SECRET not in everything and not any(job.id in everything for job in foreign)
    assert not app.exception


def test_ones_own_jobs_are_listed_and_say_whose_are_before_them(tmp_path):
    first = known(tmp_path, owner="other")
    known(tmp_path, owner="other", began=False)
    job = known(tmp_path, owner=OWNER, title="ResNet-20 on digits: mine", began=False)
    first.events.append(Event("tune", 3, 9, {"run_seconds_left": 240.0}, time.time()))
    app = open_page(data="digits", criterion="l1")
    assert "ResNet-20 on digits: mine" in said(app)
    waiting = "waiting: 2 jobs of other visitors are before it; the one at work takes about 4 min more"
    assert waiting in said(app)
    first.settle(Outcome("cancelled"))
    known(tmp_path, owner=OWNER, began=False)
    assert "waiting: 1 job of other visitors is before it" in said(app.run())
    assert jobs.before_it([job, first]).startswith("2 jobs")


@pytest.mark.parametrize(("page", "recipe"), [("2_Prune", PLAIN), ("5_Gates", GDP)])
def test_who_has_the_link_looks_on_and_only_the_owner_ends_it(page, recipe, tmp_path):
    told = [Event("gates" if recipe is GDP else "tune", 3, 9, {"message": "at work"}, time.time())]
    job = known(tmp_path, recipe=recipe, owner=OWNER, events=told)
    link = recipe.to_query() | {"job": job.id}
    app = open_page(page, token=STRANGER, **link)
    assert any("at work" in str(bar.proto) for bar in app.get("progress")) and not app.exception
    assert not {"Cancel", "Pause", "Stop and keep"} & labels(app)
    app = open_page(page, **link)
    assert "Cancel" in labels(app)
    for label in {"Cancel", "Pause", "Stop and keep"} & labels(app):
        app.session_state["visitor"] = STRANGER  # a button that was not taken away in time
        next(button for button in app.button if button.label == label).click().run()
        assert "somebody else" in app.warning[0].value
        assert job.status == "running" and Saved(tmp_path / "state").wish() is None
        app = open_page(page, **link)
    next(button for button in app.button if button.label == "Cancel").click().run()
    assert job.status == "cancelled"
    if recipe is GDP:
        (tmp_path / "state").mkdir(exist_ok=True)
        (tmp_path / "state" / f"gates{SUFFIX}").write_bytes(b"")
        assert "Resume" in labels(open_page(page, **link))
        assert "Resume" not in labels(open_page(page, token=STRANGER, **link))


def test_a_job_on_a_file_of_somebody_else_is_looked_at_and_not_trained_again(tmp_path):
    recipe = GDP.but(checkpoint="sha256:" + "0" * 64 + "#secret.th")
    job = known(tmp_path, recipe=recipe, owner="other")
    app = open_page("5_Gates", **GDP.to_query(), job=job.id)  # a link with another recipe, which opens
    next(button for button in app.button if button.label == "Train with this seed too").click().run()
    assert "secret.th, which you have not given here" in app.warning[0].value
    assert jobs.workers().jobs("job") == [job]
