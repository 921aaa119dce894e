"""What is tested stays apart from what was trained on, is the same under every seed, and is of the size that
the weights were trained at."""

import shutil

import numpy as np
import pytest
import torch

import pruning
from pruning.data.domains import asked_by
from pruning.experiment.loading import image_size, load
from pruning.models import write_checkpoint
from pruning.models.build import new_model
from pruning.models.checkpoint import recorded_size
from pruning.runs.verdicts import TERMS, Verdicts
from pruning.tasks import DEFAULT, PIXELWISE, TRANSLATED
from pruning.train import train_network
from tests.small_data import write_folders


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Class folders in one part, whose pictures a label map names."""
    place = write_folders(tmp_path_factory.mktemp("data") / "set", parts=False)
    (place / "classes.txt").write_text("digit 0\ndigit 1\ndigit 2\n")
    return place


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("weights") / "w.safetensors"
    return train_network("resnet20", str(folder), epochs=1, size=16, seed=3, threads=1, out=out)


def test_every_seed_tests_on_the_same_images_and_trains_on_none_of_them(folder, trained):
    recipe = pruning.Recipe(model="resnet20", data=str(folder), checkpoint=str(trained.path), threads=1)
    parts = [load(recipe.but(seed=seed)) for seed in (0, 1)]
    assert [one.data.digest for one in parts] == [parts[0].data.digest] * 2
    told = parts[0].model.origin
    assert told.trained_on == ("set", "16", parts[0].data.digest)  # under another seed still
    assert not any("dealt out" in message for one in parts for message in one.messages)


def test_weights_of_other_parts_of_the_same_data_are_told(folder, trained, tmp_path):
    other = shutil.copytree(folder, tmp_path / "set")
    next(other.rglob("*.png")).unlink()
    found = load(pruning.Recipe(model="resnet20", data=str(other), checkpoint=str(trained.path), threads=1))
    assert any("set is not as it was when these weights were trained" in told for told in found.messages)


def test_weights_bring_the_size_that_they_were_trained_at(folder, trained):
    recipe = pruning.Recipe(model="resnet20", data=str(folder), checkpoint=str(trained.path), threads=1)
    found = load(recipe)
    assert image_size(recipe) == found.data.size == found.recipe.size == 16
    assert any("trained on images of 16 pixels" in told for told in found.messages)
    asked = load(recipe.but(size=32))
    assert asked.data.size == asked.recipe.size == 32 and not asked.model.origin.messages


@pytest.mark.parametrize(
    "told", ["", "0", "7", "8193", "-16", "16.0", "1_6", "²", "sixteen", "1" * 5000, " 16"]
)
def test_a_size_that_no_images_have_is_not_believed(told, tmp_path):
    assert recorded_size({"size": told}) is None and recorded_size({"size": "16"}) == 16
    file = write_checkpoint(tmp_path / "w.safetensors", new_model("resnet20", 3).state_dict(), {"size": told})
    assert pruning.load_model("resnet20", checkpoint=file, classes=3).origin.size == 32


def test_a_judge_of_domains_sees_pictures_at_the_size_it_was_trained_at(folder, trained, tmp_path):
    place = shutil.copytree(folder, tmp_path / "set")
    shutil.copy(trained.path, place / "judge.safetensors")
    data = pruning.load_data(place, size=32, task="translation")
    assert data.task.name == TRANSLATED.name and data.task._load().origin.size == 16
    assert asked_by(data, DEFAULT).task is DEFAULT


def test_an_unknown_task_is_refused_with_those_there_are(folder):
    with pytest.raises(ValueError, match="there is no task 'colouring'; there is: .*segmentation"):
        pruning.load_data(folder, task="colouring")


def results(seed: int, labels: np.ndarray, right: float) -> dict[str, np.ndarray]:
    """Predictions of which this share is right."""
    wrong = np.random.default_rng(seed).random(len(labels)) >= right
    return {"labels": labels, "repaired_classes": np.where(wrong, labels + 1, labels)}


def test_results_on_different_images_are_not_judged_beside_each_other():
    row = dict.fromkeys(TERMS, "same") | {"control": ""}
    same, other = np.arange(60) % 3, np.arange(60) // 20
    verdicts = Verdicts()
    for criterion, right in (("l1", 0.9), ("random", 0.3)):
        for seed, labels in enumerate((same, same, same)):
            verdicts.add(
                row | {"criterion": criterion, "seed": seed}, "classification", results(seed, labels, right)
            )
    assert "l1 leads random" in " ".join(verdicts.sentences())
    verdicts.add(row | {"criterion": "l1", "seed": 3}, "classification", results(3, other, 0.9))
    assert not verdicts.families()
    assert verdicts.sentences() == [
        "these results were tested on different images, so they are not compared with one another."
    ]


def test_pixels_that_do_not_count_agree_with_nothing():
    labels = np.array([[[0, 1], [255, 255]]], np.uint8)
    first = torch.tensor([[[[9.0, 0], [9, 9]], [[0, 9.0], [0, 0]]]])
    second = torch.tensor([[[[9.0, 9], [0, 0]], [[0, 0.0], [9, 9]]]])  # differs in one of the two that count
    stages = {
        name: PIXELWISE.statistics(answer, torch.from_numpy(labels))
        for name, answer in (("baseline", first), ("cut", second))
    }
    assert PIXELWISE.details(stages, labels, ["a", "b"])["agreement"] == 0.5
