"""Distillation: what the full network teaches, where its stages end, and that the teacher stays as it was."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from torch import nn

import pruning
from pruning.criteria.di import discriminant_information
from pruning.data import Split, batch_of
from pruning.models import CIFAR10, load_model, weights_digest
from pruning.progress import Cancelled
from pruning.tasks import DEFAULT
from pruning.train import Teaching, fit
from pruning.train.distillation import Lesson, Moments, discriminant_directions, stage_ends
from tests.small_data import write_npz


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """90 training, 10 hold-out, 10 test images of handwritten digits."""
    return pruning.load_data(write_npz(tmp_path_factory.mktemp("data") / "small.npz", train=10, test=1))


@pytest.fixture(scope="module")
def teacher():
    torch.set_num_threads(1)
    return load_model("resnet20", "digits")


@pytest.fixture(scope="module")
def graph(teacher):
    return pruning.ChannelGraph(teacher, torch.zeros(1, 3, 32, 32))


@pytest.fixture(scope="module")
def narrower(teacher, graph):
    """Its stages are cut too."""
    scores = {group.name: np.arange(group.size) for group in graph.groups}
    plan = pruning.plan(graph, scores, cut=0.6, groups="all")
    assert all(plan.widths[group.name] < group.size for group in graph.groups)
    return pruning.cut(teacher, plan)


def tuned(student, small, teach=None, **changes):
    options = {"epochs": 1, "lr": 0.02, "batch_size": 30, "normalization": CIFAR10} | changes
    return fit(student, small, **options, teach=teach)


def lesson(teach, data, student) -> Lesson:
    begun = Lesson(teach, data, CIFAR10, "cpu", lambda: None)
    begun.prepare(student)
    return begun


def without_speed(rows):
    return [{name: value for name, value in row.items() if name != "images_per_second"} for row in rows]


def test_without_weights_it_is_plain_fine_tuning_to_the_last_bit(small, teacher, graph, narrower):
    plain, taught = copy.deepcopy(narrower), copy.deepcopy(narrower)
    rows = tuned(plain, small)
    silent = tuned(taught, small, Teaching(teacher, graph, logits=0, features=0))
    assert without_speed(silent) == without_speed(rows) and rows[0]["kept"]
    assert weights_digest(taught) == weights_digest(plain) != weights_digest(narrower)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_term_of_the_logits_is_the_divergence_from_the_teacher(temperature):
    student, teacher = torch.randn(2, 7, 5, generator=torch.manual_seed(0), dtype=torch.float64)
    student.requires_grad_()
    p, q = (np.exp(x.detach().numpy() / temperature) for x in (teacher, student))
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    told = temperature**2 * DEFAULT.divergence(student, teacher, temperature)
    assert told.item() == pytest.approx(temperature**2 * (p * np.log(p / q)).sum(1).mean(), rel=1e-12)
    same = DEFAULT.divergence(student, student.detach(), temperature)
    (slope,) = torch.autograd.grad(same, student)
    assert same.item() == pytest.approx(0, abs=1e-14) and slope.abs().max() < 1e-15


def test_a_student_equal_to_its_teacher_has_nothing_to_learn(small, teacher, graph):
    images, labels = batch_of(small.train, slice(50), CIFAR10)
    outputs, terms = lesson(Teaching(teacher, graph), small, teacher).hear(teacher, images, labels)
    assert torch.equal(outputs, teacher(images))
    assert terms["logits"].item() == 0 and 0 <= terms["features"].item() < 1e-6


def test_a_cut_stage_is_taught_and_learns(small, teacher, graph, narrower):
    student, teach = copy.deepcopy(narrower), Teaching(teacher, graph, logits=0, features=1)
    missed = tuned(student, small, teach, epochs=4)
    assert [set(row) & {"distill_logits", "distill_features"} for row in missed] == [{"distill_features"}] * 4
    # maps solved in evaluation mode, by norms that a raw cut left behind, would begin at 2,000
    assert 0 < missed[-1]["distill_features"] < 0.5 < missed[0]["distill_features"] < 10
    left = weights_digest(student.train())
    begun = lesson(teach, small, student)
    assert weights_digest(student) == left  # its norms' statistics are put back
    assert [stage.directions.shape for stage in begun.stages] == [(16, 9), (32, 9), (64, 9)]
    assert all(
        onto.shape[0] < len(stage.mean) for stage, (_, onto) in zip(begun.stages, begun.maps, strict=True)
    )
    assert not teach.messages


@settings(deadline=None, max_examples=20)
@given(seed=integers(0, 10_000), classes=integers(2, 5), channels=integers(5, 12))
def test_the_directions_solve_their_problem_and_hold_all_that_tells_classes_apart(seed, classes, channels):
    random = np.random.default_rng(seed)
    labels = np.arange(60) % classes
    features = random.normal(3, 1, (60, channels)) + random.normal(0, 1, (classes, channels))[labels]
    sums = Moments()
    for part in np.array_split(np.arange(60), 3):
        hot = torch.from_numpy(np.eye(classes)[labels[part]])
        sums.add(torch.from_numpy(features[part]), hot)
    mean, counts, total, by_class = sums.centred()
    between = (by_class / counts) @ by_class.T
    means = np.stack([features[labels == k].mean(0) for k in range(classes)])  # [K, C]
    about = means - features.mean(0)
    assert np.allclose(mean, features.mean(0)) and np.allclose(total, 60 * np.cov(features.T, bias=True))
    assert np.allclose(between, (about.T * np.bincount(labels)) @ about)
    found = discriminant_directions(between, total, classes - 1, rho=0.01)
    right = total + 0.01 * np.trace(total) / channels * np.eye(channels)
    values = np.diag(found.T @ between @ found)
    assert np.allclose(between @ found, right @ found * values, atol=1e-9 * np.abs(between).max())
    assert np.allclose(found.T @ right @ found, np.eye(classes - 1)) and (np.diff(values) < 1e-12).all()
    assert values.sum() == pytest.approx(discriminant_information(features, labels, rho=0.01))


def test_other_names_for_the_classes_change_nothing(small, teacher, graph, narrower):
    names = np.random.default_rng(0).permutation(10)
    train = Split(small.train.images, names[small.train.labels])
    images, targets = batch_of(small.train, slice(50), CIFAR10)
    # all of the images, in their own order: which ones are drawn does depend on the numbers
    missed = []
    for data in (small, replace(small, train=train)):
        begun = lesson(Teaching(teacher, graph, calibration=len(small.train)), data, narrower)
        missed.append(begun.hear(narrower, images, targets)[1]["features"].item())
    assert 0 < missed[0] == pytest.approx(missed[1], rel=1e-4)  # maps are kept in float32


@pytest.mark.parametrize("calls", [2, 6, 9])
def test_cancelled_anywhere_the_student_is_as_it_came_and_the_teacher_untouched(
    calls, small, teacher, graph, narrower
):
    student, before = copy.deepcopy(narrower), (weights_digest(teacher), weights_digest(narrower))
    teacher.layer1.train()  # modes may be mixed: they stay
    modes, left = [module.training for module in teacher.modules()], [calls]

    def watch(stage, done, total, **values):
        left[0] -= 1
        if not left[0]:
            raise Cancelled

    with pytest.raises(Cancelled):
        tuned(student, small, Teaching(teacher, graph), epochs=3, watch=watch)
    assert (weights_digest(teacher), weights_digest(student)) == before
    assert [module.training for module in teacher.modules()] == modes
    assert all(parameter.grad is None and parameter.requires_grad for parameter in teacher.parameters())
    teacher.eval()


def test_the_same_seed_teaches_the_same_and_the_watch_hears_of_it(small, teacher, graph, narrower):
    told, digests = [], []
    for _ in range(2):
        student = copy.deepcopy(narrower)
        tuned(student, small, Teaching(teacher, graph), watch=lambda *_, **values: told.append(values))
        digests.append(weights_digest(student))
    assert digests[0] == digests[1]
    assert {"loss", "logits", "features", "accuracy"} <= set(told[-1])


ENDS = {
    "resnet20": ["layer2.0.conv1", "layer3.0.conv1", "linear"],
    "mobilenet_v2_slim": [f"features.{block}.conv.0.0" for block in (4, 7, 14)] + ["classifier.1"],
    "vgg16_slim": [f"features.{place}" for place in (7, 14, 24, 34)] + ["classifier"],
}


@pytest.mark.parametrize("name", ENDS)
def test_a_stage_ends_where_the_map_gets_smaller(name):
    found = pruning.ChannelGraph(load_model(name, "scenes"), torch.zeros(1, 3, 32, 32))
    assert [layer.name for layer in stage_ends(found.structure)] == ENDS[name]


def tiny(*middle: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    ends = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *middle, *ends).eval()


def test_a_stage_that_cannot_be_taught_is_said(small):
    whole = tiny(nn.Conv2d(8, 8, 3, stride=2))
    graph = pruning.ChannelGraph(whole, torch.zeros(1, 3, 32, 32))
    teach = Teaching(whole, graph)
    rows = tuned(tiny(nn.AvgPool2d(2)), small, teach)
    assert "distill_features" in rows[0] and teach.messages == [
        "distillation: the cut network does not run 2, so that stage is not taught"
    ]
    plain = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10)).eval()
    teach = Teaching(plain, pruning.ChannelGraph(plain, torch.zeros(1, 3, 32, 32)))
    assert "distill_features" not in tuned(copy.deepcopy(plain), small, teach)[0]
    assert teach.messages == ["distillation: no stage of the network can be taught, only its predictions"]
    with torch.no_grad():
        whole[0].weight.zero_()  # every feature is the same on every image
    teach = Teaching(whole, graph)
    tuned(tiny(nn.AvgPool2d(2)), small, teach)
    assert teach.messages[0].endswith("does not differ between classes, so that stage is not taught")


@pytest.mark.parametrize("wrong", [{"temperature": 0}, {"logits": -1}, {"features": float("nan")}])
def test_settings_that_teach_nothing_are_refused(wrong, teacher, graph):
    with pytest.raises(ValueError, match="; give a "):
        Teaching(teacher, graph, **wrong)
