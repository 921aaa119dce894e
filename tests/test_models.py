"""The listed networks, and what load_model records on them. Tests run over the registry."""

import subprocess
import sys

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch.nn import functional as F

import pruning
from pruning.data import DATA
from pruning.models import (
    CIFAR10,
    IMAGENET,
    MODELS,
    NONE,
    WrongWeights,
    bundled,
    load_model,
    names,
    torchvision_names,
    weights_digest,
)
from pruning.models.build import new_model
from pruning.models.bundled_weights import bundled_file
from pruning.models.checkpoint import read_checkpoint
from pruning.models.torchvision_index import FINGERPRINTS, SEGMENTERS, fingerprint
from pruning.tasks import PIXELWISE, TRANSLATED
from pruning.train import evaluate
from tests.front_door import REPOSITORY, forked

RESNETS = {"resnet20": 0.27, "resnet32": 0.46, "resnet44": 0.66, "resnet56": 0.85, "resnet110": 1.7}
PUBLISHED = RESNETS | {"vgg16": 14.7, "mobilenet_v2": 2.2}
# accuracy, or of masks mean IoU, that bundled weights have to show
LEAST = {"scenes": 0.92, "digits": 0.98, "scenes_masks": 0.72, "scenes_colours": 0.84}


@pytest.mark.parametrize("name", names())
def test_every_listed_network_answers_for_any_number_of_classes(name):
    model = load_model(name, "digits", "none", classes=7)
    with torch.no_grad():
        outputs = model(torch.randn(2, getattr(model, "input_channels", 3), 32, 32))
    shapes = {PIXELWISE.name: (2, 7, 32, 32), TRANSLATED.name: (2, 3, 32, 32)}
    assert outputs.shape == shapes.get(MODELS[name].task.name, (2, 7))
    assert outputs.isfinite().all() and not model.training
    assert (model.origin.model, model.origin.classes, model.origin.size) == (name, 7, MODELS[name].size)
    assert model.origin.digest == weights_digest(model)


@pytest.mark.parametrize(("name", "millions"), PUBLISHED.items())
def test_sizes_are_those_of_the_paper(name, millions):
    """He et al. 2016, table 6; the two others as they are usually counted on CIFAR-10."""
    parameters = sum(p.numel() for p in load_model(name, "cifar10", "none").parameters())
    assert parameters / 1e6 == pytest.approx(millions, rel=0.025)  # the table has two digits


def test_names_sort_as_people_count():
    assert names()[:5] == tuple(RESNETS)
    at = names().index("vgg16")
    assert names()[at : at + 4] == ("vgg16", "vgg16_slim", "mobilenet_v2", "mobilenet_v2_slim")


@pytest.mark.parametrize("name", ["resnet20", "resnet20_b", "vgg16", "mobilenet_v2"])
def test_other_channels_come_in(name):
    assert MODELS[name].build(classes=3, in_channels=1).eval()(torch.randn(2, 1, 32, 32)).shape == (2, 3)


def test_the_zero_padding_shortcut_is_a_padding():
    block = load_model("resnet20", "digits", "none").layer2[0]
    x = torch.randn(2, 16, 8, 8)
    assert torch.equal(block.shortcut(x), F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 8, 8)))
    assert not any("pad" in key for key in block.state_dict())


def test_random_weights_are_always_the_same_and_disturb_no_random_state():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first, second = (load_model("resnet20", "digits", "none") for _ in range(2))
    assert torch.rand(1) == expected
    assert first.origin.digest == second.origin.digest
    with torch.no_grad():
        second.bn1.running_mean[0] += 1e-6
    assert weights_digest(second) != first.origin.digest


@pytest.mark.parametrize(("name", "data"), bundled())
def test_bundled_networks_are_as_good_as_they_say(name, data):
    file = bundled_file(name, data)
    told = read_checkpoint(file).metadata
    model, test = load_model(name, data), pruning.load_data(data).test
    said = evaluate(model, test, normalization=model.origin.normalization)
    assert len(test) == int(told["test_images"]) and said.value >= LEAST[data]
    # another processor rounds otherwise, which may turn a picture that is nearly undecided
    counted = "test_correct" in told
    value = int(told["test_correct"]) / len(test) if counted else float(told["test_mean IoU"])
    assert said.value == pytest.approx(value, abs=2 / len(test))
    assert file.stat().st_size <= 4 * 2**20


def test_a_first_screen_has_several_networks_and_data_to_offer():
    assert {("resnet20", "scenes"), ("resnet20", "digits")} < set(bundled())
    assert len({name for name, _ in bundled()}) >= 3


def test_a_pair_without_bundled_weights_names_those_that_are():
    with pytest.raises(ValueError, match="resnet56 on scenes.*resnet20 on scenes"):
        load_model("resnet56", "scenes")


def test_an_unknown_network_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="'resnet_20'.*did you mean 'resnet20'"):
        load_model("resnet_20")
    with pytest.raises(ValueError, match="did you mean 'resnet18'"):
        load_model("torchvision:resnet_18", "digits", "none")


