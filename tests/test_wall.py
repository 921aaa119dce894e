"""The wall: what ships is what the network says, and others are computed the same way."""

import numpy as np
import pytest

from pruning.experiment import Recipe
from pruning.experiment.preview import loaded
from pruning.wall import ASSET, PICTURES, SHIPPED, picture_rows, wall


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


@pytest.mark.parametrize("name", ["l1", "di"])
def test_some_of_the_shipped_predictions_are_made_anew(shipped, name):
    again = wall(Recipe(criterion=name, threads=1), [0.0, 0.5])
    assert str(shipped["weights_digest"]) == again.weights_digest
    assert np.array_equal(shipped["images"], again.images) and np.array_equal(shipped["labels"], again.labels)
    places = [int(np.flatnonzero(np.isclose(shipped["cuts"], cut))[0]) for cut in again.cuts]
    assert len(places) == 2
    expected = shipped["predictions"][SHIPPED.index(name)][:, places]
    assert (expected == again.predictions).mean() >= 0.99  # threads and processors change the last digits
    assert np.array_equal(again.predictions[0, 0], again.predictions[1, 0])  # nothing cut, nothing to repair


def test_half_the_work_gone_is_a_show(shipped):
    """What the first screen is for: most pictures wrong, and most of them right again after the repair."""
    row = shipped["predictions"][SHIPPED.index("l1")]
    half = int(np.flatnonzero(np.isclose(shipped["cuts"], 0.5))[0])
    right = (row == shipped["labels"]).sum(axis=2)
    assert right[0, 0] >= 52 and right[0, half] < 30 < 40 < right[1, half]


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
