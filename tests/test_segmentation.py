"""Segmentation against its definitions: mean IoU by sets of pixels and by other libraries, intervals by a
loop over resamples, sampled pixels; and a network that answers a dict."""

import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score
from torch.nn.functional import cross_entropy, one_hot

import pruning
from pruning.attribution import grad_cam
from pruning.data import Split
from pruning.data.dataset import Dataset, digest_of
from pruning.figures import discriminant_information
from pruning.inspection import scored
from pruning.inspection.criterion_views import di_view
from pruning.models import NONE
from pruning.search import by_loss
from pruning.tasks import IGNORED, PIXELWISE, Task
from pruning.train import evaluate
from tests.zoo import ZOO

CLASSES = 5


def patterns(*sizes, said=CLASSES, true=CLASSES, ignored=0):
    """Pictures of these sizes: the masks said, and the true ones, in which some pixels are ignored."""
    pairs = []
    for number, (height, width) in enumerate(sizes):
        down, across = np.mgrid[:height, :width]
        one = (down // 2 + across // 3 + number) % said
        other = (down // 2 + (across + number) // 2) % true
        if ignored:
            other[(down + across) % ignored == 0] = IGNORED
        pairs.append((one, other))
    return tuple(zip(*pairs, strict=True))


# with what torchmetrics 1.9.0 gives: MulticlassJaccardIndex(5, average="macro", ignore_index=255), all
# pictures in one object
CASES = {
    "all classes": (patterns((6, 7), (6, 7), (6, 7)), 0.41872337),
    "a class that is absent": (patterns((6, 7), (6, 7), said=3, true=4), 0.28349674),
    "a class that is only said": (patterns((6, 7), (6, 7), true=3), 0.15055555),
    "ignored pixels": (patterns((6, 7), (6, 7), ignored=3), 0.40571427),
    "one picture": (patterns((9, 5)), 0.42737263),
    "sizes that differ": (patterns((6, 7), (3, 12), (10, 4), ignored=4), 0.21386531),
}


def answers(masks: np.ndarray) -> torch.Tensor:
    """Logits [N, K, H, W] of a network that says these masks."""
    return one_hot(torch.from_numpy(masks).long(), CLASSES).movedim(-1, 1).float()


def statistics_of(said, true) -> dict[str, np.ndarray]:
    """Of pictures one by one, so that their sizes may differ."""
    found = [
        PIXELWISE.statistics(answers(one[None]), torch.from_numpy(other[None]))
        for one, other in zip(said, true, strict=True)
    ]
    return {name: np.concatenate([each[name] for each in found]) for name in found[0] if name != "masks"}


def by_sets(pixels) -> float:
    """The mean over classes of |said and true| / |said or true|. pixels: pairs (said, true) that count."""
    found = []
    for k in range(CLASSES):
        if either := sum(k in pair for pair in pixels):
            found.append(sum(pair == (k, k) for pair in pixels) / either)
    return sum(found) / len(found)


@pytest.mark.parametrize("case", CASES)
def test_mean_iou_is_that_of_sets_and_of_other_libraries(case):
    (said, true), theirs = CASES[case]
    found = PIXELWISE.value(statistics_of(said, true), None)
    pixels = [
        (int(s), int(t))
        for one, other in zip(said, true, strict=True)
        for s, t in zip(one.flat, other.flat, strict=True)
        if t != IGNORED
    ]
    assert found == pytest.approx(by_sets(pixels), abs=1e-12)  # float64
    assert found == pytest.approx(theirs, abs=1e-7)  # float32
    s, t = np.array(pixels).T
    assert found == pytest.approx(jaccard_score(t, s, average="macro"), abs=1e-12)  # of classes that occur
    alone = PIXELWISE.scores(statistics_of(said, true))
    for number, (one, other) in enumerate(zip(said, true, strict=True)):
        assert alone[number] == pytest.approx(PIXELWISE.value(statistics_of([one], [other]), None), abs=1e-12)
    assert (PIXELWISE.right(statistics_of(said, true), None) == (alone >= 0.5)).all()


def test_where_no_pixel_counts_there_is_no_mean_iou():
    nothing = np.full((1, 4, 4), IGNORED)
    found = statistics_of([np.zeros((4, 4), int)], nothing)
    with pytest.raises(ValueError, match="no pixel of these images counts"):
        PIXELWISE.value(found, nothing)
    assert float(PIXELWISE.loss(answers(np.zeros((1, 4, 4))), torch.from_numpy(nothing))) == 0


def test_an_interval_is_that_of_a_loop_over_resampled_images():
    random = np.random.default_rng(0)
    true = random.integers(0, CLASSES, (12, 6, 6))
    true[0] = IGNORED  # of this one alone no resample could be judged
    one, other = (
        [np.where(random.random(true.shape) < p, true % CLASSES, 0) for _ in "ab"] for p in (0.8, 0.6)
    )
    a, b = ([statistics_of(said, true) for said in side] for side in (one, other))
    found, loop = PIXELWISE.difference(a, b, true), Task.difference(PIXELWISE, a, b, true)
    assert found.mean == pytest.approx(loop.mean, abs=1e-12) and found.mean > 0.1
    near = 0.1 * (loop.high - loop.low)  # ends of 1,000 resamples scatter by some 4 % of the width
    assert found.low == pytest.approx(loop.low, abs=near) and found.high == pytest.approx(loop.high, abs=near)
    few = [{name: array[:2] for name, array in side[0].items()} for side in (a, b)]
    assert np.isfinite(PIXELWISE.difference([few[0]], [few[1]], true[:2]).low)


def test_the_loss_is_cross_entropy_without_ignored_pixels():
    outputs, masks = torch.randn(3, CLASSES, 6, 7), torch.from_numpy(np.stack(CASES["ignored pixels"][0][1]))
    outputs = outputs[:2]
    assert torch.allclose(PIXELWISE.loss(outputs, masks), cross_entropy(outputs, masks, ignore_index=IGNORED))
    each = [cross_entropy(outputs[n : n + 1], masks[n : n + 1], ignore_index=IGNORED) for n in range(2)]
    assert torch.allclose(PIXELWISE.losses(outputs, masks), torch.stack(each))
    in_a_dict = {"out": outputs, "aux": torch.zeros(1)}
    assert torch.equal(PIXELWISE.loss(in_a_dict, masks), PIXELWISE.loss(outputs, masks))
    beyond = masks.clone()
    beyond[1, 2, 3] = CLASSES
    for wrong, told in (
        ((outputs, beyond), "pixels of class 5, and the network has classes 0 to 4"),
        ((outputs[:, :, :5], masks), "the masks have 6 x 7 pixels, and the network's answers 5 x 7"),
        ((outputs[:, :, 0, 0], masks), "this one gives shape"),
        (({"masks": outputs}, masks), "this one gives dict"),
        ((outputs, masks[:, 0, 0]), "need masks|needs masks"),
    ):
        with pytest.raises(ValueError, match=told):
            PIXELWISE.loss(*wrong)


def test_masks_are_kept_thinned_as_their_labels_are():
    labels = np.arange(2 * 400 * 321, dtype=np.uint8).reshape(2, 400, 321) % CLASSES
    found = PIXELWISE.statistics(answers(labels), torch.from_numpy(labels.astype(int)))
    kept = PIXELWISE.kept(labels)["labels"]
    assert found["masks"].shape == kept.shape == (2, 133, 107) and max(kept.shape) <= 160
    assert (found["masks"] == kept).all() and (kept == labels[:, 1::3, 1::3]).all()
    assert found["true"].sum() == labels.size  # all pixels are counted


@pytest.mark.parametrize("size", [(22, 23), (64, 32)])
def test_sampled_pixels_are_of_every_class_as_many_and_lie_where_they_are(size):
    random = np.random.default_rng(1)
    masks = np.where(random.random((5, *size)) < 0.05, 3, random.integers(0, 2, (5, *size))).astype(np.uint8)
    masks[random.random(masks.shape) < 0.2] = IGNORED
    masks[4] = IGNORED
    found, again = (PIXELWISE.sampled_pixels(masks, 12) for _ in range(2))
    assert (found.image == again.image).all() and (found.down == again.down).all()
    for image in range(4):
        assert np.bincount(found.classes[found.image == image], minlength=4).tolist() == [4, 4, 0, 4]
    assert 4 not in found.image and IGNORED not in found.classes
    places = torch.from_numpy(masks.astype(np.float32))[:, None]
    assert (found.features(places)[:, 0].numpy() == found.classes).all()
    one = np.full((1, *size), IGNORED, np.uint8)
    one[0, -1, -1] = 2  # fewer than are asked for
    assert PIXELWISE.sampled_pixels(one, 12).classes.tolist() == [2]


@pytest.fixture(scope="module")
def in_a_dict():
    """A network with masks and those of an auxiliary head in a dict, and pictures with the masks that it
    says."""
    model, example = ZOO["masks and those of an auxiliary head, in a dict"]()
    images = torch.randn(40, *example.shape[1:], generator=torch.Generator().manual_seed(0)).numpy()
    with torch.no_grad():
        model.head.bias -= model(torch.from_numpy(images))["out"].mean((0, 2, 3))  # all classes are said
        masks = model(torch.from_numpy(images))["out"].argmax(1).numpy().astype(np.uint8)
    masks[:, ::5] = IGNORED
    parts = {
        part: Split(images[rows].copy(), masks[rows].copy(), PIXELWISE)
        for part, rows in (("train", slice(24)), ("holdout", slice(24, 32)), ("test", slice(32, 40)))
    }
    classes = tuple("abcd")
    data = Dataset("in a dict", **parts, classes=classes, digest=digest_of(*parts.values()))
    return model, pruning.ChannelGraph(model, example), data


@pytest.mark.parametrize("criterion", ["l1", "taylor", "di", "integrated_gradients"])
def test_a_network_that_answers_a_dict_is_cut_with_its_auxiliary_head_and_repaired(criterion, in_a_dict):
    model, graph, data = in_a_dict
    assert graph.verified and "auxiliary.0" in graph.structure.names
    scores = pruning.score(graph, criterion, data)
    plan = pruning.plan(graph, scores, cut=0.4, measure="channels", groups="all")
    example = torch.from_numpy(data.test.images.copy())
    with torch.no_grad():
        whole = model(example)
        with pruning.masked(model, plan):
            masked = model(example)
        small = pruning.cut(model, plan)
        answer = small(example)
    assert small.auxiliary[0].weight.shape[:2] == (3, 5)
    for name in ("out", "aux"):
        assert (answer[name] - masked[name]).abs().max() <= 1e-5 * masked[name].abs().max()
    tried = pruning.search_plan(graph, criterion, data, cut=0.2, allocation="greedy")
    assert tried.achieved == pytest.approx(0.2, abs=0.05) and tried.path
    raw = (answer["out"] - whole["out"]).square().mean()
    pruning.repair(small, plan, model, data, "reconstruct")
    with torch.no_grad():
        mended = (small(example)["out"] - whole["out"]).square().mean()
    assert mended < 0.7 * raw
    before, after = (evaluate(network, data.test, normalization=NONE).value for network in (model, small))
    assert before == 1 and 0 < after < 1


def test_grad_cam_of_a_dict_looks_at_what_has_a_part_in_the_masks(in_a_dict):
    model, _, data = in_a_dict
    maps = grad_cam(model, torch.from_numpy(data.test.images.copy()), task=PIXELWISE)
    assert maps.shape == data.test.labels.shape and maps.max() == 1


def test_searches_look_at_few_large_images_two_or_more_at_a_time(monkeypatch):
    """As many as fit; a norm that uses a batch's own statistics needs two."""
    images, masks = np.zeros((20, 40, 40, 3), np.uint8), np.zeros((20, 40, 40), np.uint8)
    split = Split(images, masks, PIXELWISE)
    data = Dataset("large", split, split, split, classes=("a", "b"), digest="", normalization=NONE)
    monkeypatch.setattr(by_loss, "PIXELS", 1500)  # less than an image
    monkeypatch.setattr(by_loss, "MOST_PIXELS", 9 * 40 * 40)
    drawn = by_loss.holdout_batches(torch.nn.Conv2d(3, 2, 1), data, 20, 0)
    assert [len(part) for part in drawn.inputs] == [3, 2, 2, 2]
    assert "9 are used" in drawn.message


def test_di_of_pixels_says_of_how_many_images_they_are():
    mine = {"model": "deeplabv3plus_small", "data": "scenes_masks", "calibration": 12, "threads": 1}
    recipe = pruning.Recipe(criterion="di", **mine)
    view = di_view(recipe, next(iter(scored(recipe))))
    assert view.images == 12 < view.labels
    told = view.channels.assign(cut=False)
    words = discriminant_information.curve_in_words(
        told, "taylor", view.most, view.images, labels=view.labels
    )
    assert f"({view.labels} pixels of 12 images)" in words
