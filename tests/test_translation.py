"""Translation: StarGAN's generator and its task, against their definitions and through the front door."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from PIL import Image

import pruning
from pruning.data import DATA, batch_of, calibration_images, celeba, inputs_of
from pruning.data.registry import dataset
from pruning.models import write_checkpoint
from pruning.models.bundled_weights import bundled_file
from pruning.models.stargan import Generator
from pruning.statistics.calibration_images import CalibrationImages
from pruning.tasks import DEFAULT, TRANSLATED
from pruning.tasks.frechet import Gaussian, frechet_distance
from pruning.tasks.translation import as_pixels
from pruning.train import Saved, evaluate, fit
from pruning.train.adversarial import new_adversary
from pruning.train.from_scratch import described
from pruning.wall import wall

WEIGHTS = str(bundled_file("stargan_small", "scenes_colours"))
FEW = {"train": 96, "holdout": 64, "test": 64}


@pytest.fixture(scope="module", autouse=True)
def few():
    """`scenes_colours` with few pictures, listed for these tests."""

    @dataset("few_colours", meaning="A few of scenes_colours.", offline=True, task=TRANSLATED)
    def few_colours():
        whole = pruning.load_data("scenes_colours")
        parts = {part: getattr(whole, part).first(number) for part, number in FEW.items()}
        return replace(whole, name="few_colours", **parts)

    yield pruning.load_data("few_colours")
    del DATA["few_colours"]


@pytest.fixture(scope="module")
def network(few):
    return pruning.load_model("stargan_small", few, WEIGHTS)


RECIPE = {
    "model": "stargan_small", "data": "few_colours", "checkpoint": WEIGHTS, "criterion": "l1", "cut": 0.4,
    "calibration": 48, "threads": 1,
}  # fmt: skip


def recipe(**changes) -> pruning.Recipe:
    return pruning.Recipe(**(RECIPE | changes))


# -------------------------------------------------------------------------------------- the mathematics


def test_frechet_distance_is_that_of_the_matrix_square_root():
    random = np.random.default_rng(0)
    one, other = (random.normal(size=(60, 8)) @ random.normal(size=(8, 8)) + k for k in range(2))
    a, b = Gaussian.of(one), Gaussian.of(other)
    root = scipy.linalg.sqrtm(a.covariance @ b.covariance).real
    by_hand = ((a.mean - b.mean) ** 2).sum() + np.trace(a.covariance + b.covariance - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(by_hand, rel=1e-6) == frechet_distance(b, a)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    fewer = Gaussian.of(one[:5])  # than there are features: the covariance is singular
    assert 0 < frechet_distance(fewer, b) < np.inf


def test_frechet_distance_of_numbers_has_a_closed_form():
    a, b = (Gaussian(np.array([m]), np.array([[s**2]])) for m, s in ((1.0, 2.0), (4.0, 0.5)))
    assert frechet_distance(a, b) == pytest.approx((1 - 4) ** 2 + (2 - 0.5) ** 2)


def test_the_published_generator_has_the_published_size():
    model = Generator(5)
    assert sum(p.numel() for p in model.parameters()) == 8_430_528
    graph = pruning.ChannelGraph(model.eval(), torch.zeros(1, 8, 128, 128))
    macs = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5).macs_before
    assert macs == 9_960_423_424 and round(macs / 1e9, 2) == 9.96


def test_a_domain_comes_as_maps_or_as_one_number_each(network, few):
    inputs, targets = batch_of(few.test, slice(4), network.origin.normalization)
    assert inputs.shape == (4, 9, 32, 32) and targets.tolist() == few.test.labels[:4].tolist()
    maps = inputs[:, 3:]
    assert (maps.sum(1) == 1).all() and maps[:, :, 0, 0].argmax(1).tolist() == targets[:, 1].tolist()
    with torch.no_grad():
        assert torch.equal(network(inputs), network(inputs[:, :3], maps[:, :, 0, 0]))


def test_a_cut_generator_says_what_the_masked_one_says(network, few):
    graph = pruning.ChannelGraph(network, inputs_of(few.test, slice(1), network.origin.normalization))
    inputs = inputs_of(few.test, slice(8), network.origin.normalization)
    for groups in ("inner", "all"):
        plan = pruning.plan(graph, pruning.score(graph, "random", few), cut=0.5, groups=groups)
        with torch.no_grad(), pruning.masked(network, plan):
            masked = network(inputs)
        with torch.no_grad():
            assert (pruning.cut(network, plan)(inputs) - masked).abs().max() < 1e-5, groups


# -------------------------------------------------------------------------------------------- the data


def test_every_picture_is_asked_for_in_another_domain():
    data = pruning.load_data("scenes_colours")
    for part in (data.train, data.holdout, data.test):
        source, asked = part.labels.T
        assert (source != asked).all() and set(asked) == set(range(6))
        assert np.bincount(asked).min() > len(part) / 8  # about a sixth each
    classes = pruning.load_data("scenes_colours", task=DEFAULT)
    assert np.array_equal(classes.train.labels, data.train.labels[:, 0]) and classes.digest != data.digest
    assert np.shares_memory(classes.train.images, data.train.images)


def test_class_folders_are_folders_of_domains_for_a_generator(tmp_path, few):
    folder = tmp_path / "people"
    for number, (name, picture) in enumerate(zip(["old", "young"] * 8, few.train.images, strict=False)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / name / f"{number}.png")
    asked = recipe(data=str(folder), checkpoint="none", calibration=4)
    with pytest.raises(ValueError, match="needs a classifier of the domains.*judge.safetensors"):
        pruning.run(asked)
    classes = pruning.load_data(str(folder))
    judge = pruning.load_model("resnet20", classes, "none")
    file = folder / "judge.safetensors"
    write_checkpoint(file, judge.state_dict(), described(judge.origin, classes))
    report = pruning.run(asked).report
    assert report["classes"] == ["old", "young"] and report["task"] == TRANSLATED.name
    write_checkpoint(file, judge.state_dict(), {"model": "resnet20", "classes": '["cats", "dogs"]'})
    with pytest.raises(ValueError, match="is no judge of old, young"):
        pruning.run(asked.but(size=64))


def test_celeba_is_read_as_torchvision_leaves_it(tmp_path, few):
    (tmp_path / "img_align_celeba").mkdir()
    rows = [("Black_Hair",), ("Blond_Hair",), ("Brown_Hair",), ("Black_Hair", "Brown_Hair"), ()] * 8
    names = ("Bald", *celeba.ATTRIBUTES)
    lines, part = [str(len(rows)), " ".join(names)], []
    for number, own in enumerate(rows):
        file = f"{number:06d}.jpg"
        Image.fromarray(few.train.images[number]).resize((178, 218)).save(
            tmp_path / "img_align_celeba" / file
        )
        lines.append(f"{file} " + " ".join(" 1" if name in own else "-1" for name in names))
        part.append(f"{file} {0 if number < 25 else 2}")
    (tmp_path / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "list_eval_partition.txt").write_text("\n".join(part))
    data = celeba.read(tmp_path, 64)
    assert len(data.train) + len(data.holdout) == 15 and len(data.test) == 9 and data.flips
    assert data.train.images.shape[1:] == (64, 64, 3) and data.classes == celeba.DOMAINS
    assert np.bincount(data.test.labels[:, 0]).tolist() == [3, 3, 3] and data.task == data.test.task
    (tmp_path / "list_eval_partition.txt").unlink()
    with pytest.raises(ValueError, match="no whole CelebA.*delete it"):
        celeba.read(tmp_path, 64)


def test_networks_for_other_tasks_are_refused_and_classifiers_see_classes():
    assert pruning.load_model("resnet20", "scenes_colours", "none").origin.classes == 6
    with pytest.raises(ValueError, match="answers a class for every pixel.*stargan"):
        pruning.load_model("deeplabv3plus_small", pruning.load_data("scenes_colours"), "none")
    with pytest.raises(ValueError, match="no classes to choose from"):
        pruning.run(recipe(subtask=(1, 2)))


# -------------------------------------------------------------------------------------------- the task


def test_statistics_are_what_the_judge_says_and_what_is_lost_on_the_way(network, few):
    said = evaluate(network, few.test, normalization=network.origin.normalization, again=True)
    inputs, targets = batch_of(few.test, slice(None), network.origin.normalization)
    with torch.no_grad():
        outputs = network(inputs)
        logits = few.task.class_scores(outputs)
        onehot = torch.eye(6)[targets[:, 0]]
        back, same = network(outputs, onehot), network(inputs[:, :3], onehot)
    assert np.array_equal(said.statistics["classes"], logits.argmax(1).numpy())
    assert said.value == float((logits.argmax(1) == targets[:, 1]).float().mean()) > 0.7
    for name, gap in (("cycle", back - inputs[:, :3]), ("identity", same - inputs[:, :3])):
        assert np.allclose(said.statistics[name], gap.abs().mean((1, 2, 3)) / 2, atol=1e-6), name
    assert np.array_equal(said.statistics["pictures"], as_pixels(outputs))
    assert as_pixels(torch.zeros(1, 3, 128, 128)).shape == (1, 64, 64, 3)
    assert said.shortfall == few.task.frechet(said.statistics) != said.loss


def test_labels_dealt_anew_leave_what_the_network_is_asked(network, few):
    true, dealt = (CalibrationImages(network, few, 48, 0, shuffled=shuffled) for shuffled in (False, True))
    assert torch.equal(true.rows(slice(8))[0], dealt.rows(slice(8))[0])
    assert not np.array_equal(true.class_numbers, dealt.class_numbers)
    assert np.array_equal(np.bincount(true.class_numbers), np.bincount(dealt.class_numbers))
    assert np.array_equal(calibration_images(few, 48, 0).split.classes, true.class_numbers)


# ------------------------------------------------------------------------------------------- whole runs


def test_a_run_under_the_full_network_tells_every_measure(tmp_path):
    result = pruning.run(recipe(repair="reconstruct", epochs=1, distill=True))
    report, stages = result.report, ("baseline", "cut", "repaired", "tuned")
    assert report["metric"]["name"] == "domain accuracy"
    measures = report["measures"]
    assert set(measures) == {"reconstruction_error", "frechet_distance", "cycle_error", "identity_error"}
    for name, measure in measures.items():
        for stage in stages:
            told = measure["values"][stage]
            assert told["low"] <= told["value"] <= told["high"], (name, stage)
        assert measure["values"]["quantized"] is None and measure["direction"] == "lower"
    pictures = {stage: result.predictions[f"{stage}_pictures"].astype(float) for stage in stages}
    by_hand = np.abs(pictures["cut"] - pictures["baseline"]).mean() / 255
    assert measures["reconstruction_error"]["values"]["cut"]["value"] == pytest.approx(by_hand)
    assert measures["reconstruction_error"]["values"]["baseline"]["value"] == 0
    repaired, cut = (measures["reconstruction_error"]["values"][s]["value"] for s in ("repaired", "cut"))
    assert repaired < cut
    assert result.history[0]["distill_logits"] > 0 and "adversarial_cycle" not in result.history[0]
    result.save(tmp_path / "out")
    small, data = pruning.load(tmp_path / "out"), pruning.load_data("few_colours")
    said = evaluate(small, data.test, normalization=small.origin.normalization)
    assert said.value == report["values"]["tuned"]


def test_without_a_teacher_the_discriminator_beside_the_weights_is_met(tmp_path):
    history = pruning.run(recipe(epochs=1)).history
    terms = ("distance", "domain", "penalty", "asked_domain", "cycle", "identity")
    assert all(np.isfinite(history[0][f"adversarial_{term}"]) for term in terms)
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(Path(WEIGHTS).read_bytes())
    with pytest.raises(ValueError, match="no alone.discriminator.safetensors; .*distill"):
        pruning.run(recipe(checkpoint=str(alone), epochs=1))


def test_gates_are_trained_under_the_full_network():
    report = pruning.run(recipe(criterion="gdp", epochs=2, cut=0.3)).report
    assert report["macs"]["final"] < 0.75 * report["macs"]["baseline"] and report["gates"]["between"] < 0.1


def test_an_adversarial_training_that_was_ended_goes_on_to_the_same_network(few, tmp_path):
    def trained(epochs_seen=2, saved=None):
        model, seen = pruning.load_model("stargan_small", few, "none"), []

        def after(*_):
            seen.append(1)
            if len(seen) == epochs_seen:
                raise KeyboardInterrupt

        how = {"epochs": 2, "lr": 1e-3, "batch_size": 32, "normalization": model.origin.normalization}
        rows = fit(model, few, **how, adversary=new_adversary(6, 32), saved=saved, after_epoch=after)
        return model.state_dict(), rows

    whole, rows = trained(epochs_seen=3)
    with pytest.raises(KeyboardInterrupt):
        trained(epochs_seen=1, saved=Saved(tmp_path / "state"))
    again, others = trained(epochs_seen=3, saved=Saved(tmp_path / "state"))
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert [row["loss"] for row in rows] == [row["loss"] for row in others]


def test_a_wall_holds_the_pictures_at_every_cut():
    found = wall(recipe(), (0.0, 0.5))
    assert found.predictions.shape == (2, 2, 60, 32, 32, 3) and found.labels.shape == (60, 2)
    assert not np.array_equal(found.predictions[0, 0], found.predictions[0, 1])
    assert found.right[0, 0].sum() > found.right[0, 1].sum()
