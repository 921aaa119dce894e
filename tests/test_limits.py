"""What a server lets its visitors take: told on the page, held in the queue and where it runs."""

import pickle
import time
import zipfile

import numpy as np
import pytest

from pruning import Recipe
from pruning.jobs import Event, Outcome
from pruning.jobs.upkeep import Upkeep
from pruning.jobs.worker_process import outcome_of
from pruning.limits import Limits
from pruning.progress import silent
from pruning.runs import Comparison
from pruning.ui import jobs
from tests import errands
from tests.page_door import OWNER, open_page, said

PLAIN = Recipe(criterion="l1", data="digits", threads=1, epochs=4)


def button(app, label: str):
    return next(one for one in app.button if one.label == label)


# ---------------------------------------------------------------------------------------- what is asked for


@pytest.mark.parametrize("form", ["npz", "zip", "folder"])
def test_the_images_of_a_given_data_set_are_counted_without_reading_them(form, tmp_path):
    place = tmp_path / f"given.{form}"
    if form == "npz":
        images, labels = np.zeros((10, 4, 4, 3), np.uint8), np.zeros(10, int)
        parts = {"x_train": images[:7], "x_test": images[7:], "y_train": labels[:7], "y_test": labels[7:]}
        np.savez(place, **parts)
    elif form == "zip":
        with zipfile.ZipFile(place, "w") as file:
            [file.writestr(f"class/{number}.PNG", b"") for number in range(10)]
    else:
        (place / "class").mkdir(parents=True)
        [(place / "class" / f"{number}.jpg").touch() for number in range(10)]
    recipe = PLAIN.but(data=str(place), checkpoint="none", calibration=5)
    assert Limits(images=10).refusal(recipe) == ""
    told = Limits(images=9).refusal(recipe)
    assert "10 images" in told and "at most 9" in told and told.count(". ") == 0


def test_of_a_folder_as_pascal_voc_has_it_those_are_counted_that_are_used(tmp_path):
    lists = {"train": "a\nb\n", "val": "c\n"}
    for part, names in lists.items():
        write(tmp_path / "set" / "ImageSets" / "Segmentation" / f"{part}.txt", names.encode())
    for name in "abcdefg":  # most of VOC's pictures have no mask
        write(tmp_path / "set" / "JPEGImages" / f"{name}.jpg")
    for name in "abc":
        write(tmp_path / "set" / "SegmentationClass" / f"{name}.png")
    recipe = PLAIN.but(data=str(tmp_path / "set"), checkpoint="none", calibration=2)
    assert Limits(images=3).refusal(recipe) == "" and "3 images" in Limits(images=2).refusal(recipe)


def write(place, content: bytes = b""):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def test_a_file_of_data_is_too_large_by_its_size_and_by_what_it_takes_in_memory(tmp_path):
    images, labels = np.zeros((4, 256, 256, 3), np.uint8), np.arange(4) % 2
    np.savez(tmp_path / "a.npz", x_train=images, x_test=images, y_train=labels, y_test=labels)
    recipe = PLAIN.but(data=str(tmp_path / "a.npz"), checkpoint="none")  # seen by its network at 32 pixels
    assert Limits(file=2, data=1).refusal(recipe) == ""
    told = Limits(file=1).refusal(recipe)
    assert "a.npz has 2 MB" in told and "at most 1 MB" in told
    told = Limits(data=1).refusal(recipe.but(model="torchvision:resnet18", size=256))
    assert "2 MiB" in told and "at most 1 MiB" in told


def test_a_run_and_a_comparison_beyond_the_limits_are_refused_where_they_run(monkeypatch):
    monkeypatch.setenv("PRUNING_LIMIT_EPOCHS", "3")
    monkeypatch.setenv("PRUNING_LIMIT_RUNS", "4")
    long = Comparison(criteria=("l1",), controls="none", epochs=(1, 4))
    wide = Comparison(criteria=("l1",), controls="none", seeds=tuple(range(5)))
    for asked, told in ((PLAIN, "at most 3"), (long, "at most 3"), (wide, "at most 4")):
        call = pickle.dumps((errands.count, (asked,)))
        outcome = outcome_of(call, silent, trains=True)
        assert outcome.status == "failed" and told in outcome.error and not outcome.fault
    looked_at = outcome_of(pickle.dumps((errands.looked_at, (PLAIN,))), silent)
    assert looked_at.status == "done"  # a page may be opened with it


@pytest.mark.parametrize("text", ["soon", "-1", "0", "nan"])
def test_what_is_no_limit_is_refused(text, monkeypatch):
    monkeypatch.setenv("PRUNING_LIMIT_AWAY", text)
    with pytest.raises(ValueError, match=f"PRUNING_LIMIT_AWAY is .*{text}.*; give a number"):
        Limits.from_environment()


# ------------------------------------------------------------------------------------------- on the page


def test_the_page_says_what_is_too_much_before_it_is_started(workers, monkeypatch):
    monkeypatch.setattr(jobs, "limits", lambda: Limits(epochs=3))
    app = open_page("2_Prune", **PLAIN.to_query())
    assert button(app, "Prune and fine-tune").disabled and "at most 3" in said(app)
    app = open_page("2_Prune", **PLAIN.but(epochs=3).to_query())
    assert not button(app, "Prune and fine-tune").disabled and "at most" not in said(app)


def test_a_full_queue_takes_no_more_and_says_so(workers):
    workers.limits = Limits(jobs=1, waiting=2)
    app = open_page("2_Prune", **PLAIN.to_query())
    button(app, "Prune and fine-tune").click().run()
    app = open_page("2_Prune", **PLAIN.to_query())
    button(app, "Prune and fine-tune").click().run()
    assert "You have 1 job that wait" in app.warning[0].value and len(workers.jobs("job")) == 1
    workers.submit("measurement", errands.count, 1, owner="another")
    other = open_page("2_Prune", token="of-a-third", **PLAIN.to_query())
    button(other, "Prune and fine-tune").click().run()
    assert "2 jobs wait already" in other.warning[0].value and len(workers.jobs("job")) == 1
    workers.submit("preview", errands.count, 1)  # what a page wants for itself is not among them


# ------------------------------------------------------------------------------------ which jobs have to end


@pytest.mark.parametrize("limits", [Limits(minutes=1), Limits(away=1)], ids=["too long", "left"])
def test_a_job_that_works_too_long_or_whose_visitor_left_is_ended(limits, workers):
    upkeep = Upkeep(workers, limits, away=lambda owner: 61.0 if owner == OWNER else 59.0)
    mine, other = (workers.submit("job", errands.count, 1, owner=owner) for owner in (OWNER, "other"))
    for job, seconds in ((mine, 61), (other, 59)):
        job.began, job.since = Event("began", 0, 1, {"worker": "inline"}, 0.0), time.monotonic() - seconds
        job.wound_down = True
    upkeep.look()
    assert mine.status == "failed" and "60 s" in mine.error and other.status == "running"
    other.settle(Outcome("cancelled"))
