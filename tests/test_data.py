"""The listed data sets, and which of their images are looked at."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import pruning
from pruning.data import DATA, calibration_images, normalization_of, to_tensor
from pruning.data.glyphs import load_glyphs
from pruning.data.scene_drawing import DOMAINS
from pruning.models import CIFAR10, IMAGENET, load_model
from pruning.tasks import PIXELWISE
from tests.small_data import arrays

OFFLINE = [name for name, known in DATA.items() if known.offline]


@pytest.mark.parametrize("name", OFFLINE)
def test_every_listed_data_set_has_three_parts_of_square_images(name):
    data = pruning.load_data(name)
    assert (data.name, data.size, data.messages) == (
        name,
        32,
        (),
    )  # scenes: no message that its digest differs
    for part in (data.train, data.holdout, data.test):
        assert part.images.shape == (len(part), 32, 32, 3) and part.images.dtype == np.uint8
        assert part.labels.dtype == (np.uint8 if data.task is PIXELWISE else np.int64)
        assert np.unique(part.labels).tolist() == list(range(len(data.classes)))


@pytest.mark.parametrize("name", OFFLINE)
def test_the_holdout_is_a_tenth_of_every_class_and_in_no_other_part(name):
    data = pruning.load_data(name)
    parts = (data.holdout, data.train)  # where every pixel has a class, all images are of one
    held, kept = (
        np.array([len(part)])
        if part.classes is None
        else np.bincount(part.labels.T[0] if part.labels.ndim > 1 else part.labels)
        for part in parts
    )
    assert np.abs(held - 0.1 * (held + kept)).max() <= 0.5  # rounded to whole images
    seen = {image.tobytes() for image in data.train.images}
    assert not any(image.tobytes() in seen for image in data.holdout.images)


def test_listed_data_is_named_in_this_order():
    listed = "scenes scenes_masks scenes_colours digits cifar10 cifar100 voc2012 voc2012_sbd celeba"
    assert pruning.data.names() == tuple(listed.split())


def test_the_glyphs_are_those_of_scikit_learn():
    images, labels = load_glyphs()
    theirs = load_digits()
    assert images.dtype == np.float64 and (images == theirs.images).all()
    assert labels.dtype == np.int64 and (labels == theirs.target).all()


def test_digits_has_a_fifth_as_test_part():
    data = pruning.load_data("digits")
    assert len(data.train) + len(data.holdout) == 1438 and len(data.test) == 359 and not data.flips


def test_scenes_says_what_is_in_each_pixel_and_which_colour_the_digit_has():
    data = pruning.load_data("scenes")
    assert len(data.train) + len(data.holdout) == 12_000 and len(data.test) == 2_000
    for name in ("train", "holdout", "test"):
        part, pixels, domain = getattr(data, name), data.extras["pixels"][name], data.extras["domain"][name]
        assert pixels.shape == part.images.shape[:3] and pixels.max() == len(data.classes)
        shown = [(pixels == label + 1).sum((1, 2)) for label in range(10)]
        own = np.stack(shown)[part.labels, np.arange(len(part))]
        assert np.median(own) > 100 and (own > 20).mean() > 0.99  # the class is what is drawn largest
        assert (np.argmax(shown, 0) == part.labels).mean() > 0.98
        assert set(domain) == set(range(len(DOMAINS)))


def test_the_colour_domain_is_the_digits_colour():
    data = pruning.load_data("scenes")
    images, pixels = data.test.images, data.extras["pixels"]["test"]
    own = pixels == data.test.labels[:, None, None] + 1
    strength = np.stack([(images[..., c] * own).sum((1, 2)) / own.sum((1, 2)).clip(1) for c in range(3)])
    strongest = np.array([0, 0, 1, 1, 2, 2])[
        data.extras["domain"]["test"]
    ]  # of yellow, cyan, magenta: either one
    either = np.array([0, 1, 1, 2, 2, 0])[data.extras["domain"]["test"]]
    found = strength.argmax(0)
    assert ((found == strongest) | (found == either)).mean() > 0.95


def test_loaded_data_is_shared_and_cannot_be_changed():
    data = pruning.load_data("digits")
    assert pruning.load_data("digits") is data
    with pytest.raises(ValueError, match="read-only"):
        data.train.images[0, 0, 0, 0] = 1


# ------------------------------------------------------------------------------------- calibration images


@pytest.mark.parametrize("n", [10, 250, 1000])
def test_calibration_images_are_balanced_training_images_mixed_by_the_seed(n):
    data = pruning.load_data("digits")
    chosen = calibration_images(data, n, seed=3)
    counts = np.bincount(chosen.split.labels)
    assert len(chosen) == n and counts.max() - counts.min() <= 1 and not chosen.messages
    assert len(set(chosen.rows)) == n
    assert np.array_equal(chosen.split.images, data.train.images[chosen.rows])
    assert np.array_equal(calibration_images(data, n, seed=3).rows, chosen.rows)
    assert not np.array_equal(calibration_images(data, n, seed=4).rows, chosen.rows)


def test_with_fewer_images_than_asked_for_all_are_used_and_it_is_said():
    data = pruning.load_data("digits")
    chosen = calibration_images(data, 5000, seed=0)
    assert len(chosen) == len(data.train) and "5,000 calibration images were asked for" in chosen.messages[0]


def test_a_small_class_gives_what_it_has(tmp_path):
    made = arrays(train=20)
    keep = (made["y_train"] != 4) | (np.arange(200) % 20 < 4)  # four of class 4
    np.savez(
        tmp_path / "d.npz", **made | {"x_train": made["x_train"][keep], "y_train": made["y_train"][keep]}
    )
    chosen = calibration_images(pruning.load_data(tmp_path / "d.npz"), 100, seed=0)
    counts = np.bincount(chosen.split.labels)
    assert len(chosen) == 100 and counts[4] == 3 and set(np.delete(counts, 4)) == {10, 11}
    assert "not balanced: 3 to 11" in chosen.messages[0]


def test_calibration_images_of_some_classes():
    chosen = calibration_images(pruning.load_data("digits"), 30, seed=0, classes=[2, 5, 7])
    assert np.bincount(chosen.split.labels).tolist() == [0, 0, 10, 0, 0, 10, 0, 10]
    with pytest.raises(ValueError, match="class numbers from 0 to 9"):
        calibration_images(pruning.load_data("digits"), 30, seed=0, classes=[12])


def test_images_reach_a_network_normalised():
    images = pruning.load_data("scenes").test.images[:3]
    expected = (images / 255 - CIFAR10.mean) / CIFAR10.std
    assert np.allclose(
        to_tensor(images, CIFAR10).numpy().transpose(0, 2, 3, 1), expected, atol=1e-6
    )  # float32


def test_given_tensors_are_taken_as_normalised():
    images, labels = torch.randn(6, 3, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2])
    data = pruning.load_data((images, labels))
    assert torch.equal(to_tensor(data.train.images, CIFAR10), images) and len(data.classes) == 3
    with pytest.raises(ValueError, match=r"floats \[N, C, H, W\]"):
        pruning.load_data((images[0], labels))


def test_a_network_of_ones_own_takes_the_normalisation_given_with_the_data():
    mine, known = torch.nn.Conv2d(3, 4, 3), load_model("resnet20", "digits", "none")
    assert normalization_of(mine, pruning.load_data("digits", normalize="imagenet")) == IMAGENET
    assert normalization_of(known, pruning.load_data("digits")) == CIFAR10
    with pytest.raises(ValueError, match="normalize="):
        normalization_of(mine, pruning.load_data("digits"))


def test_cifar_says_when_it_cannot_be_downloaded(monkeypatch, tmp_path):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing answers there
    monkeypatch.setenv("PRUNING_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match="cifar10 is downloaded when first used.*go online"):
        pruning.load_data("cifar10")
    assert not list(tmp_path.iterdir())
