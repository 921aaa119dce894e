"""The wall: what ships is what the network says, and others are computed the same way."""

import numpy as np
import pytest

from pruning.experiment import Recipe, run
from pruning.experiment.preview import loaded
from pruning.wall import ASSET, COUNTED, PICTURES, SHIPPED, picture_rows, shipped_recipe, wall
from tests.front_door import forked


@pytest.fixture(scope="module")
def shipped():
    with np.load(ASSET, allow_pickle=False) as arrays:
        return dict(arrays)


def test_the_shipped_wall_is_small_and_whole(shipped):
    assert ASSET.stat().st_size < 2**20
    criteria, _, cuts, pictures = shipped["predictions"].shape
    assert (criteria, pictures) == (len(SHIPPED), PICTURES) and shipped["images"].shape == (60, 32, 32, 3)
    assert cuts == len(shipped["cuts"]) >= 17 and np.allclose(np.diff(shipped["cuts"]), 0.05)
    assert shipped["correct"].shape == (criteria, 2, cuts) and shipped["test_images"] == 500
    assert np.bincount(shipped["labels"]).tolist() == [6] * 10


def place(shipped, cut: float) -> int:
    return int(np.flatnonzero(np.isclose(shipped["cuts"], cut))[0])


def test_some_of_the_shipped_predictions_are_made_anew(shipped):
    again = wall(shipped_recipe("l1"), [0.0, 0.5])
    assert str(shipped["weights_digest"]) == again.weights_digest
    assert np.array_equal(shipped["images"], again.images) and np.array_equal(shipped["labels"], again.labels)
    places = [place(shipped, cut) for cut in again.cuts]
    assert len(places) == 2
    expected = shipped["predictions"][SHIPPED.index("l1")][:, places]
    assert (expected == again.predictions).mean() >= 0.99  # threads and processors change the last digits
    assert np.array_equal(again.predictions[0, 0], again.predictions[1, 0])  # nothing cut, nothing to repair


def test_the_shipped_wall_is_what_the_command_line_says(shipped, tmp_path):
    how = (
        "--criterion",
        "reconstruction",
        "--allocation",
        "error",
        "--repair",
        "reconstruct",
        "--threads",
        "1",
    )
    done = forked("run", *how, "--cut", "0.5", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    first, half = SHIPPED.index("reconstruction"), place(shipped, 0.5)
    with np.load(tmp_path / "out" / "predictions.npz") as said:
        labels, rows = said["labels"], picture_rows(said["labels"], 10)
        for state, stage in enumerate(("cut_classes", "repaired_classes")):
            shown = shipped["predictions"][first][state, half]
            assert (shown == said[stage][rows]).mean() >= 0.98  # processors change the last digits
            right = int((said[stage] == labels)[:COUNTED].sum())
            assert abs(right - shipped["correct"][first][state, half]) <= 3


def test_a_wall_counts_as_a_run_does():
    recipe = Recipe(
        data="digits", criterion="l1", allocation="error", repair="reconstruct", calibration=60, threads=1
    )
    report = run(recipe).report
    found = wall(recipe, [0.5], count=report["test_images"])
    assert found.correct[:, 0].tolist() == [report["correct"][stage] for stage in ("cut", "repaired")]


def test_half_the_work_gone_is_a_show(shipped):
    """What the first screen is for: many pictures wrong, and nearly all of them right again once repaired."""
    row = shipped["predictions"][SHIPPED.index("reconstruction")]
    right = (row == shipped["labels"]).sum(axis=2)
    half = place(shipped, 0.5)
    assert right[0, 0] >= 52 and right[0, half] < 40 < 52 <= right[1, half]


def test_cuts_out_of_reach_are_left_out():
    recipe = Recipe(data="digits", threads=1)
    found = wall(recipe, [0.5, 0.99])
    assert found.cuts.tolist() == [0.5] and found.predictions.shape == (2, 1, 60)
    assert (found.predictions == found.labels).sum(axis=2).tolist() == found.correct.tolist()
    none = wall(recipe, [0.99])
    assert none.predictions.shape == (2, 0, 60) and none.correct.shape == (2, 0)


def test_pictures_are_balanced_and_always_the_same():
    labels = np.random.default_rng(0).integers(0, 7, 500)
    rows = picture_rows(labels, 7)
    assert len(set(rows.tolist())) == 60 and np.bincount(labels[rows]).min() >= 8
    assert np.array_equal(rows, picture_rows(labels, 7))
    assert sorted(picture_rows(np.arange(20) % 3, 3)) == list(range(20))  # fewer than 60 images: all of them


def test_the_pictures_are_test_images():
    data = loaded(Recipe(data="digits", threads=1)).data
    rows = picture_rows(data.test.labels, 10)
    assert len(rows) == 60 and rows.max() < len(data.test)
