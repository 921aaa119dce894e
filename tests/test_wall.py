"""The wall: what is shown is what the network says; shipped ones and others are computed the same way."""

import numpy as np

from pruning.data import Split
from pruning.experiment import Recipe, run
from pruning.experiment.loaded_networks import loaded
from pruning.tasks import DEFAULT, PIXELWISE
from pruning.wall import picture_rows, wall
from tests.front_door import forked
from tests.shipped_walls import shipped_wall


def split_of(labels, task=DEFAULT) -> Split:
    """Images without content."""
    return Split(np.zeros((len(labels), 1, 1, 3), np.uint8), labels, task)


def test_the_shipped_wall_is_what_the_command_line_says(tmp_path):
    how = ("--data", "digits", "--criterion", "reconstruction", "--allocation", "error", "--threads", "1")
    how += ("--repair", "reconstruct", "--device", "cpu", "--cut", "0.5", "--out", tmp_path / "out")
    done = forked("run", *how)
    assert done.returncode == 0, done.stderr
    shipped = shipped_wall(Recipe(data="digits"))
    half = shipped.cuts.index(0.5)
    with np.load(tmp_path / "out" / "predictions.npz") as said:
        labels = said["labels"]
        rows = picture_rows(split_of(labels), 10)
        for state, stage in enumerate(("cut_classes", "repaired_classes")):
            shown = shipped.predictions[state][half]
            assert (shown == said[stage][rows]).mean() >= 0.98  # processors change the last digits
            right = int((said[stage] == labels).sum())
            assert abs(right - shipped.values[state][half] * len(labels)) <= 3.5
            assert shipped.asked == len(labels)


def test_a_wall_counts_as_a_run_does():
    recipe = Recipe(
        data="digits", criterion="l1", allocation="error", repair="reconstruct", calibration=60, threads=1
    )
    report = run(recipe).report
    found = wall(recipe, [0.5], True)
    assert found.test_images == report["test_images"]
    assert found.values[:, 0].tolist() == [report["values"][stage] for stage in ("cut", "repaired")]


def test_half_the_work_gone_is_a_show():
    """What the first screen is for: many pictures wrong, and nearly all of them right again once repaired.
    The full network has as many test images right as it says everywhere."""
    told = shipped_wall(Recipe())
    half = told.cuts.index(0.5)
    right = [[(said[k] == told.truth).sum() for k in (0, half)] for said in told.predictions]
    assert right[0][0] >= 52 and right[0][1] < 40 < 52 <= right[1][1]
    assert (told.values[0][0], told.asked) == (0.944, 2000)
    assert np.bincount(told.truth).tolist() == [6] * 10


def test_cuts_out_of_reach_are_left_out():
    recipe = Recipe(data="digits", threads=1)
    found = wall(recipe, [0.5, 0.99])
    assert found.cuts.tolist() == [0.5] and found.predictions.shape == (2, 1, 60)
    assert (found.right == (found.predictions == found.labels)).all()
    assert found.right.mean(axis=2).tolist() == found.values.tolist()
    none = wall(recipe, [0.99])
    assert none.predictions.shape == (2, 0, 60) and none.values.shape == (2, 0)


def test_pictures_are_balanced_and_always_the_same():
    labels = np.random.default_rng(0).integers(0, 7, 500)
    rows = picture_rows(split_of(labels), 7)
    assert len(set(rows.tolist())) == 60 and np.bincount(labels[rows]).min() >= 8
    assert np.array_equal(rows, picture_rows(split_of(labels), 7))
    few = split_of(np.arange(20) % 3)  # fewer than 60 images: all of them
    assert sorted(picture_rows(few, 3)) == list(range(20))


def test_the_pictures_are_test_images():
    data = loaded(Recipe(data="digits", threads=1)).data
    rows = picture_rows(data.test, 10)
    assert len(rows) == 60 and rows.max() < len(data.test)


def test_pictures_with_masks_come_as_they_are_but_every_class_is_seen():
    masks = np.zeros((300, 4, 4), np.uint8)
    masks[7, 0, 0], masks[8, 3, 3] = 1, 2  # each seen in one picture alone
    rows = picture_rows(split_of(masks, PIXELWISE), 4)
    assert len(set(rows.tolist())) == 60 and {7, 8} < set(rows.tolist())
    assert np.array_equal(rows, picture_rows(split_of(masks, PIXELWISE), 4))
