"""Classes of pixels where masks are labels: what criteria, attribution, bits and forecasts make of them."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import pruning
from pruning.attribution import channel_attribution, grad_cam
from pruning.criteria import CRITERIA
from pruning.criteria.di import backward_elimination
from pruning.data import Split, batch_of
from pruning.data.dataset import assemble
from pruning.models import NONE
from pruning.quantize.weights import discriminant_importance, layers_of
from pruning.search.expected_accuracy import _tried
from pruning.statistics import PooledFeatures
from pruning.statistics.calibration_images import CalibrationImages
from pruning.statistics.class_labels import PIXELS, class_numbers
from pruning.statistics.collect import collect
from pruning.tasks import IGNORED, PIXELWISE
from pruning.train.distillation import Lesson, Teaching

SIDE, IMAGES = 12, 24


class Halves(nn.Module):
    """Tells bright pixels from dark ones by channels 0 and 1; 2 and 3 hold what says nothing about that."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1)
        with torch.no_grad():
            self.first.weight.copy_(
                torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, 0, 0]])[..., None, None]
            )
            self.first.bias.copy_(torch.tensor([0.0, 1, 0, 0]))
            self.second.weight.copy_(torch.tensor([[0.0, 4, 0, 0], [4, 0, 0, 0]])[..., None, None])
            self.second.bias.zero_()

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))


@pytest.fixture(scope="module")
def halves():
    """Images whose left or right side is bright, and says so in its mask; some pixels do not count."""
    random = np.random.default_rng(3)
    images = random.integers(0, 90, (2 * IMAGES, SIDE, SIDE, 3)).astype(np.uint8)
    masks = np.zeros((2 * IMAGES, SIDE, SIDE), np.uint8)
    for image, mask, edge in zip(images, masks, random.integers(3, 9, len(images)), strict=True):
        side = slice(0, edge) if edge % 2 else slice(edge, None)
        image[:, side, 0] += 150
        mask[:, side] = 1
    masks[:, 5] = IGNORED
    parts = [Split(images[rows], masks[rows], PIXELWISE) for rows in (slice(IMAGES), slice(IMAGES, None))]
    data = replace(assemble("halves", *parts, ("dark", "bright")), normalization=NONE)
    model = Halves()
    return SimpleNamespace(
        data=data, model=model, graph=pruning.ChannelGraph(model, torch.zeros(1, 3, SIDE, SIDE))
    )


def test_features_of_sampled_pixels_are_those_of_the_pixels_and_their_classes_those_of_the_masks(halves):
    need = PooledFeatures(side="writers")
    drawn = CalibrationImages(halves.model, halves.data, IMAGES, 0)
    how = {"classes": 2, "task": PIXELWISE, "groups": [0], "images": len(drawn)}
    found = collect(halves.model, halves.graph.structure, [need], drawn.batches, **how)
    features = found[need, "first.weight"]
    assert features.shape == (PIXELS * len(drawn), 4) and len(drawn.class_numbers) == len(features)
    assert set(drawn.class_numbers) == {0, 1}
    # channel 0 is the brightness of the pixel itself: above one half exactly where the mask says bright
    assert np.array_equal(features[:, 0] > 0.5, drawn.class_numbers == 1)
    order, _ = backward_elimination(features, drawn.class_numbers)
    said = pruning.score(halves.graph, "di", halves.data, calibration=IMAGES, form="exact")["first"]
    assert np.array_equal(said[order], np.arange(4))


@pytest.mark.parametrize(
    "name", sorted(one for one in CRITERIA if CRITERIA[one].uses_labels and one != "gdp")
)
def test_every_criterion_that_uses_labels_finds_the_channels_that_tell_pixels_apart(name, halves):
    said = pruning.score(halves.graph, name, halves.data, calibration=IMAGES)["first"]
    assert not np.isnan(said).any() and set(np.argsort(-said, kind="stable")[:2]) == {0, 1}


