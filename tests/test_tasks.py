"""Tasks: classification against its definitions, and another task by a file and a registry line alone."""

import ast
from dataclasses import replace

import numpy as np
import pytest
import torch

import pruning
from pruning.criteria import CRITERIA
from pruning.data import DATA, Split, to_tensor
from pruning.data.dataset import assemble
from pruning.data.registry import dataset
from pruning.tasks import DEFAULT, TASKS, Metric, Task, register
from pruning.train import evaluate
from tests.front_door import REPOSITORY
from tests.test_imports import SOURCES, imported, place

FILES = {path.stem for path in (REPOSITORY / "pruning" / "tasks").glob("[a-z]*.py")} - {
    "contract",
    "resampling",
}


def test_loss_is_the_mean_cross_entropy():
    outputs, labels = torch.randn(5, 4, dtype=torch.float64), torch.tensor([0, 3, 1, 1, 2])
    by_hand = -np.log(
        [torch.softmax(row, 0)[label] for row, label in zip(outputs, labels, strict=True)]
    ).mean()
    assert abs(float(DEFAULT.loss(outputs, labels)) - by_hand) < 1e-12  # float64


def test_predictions_are_the_likeliest_class_and_its_probability():
    outputs = torch.log(torch.tensor([[0.2, 0.7, 0.1], [0.5, 0.1, 0.4]]))
    said = DEFAULT.statistics(outputs, torch.tensor([1, 2]))
    classes, probabilities = said["classes"], said["probabilities"]
    assert classes.tolist() == [1, 0] and classes.dtype == np.int64
    assert np.allclose(probabilities, [0.7, 0.5]) and probabilities.dtype == np.float32
    assert DEFAULT.value(said, np.array([1, 2])) == 0.5 and DEFAULT.metric.in_words(0.5) == "50.0 %"
    assert TASKS["classification"] is DEFAULT and DEFAULT.metric.name == "accuracy"


# ------------------------------------------------------------ another task: one file and a registry line

COUNTED = 24  # images a part


class Brightness(Task):
    """Regression of one number, the mean brightness of an image. Outputs [N, 1], labels float32 [N]."""

    name = "brightness"
    metric = Metric("mean absolute error", "lower", "of full brightness")

    def outputs(self, classes):
        return 1

    def loss(self, outputs, targets):
        return self.losses(outputs, targets).mean()

    def losses(self, outputs, targets):
        return (outputs[:, 0] - targets).square()

    def divergence(self, outputs, reference, temperature=1.0):
        return (outputs - reference).square().mean()

    def statistics(self, outputs, targets):
        return {"estimates": outputs[:, 0].cpu().numpy()}

    def value(self, statistics, labels):
        return float(np.abs(statistics["estimates"] - labels).mean())

    def drawn(self, statistics, classes):
        return [f"{estimate:.3f}" for estimate in statistics["estimates"]]


class JudgedBrightness(Brightness):
    """The same, seen through a network that the data give to their task."""

    name = "judged brightness"

    def __init__(self, judge):
        self.judge = judge

    def statistics(self, outputs, targets):
        return {"estimates": self.judge(outputs)[:, 0].cpu().numpy()}


@pytest.fixture(scope="module", autouse=True)
def bright():
    """The task and its data set, listed for these tests; then as if they had never been."""
    task = register(Brightness())

    @dataset("bright", meaning="Noise, brighter and darker.", offline=True)
    def bright_images():
        random, parts = np.random.default_rng(0), []
        for _ in ("train", "test"):
            levels = random.uniform(0.2, 0.8, (6 * COUNTED, 1, 1, 1))
            noise = random.normal(0, 0.05, (6 * COUNTED, 16, 16, 3))
            images = (255 * np.clip(levels + noise, 0, 1)).astype(np.uint8)
            parts.append(Split(images, images.mean((1, 2, 3), dtype=np.float32) / 255, task))
        return assemble("bright", *parts, ())

    yield task
    del TASKS[task.name], DATA["bright"]


@pytest.fixture(scope="module")
def result():
    recipe = pruning.Recipe(
        model="resnet20", data="bright", checkpoint="none", criterion="taylor", allocation="error",
        size=16, repair="match", match_steps=3, epochs=2, lr=0.01, calibration=40, cut=0.3, threads=1,
    )  # fmt: skip
    return pruning.run(recipe)