@pytest.mark.parametrize(
    ("normalize", "expected"), [("auto", CIFAR10), ("imagenet", IMAGENET), ("none", NONE), (NONE, NONE)]
)
def test_normalize_is_recorded(normalize, expected):
    assert load_model("resnet20", "digits", "none", normalize=normalize).origin.normalization == expected


def test_an_unknown_normalisation_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'imagenet'"):
        load_model("resnet20", "digits", "none", normalize="image-net")


def test_torchvision_comes_by_name_at_the_size_that_it_accepts():
    data = pruning.load_data("digits")
    small = load_model("torchvision:squeezenet1_1", data, "none")
    assert (small.origin.size, small.origin.normalization, small.origin.classes) == (32, CIFAR10, 10)
    large = load_model("torchvision:alexnet", data, "none")  # its pools leave nothing of 32 pixels
    assert (large.origin.size, large.origin.normalization) == (224, IMAGENET)


@pytest.mark.parametrize(
    ("name", "data", "right"),
    [
        ("torchvision:resnet18", "scenes_masks", "a class for every pixel; .*such as deeplabv3plus_resnet50"),
        ("torchvision:fcn_resnet50", "scenes", "one class for an image; .*such as resnet20 or torchvision:"),
    ],
)
def test_a_network_for_another_task_is_refused_before_anything_else(name, data, right):
    with pytest.raises(ValueError, match=f"^{name} answers .*, and {data} asks for {right}"):
        load_model(name, pruning.load_data(data), "none")


def test_unknown_data_is_asked_for_its_classes():
    with pytest.raises(ValueError, match="classes="):
        load_model("resnet20", "mine.npz", "none")


@pytest.mark.parametrize(
    "name",
    ["resnet20", "vgg16_slim", "mobilenet_v2_slim", "torchvision:resnet18", "torchvision:squeezenet1_1"],
)
def test_weights_say_for_how_many_classes_they_are(name, tmp_path):
    weights = tmp_path / "weights.safetensors"  # which sorts by name, so the classifier is not the last
    save_file(new_model(name, 7).state_dict(), weights)
    assert load_model(name, "mine.npz", weights).origin.classes == 7
    with pytest.raises(ValueError, match="weights.safetensors does not fit .*7 classes and 10 are needed"):
        load_model(name, "digits", weights)


@pytest.mark.parametrize("name", [name for name, known in DATA.items() if known.offline])
def test_a_listed_data_set_may_stand_by_name_alone(name):
    data = pruning.load_data(name)
    fitting = {PIXELWISE.name: "deeplabv3plus_small", TRANSLATED.name: "stargan_small"}
    network = fitting.get(data.task.name, "resnet20")
    by_name, loaded = (load_model(network, given, "none").origin for given in (name, data))
    assert by_name == loaded


def test_the_list_needs_no_torch():
    code = "import sys, pruning.models, pruning.data; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_weights_of_another_network_say_which_it_is(tmp_path):
    for name, given in (("resnet56", "resnet20"), ("torchvision:resnet18", "torchvision:resnet34")):
        weights = tmp_path / "weights.safetensors"
        save_file(new_model(name, 7).state_dict(), weights)  # for whatever number of classes
        with pytest.raises(WrongWeights, match=f"; its weights are those of {name}$") as told:
            load_model(given, "digits", weights)
        assert told.value.fits == (name,)
    words = ("--model", "resnet20", "--data", "digits", "--checkpoint", weights, "--out", tmp_path / "out")
    done = forked("run", *words)
    assert done.returncode == 2 and done.stderr.rstrip().endswith("; give --model torchvision:resnet18")
    nobodys = {"weight": new_model("resnet20", 2).state_dict()["conv1.weight"]}
    save_file(nobodys, weights)
    with pytest.raises(WrongWeights, match="it lacks 'conv1.weight'") as told:
        load_model("resnet20", "digits", weights)
    assert told.value.fits == ()


def test_what_is_known_of_torchvision_without_it_is_right():
    masks = torchvision.models.list_models(module=torchvision.models.segmentation)
    theirs = [*torchvision.models.list_models(module=torchvision.models), *masks]
    assert sorted(FINGERPRINTS) == sorted(theirs) and sorted(SEGMENTERS) == sorted(masks)
    assert sorted(torchvision_names()) == sorted(f"torchvision:{name}" for name in theirs)
    names = torchvision_names()
    assert names.index("torchvision:resnet50") < names.index("torchvision:resnet101")
    for name in ("resnet50", "wide_resnet50_2", "squeezenet1_1", "vgg11", "mobilenet_v3_small", *masks):
        with torch.device("meta"):
            backbone = {"weights_backbone": None} if name in masks else {}
            state = torchvision.models.get_model(name, weights=None, num_classes=3, **backbone).state_dict()
        assert fingerprint({key: tensor.shape for key, tensor in state.items()}) == FINGERPRINTS[name]
