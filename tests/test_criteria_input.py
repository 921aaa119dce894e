"""What a criterion is given that it cannot work with: one sentence each; what it can work with: no nan."""

import numpy as np
import pytest
import torch

import pruning
from pruning.criteria import CRITERIA, SCORED
from tests.front_door import forked
from tests.zoo import images_and_inside

LOOKING = [name for name in SCORED if CRITERIA[name].uses_data]
WAYS = [
    ("di", {"form": "exact"}),
    ("di", {"form": "exact", "one_shot": True}),
    *(("cpot", {"distribution": kind}) for kind in ("maps", "activations", "weights")),
    *((name, {}) for name in sorted(SCORED) if name != "slimming"),  # which needs a norm
]


@pytest.mark.parametrize("name", LOOKING)
def test_activations_that_are_no_numbers_are_one_sentence_that_names_the_layer(name):
    model, graph, (images, labels), *_ = images_and_inside()
    images[3] = 1e7  # a number, of which the network makes none
    model[0].register_forward_pre_hook(lambda _, read: read[0].masked_fill(read[0] > 1e6, float("nan")))
    with pytest.raises(
        ValueError, match="(activ|attribu)[a-z]+ at .* are not finite numbers; check .* weights"
    ):
        pruning.score(graph, name, (images, labels))
    images[3] = float("nan")
    with pytest.raises(ValueError, match="^images for calibration hold NaN or infinite numbers; leave"):
        pruning.score(graph, name, (images, labels))


@pytest.mark.parametrize("name", ["l1", "fpgm", "taylor", "energy"])
def test_weights_that_are_no_numbers_are_named_whatever_the_criterion(name):
    model, graph, data, *_ = images_and_inside()
    with torch.no_grad():
        model[2].weight[1] = float("nan")
    with pytest.raises(ValueError, match="the network has weights that are no .* in '2.weight' .* are NaN"):
        pruning.score(graph, name, data)


def test_images_of_one_class_or_fewer_than_the_classes_are_one_sentence():
    _, graph, (images, labels), *_ = images_and_inside()
    for name, options in (("di", {}), ("di", {"form": "exact"}), ("catro", {})):
        with pytest.raises(ValueError, match="images of at least two classes; these are all of one"):
            pruning.score(graph, name, (images, torch.zeros_like(labels)), **options)
        with pytest.raises(ValueError, match="2 images cannot show 3 classes; give calibration 3 or more"):
            pruning.score(graph, name, (images, labels), calibration=2, **options)
    with pytest.raises(ValueError, match="N whole numbers, 0 or more"):
        pruning.score(graph, "catro", (images, labels - 1))


def test_too_few_images_are_one_line_of_the_command_line(tmp_path):
    words = ("--model", "resnet20", "--data", "digits", "--criterion", "catro", "--calibration", "5")
    done = forked("scores", *words, "--out", tmp_path / "scores.csv")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert "5 images cannot show 10 classes" in done.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name, options", WAYS)
def test_constant_channels_are_scored_without_nan(name, options):
    """One channel of the first layer says the same of every image; then all of them do."""
    model, graph, data, *_ = images_and_inside()
    with torch.no_grad():
        model[0].weight[2], model[0].bias[2] = 0, 0.7
        one = pruning.score(graph, name, data, **options)["0"]
        model[0].weight[:], model[0].bias[:] = 0, 0.7
        every = pruning.score(graph, name, data, **options)["0"]
    assert not np.isnan(one).any() and not np.isnan(every).any() and not np.isposinf(one).any()
    if name in ("di", "catro", "energy"):  # it tells nothing and varies nowhere: first to go
        assert one[2] == one.min() and (name == "di" or len(set(every)) == 1)
    if name == "catro":
        assert np.isneginf(every).all() and np.isneginf(one).sum() == 1