def test_another_task_is_planned_repaired_fine_tuned_and_reported(result):
    report, stages = result.report, ("baseline", "cut", "repaired", "tuned")
    assert report["task"] == "brightness" and report["metric"]["direction"] == "lower"
    labels = result.predictions["labels"]
    for stage in stages:
        by_hand = np.abs(result.predictions[f"{stage}_estimates"] - labels).mean()
        assert report["values"][stage] == pytest.approx(by_hand, rel=1e-5), stage
    assert report["values"]["tuned"] <= report["values"]["repaired"]  # what the hold-out likes best is kept
    assert report["macs"]["final"] < 0.72 * report["macs"]["baseline"] and report["expected"] is None
    assert not {"accuracy", "correct", "per_class", "flips"} & set(report)
    assert result.history[0]["holdout_mean absolute error"] > 0


def test_its_result_is_saved_and_loads_again(result, tmp_path):
    result.save(tmp_path / "bright")
    small, data = pruning.load(tmp_path / "bright"), pruning.load_data("bright", size=16)
    said = evaluate(small, data.test, normalization=small.origin.normalization)
    assert said.value == pytest.approx(result.report["values"]["tuned"], rel=1e-5)


def test_gates_and_a_search_ask_the_task_for_its_loss_and_its_divergence(result):
    asked = result.recipe.but(repair="none", epochs=1)
    gated = pruning.run(asked.but(criterion="gdp"))
    assert "mean absolute error" in gated.report["gates"]
    found = pruning.run(asked.but(criterion="l1", allocation="greedy", epochs=0, search_images=8))
    assert found.plan.path[-1].price >= 0


@pytest.mark.parametrize("name", sorted(set(CRITERIA) - {"gdp"}))
def test_a_criterion_scores_it_or_says_what_it_lacks(name):
    data = pruning.load_data("bright", size=16)
    model = pruning.load_model("resnet20", data, "none", size=16)
    graph = pruning.ChannelGraph(model, to_tensor(data.train.images[:1], model.origin.normalization))
    if CRITERIA[name].uses_labels and not CRITERIA[name].by_loss:
        with pytest.raises(ValueError, match="needs .*; "):
            pruning.score(graph, name, data, calibration=12)
    else:
        assert np.isfinite(pruning.score(graph, name, data, calibration=12)["layer1.0.conv1"]).all()


def test_what_needs_classes_is_refused_in_a_sentence(bright):
    recipe = pruning.Recipe(model="resnet20", data="bright", checkpoint="none", criterion="l1")
    with pytest.raises(ValueError, match="have no classes"):
        pruning.run(recipe.but(subtask=(1, 2)))
    with pytest.raises(ValueError, match="give by='error'|give .*bits_by"):
        pruning.run(recipe.but(bits=4, size=16))


def test_a_task_may_be_the_datas_own_and_ask_another_network():
    data = pruning.load_data("bright", size=16)
    model = pruning.load_model("resnet20", data, "none", size=16)
    test = replace(data.test, task=JudgedBrightness(lambda outputs: 2 * outputs))
    how = {"normalization": model.origin.normalization}
    twice = evaluate(model, test, **how)
    once = evaluate(model, data.test, **how)
    assert np.allclose(twice.statistics["estimates"], 2 * once.statistics["estimates"])


def test_the_interval_of_any_metric_is_about_that_of_a_mean_over_items():
    random = np.random.default_rng(1)
    labels = random.integers(3, size=400)
    a, b = ({"classes": np.where(random.random(400) < share, labels, 3)} for share in (0.8, 0.7))
    exact, general = DEFAULT.difference([a], [b], labels), Task.difference(DEFAULT, [a], [b], labels)
    assert general.mean == pytest.approx(exact.mean, abs=1e-12)
    assert (general.low, general.high) == pytest.approx((exact.low, exact.high), abs=0.02)


def test_no_module_outside_tasks_and_pages_names_a_task():
    named = []
    for path in (path for path in SOURCES if place(path) not in ("tasks", "ui")):
        inside = {name.rpartition(".")[2] for name in imported(path) if name.startswith("pruning.tasks.")}
        texts = {
            node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)
        }
        named += [(path.name, name) for name in (inside | texts) & {*TASKS, *FILES}]
    assert set(named) <= {("pascal_voc.py", "segmentation")}  # as torchvision calls a mode of SBD