def test_shuffled_masks_tell_less(halves):
    how = {"calibration": IMAGES, "form": "exact", "one_shot": True}
    true = pruning.score(halves.graph, "di", halves.data, **how)["first"]
    shuffled = pruning.score(halves.graph, "di", halves.data, labels="shuffled", **how)["first"]
    assert shuffled.max() < 0.5 * true.max()


def test_bits_by_discriminant_information_see_pixels(halves):
    drawn = CalibrationImages(halves.model, halves.data, IMAGES, 0)
    layers, _ = layers_of(halves.model, drawn)
    told = discriminant_importance(halves.model, layers, drawn, lambda *_, **__: None)
    assert told["first.weight"][:2].min() > told["first.weight"][3]


def test_attribution_is_of_the_pixels_of_a_class(halves):
    rows, labels = PIXELWISE.showing(halves.data.test.labels, 1)
    assert set(np.unique(labels)) == {1, IGNORED} and len(rows) == IMAGES
    sizes = (halves.data.test.labels[rows] == 1).sum((1, 2))
    assert (np.diff(sizes) <= 0).all()
    inputs = torch.from_numpy(halves.data.test.images[rows] / np.float32(255)).permute(0, 3, 1, 2)
    targets = PIXELWISE.targets(labels)
    table = channel_attribution(
        halves.graph, "first", inputs, targets, classes=np.ones(len(rows), int), task=PIXELWISE
    ).set_index("channel")["attribution"]
    with torch.no_grad():  # the score is linear in what is read, so the attributions add up to it
        score = PIXELWISE.true_scores(halves.model(inputs), targets).mean()
    assert table.sum() == pytest.approx(float(score), rel=1e-4) and table[0] > 0 and table[2] == 0


def test_grad_cam_of_a_mask_lights_up_where_its_class_is(halves):
    inputs = torch.from_numpy(halves.data.test.images / np.float32(255)).permute(0, 3, 1, 2)
    maps = grad_cam(halves.model, inputs, 1, layer="first", task=PIXELWISE)
    masks = halves.data.test.labels
    assert maps[masks == 1].mean() > 2 * maps[masks == 0].mean()
    assert np.array_equal(maps, grad_cam(halves.model, inputs, layer="first", task=PIXELWISE))


def test_a_tried_cut_knows_how_far_other_images_may_differ(halves):
    labels = halves.data.test.labels
    outputs = halves.model(torch.from_numpy(halves.data.test.images / np.float32(255)).permute(0, 3, 1, 2))
    whole = PIXELWISE.statistics(outputs, PIXELWISE.targets(labels))
    worse = PIXELWISE.statistics(outputs.roll(1, 3), PIXELWISE.targets(labels))
    tried = _tried(PIXELWISE, 0.2, whole, worse, labels)
    assert tried.lost == pytest.approx(PIXELWISE.value(whole, labels) - PIXELWISE.value(worse, labels))
    assert 0 < tried.noise < tried.lost


def test_classes_of_pixels_are_the_same_however_the_images_are_grouped():
    masks = np.random.default_rng(0).integers(0, 4, (70, 9, 9)).astype(np.uint8)
    together = class_numbers(PIXELWISE, masks)
    apart = np.concatenate([class_numbers(PIXELWISE, masks[k : k + 1]) for k in range(len(masks))])
    assert np.array_equal(together, apart)


def test_a_teacher_of_masks_teaches_features_at_sampled_pixels(halves):
    """A student equal to its teacher misses nothing; one whose channels are mixed up does."""
    teach = Teaching(halves.model, halves.graph, calibration=IMAGES)
    inputs, targets = batch_of(halves.data.train, slice(8), NONE)
    missed = []
    for noise in (0.0, 0.5):
        student = copy.deepcopy(halves.model)
        with torch.no_grad():
            student.first.bias.add_(torch.tensor([noise, -noise, 0, 0]))
        begun = Lesson(teach, halves.data, NONE, "cpu", lambda: None)
        begun.prepare(halves.model)
        missed.append(begun.hear(student, inputs, targets)[1]["features"].item())
    assert missed[0] < 1e-6 < 0.01 < missed[1] and len(begun.stages) == 1
