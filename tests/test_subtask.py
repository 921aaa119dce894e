"""A subtask: data, network, scores and report narrowed to some of the classes."""

import json

import numpy as np
import pytest
import torch

import pruning
from pruning.experiment import Recipe, run
from pruning.experiment.loading import load
from pruning.surgery import cut, narrowed
from tests.front_door import forked

RECIPE = Recipe(
    data="digits", subtask=(3, 5, 8), criterion="catro", repair="recalibrate", calibration=90, threads=1
)


@pytest.fixture(scope="module")
def result():
    torch.set_num_threads(1)
    return run(RECIPE)


def test_everything_is_about_the_chosen_classes(result):
    whole, data = pruning.load_model("resnet20", "digits"), pruning.load_data("digits")
    chosen = np.isin(data.test.labels, RECIPE.subtask)
    report = result.report
    assert report["classes"] == ["3", "5", "8"] and report["test_images"] == chosen.sum()
    assert set(result.predictions["labels"]) == {0, 1, 2} and result.model.linear.out_features == 3
    with torch.no_grad():
        inputs = pruning.data.to_tensor(data.test.images[chosen], whole.origin.normalization)
        said = whole(inputs)[:, [3, 5, 8]].argmax(1).numpy()
    assert np.array_equal(said, result.predictions["baseline_classes"])
    assert result.plan.changes == ({"kind": "classes", "layer": "linear", "kept": [3, 5, 8], "of": 10},)


def test_the_saved_network_loads_by_its_name_and_from_ones_own(result, tmp_path):
    result.save(tmp_path)
    inputs, own = torch.rand(4, 3, 32, 32), pruning.load_model("resnet20", "digits", "none")
    by_name, from_own = pruning.load(tmp_path), pruning.load(tmp_path, model=own)
    assert torch.equal(by_name(inputs), from_own(inputs)) and by_name(inputs).shape == (4, 3)


def test_only_images_of_the_classes_are_calibrated_on():
    loaded = load(RECIPE)
    assert len(loaded.data.train) + len(loaded.data.holdout) + len(loaded.data.test) < 600
    other = pruning.score(loaded.graph, "catro", loaded.data, calibration=90)
    whole = load(RECIPE.but(subtask=()))
    everything = pruning.score(whole.graph, "catro", whole.data, calibration=90)
    assert other.keys() == everything.keys()
    assert any(np.argsort(other[name]).tolist() != np.argsort(everything[name]).tolist() for name in other)


@pytest.mark.parametrize(
    "name", ["squeezenet1_1", "mobilenet_v2"]
)  # a convolution answers; a dropout before it
def test_the_classifier_is_found_in_networks_of_others(name):
    model = pruning.load_model(f"torchvision:{name}", "scenes", "none", classes=10, size=64)
    inputs = torch.rand(2, 3, 64, 64)
    small, change = narrowed(model, (0, 9), inputs)
    assert change["of"] == 10 and torch.allclose(small(inputs), model(inputs)[:, [0, 9]], atol=1e-6)


def test_a_network_whose_answers_hang_together_is_one_sentence():
    model = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Softmax(1))  # a class less changes the others
    with pytest.raises(ValueError, match="cannot be narrowed to a subtask"):
        narrowed(model, (0, 1), torch.rand(1, 6))


def test_a_plan_of_a_subtask_refuses_a_network_with_too_few_classes(result):
    with pytest.raises(ValueError, match="which has others|another network"):
        cut(pruning.load_model("resnet20", "digits", "none", classes=5), result.plan)


@pytest.mark.parametrize(
    "classes, told",
    [
        (["3"], "one class only"),
        (["3", "12"], "digits has no class 12; give class numbers from 0 to 9"),
        (["3", "x"], "give a whole number"),
        (["3", "-1"], "give whole numbers"),
    ],
)
def test_a_class_that_is_not_there_is_one_sentence(classes, told, tmp_path):
    done = forked("run", "--data", "digits", "--subtask", *classes, "--out", tmp_path / "out")
    assert done.returncode == 2 and told in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_subtask_travels_by_link_and_by_json():
    recipe = Recipe(subtask=[8, 3, 5, 3], bits=4, distill=True, epochs=1)
    assert recipe.subtask == (3, 5, 8) and recipe.to_query()["subtask"] == "3,5,8"
    assert Recipe.from_query(recipe.to_query()) == recipe == Recipe.from_json(json.dumps(recipe.to_dict()))
