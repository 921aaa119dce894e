"""Weights as training libraries leave them: prefixes, containers, older versions, settings that are no
weights; each also as what was saved of it and loaded again."""

import argparse
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file

import pruning
from pruning.export.saved_network import save
from pruning.models import WrongWeights, load_model
from pruning.models.from_torchvision import build
from tests.front_door import REPOSITORY


def random_like(state, seed=0):
    drawn = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(t.shape, generator=drawn) / 9 if t.is_floating_point() else t.clone()
        for name, t in state.items()
    }


@pytest.fixture(scope="module")
def weights():
    return random_like(load_model("resnet20", "digits", "none").state_dict())


def under(prefix, state):
    return {prefix + name: tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    "prefix",
    ["model.", "net.", "module.", "_orig_mod.", "module._orig_mod.", "backbone.", "model.encoder.net.0."],
)
def test_a_prefix_before_every_name_is_taken_off_and_told(prefix, weights, tmp_path):
    save_file(under(prefix, weights), tmp_path / "w.safetensors")
    model = load_model("resnet20", "mine.npz", tmp_path / "w.safetensors")
    assert torch.equal(model.conv1.weight, weights["conv1.weight"]) and model.origin.classes == 10
    assert model.origin.messages == (
        f"Weights taken from w.safetensors: without the {prefix!r} before their names.",
    )


@pytest.mark.parametrize(
    "counts",
    [
        {
            "total_ops": torch.zeros(1, dtype=torch.float64),
            "total_params": torch.zeros(1, dtype=torch.float64),
        },
        {
            "input_shape": torch.tensor([3, 32, 32]),
            "Flops": torch.tensor([9]),
            "Memory": torch.tensor([4, 2]),
        },
    ],
    ids=["thop", "torchstat"],
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_counts_that_a_profiler_left_are_no_weights(counts, prefix, weights, tmp_path):
    """Both keep them as buffers of layers or blocks, so that they are in every checkpoint from then on."""
    places = ["", "layer1.0.", "layer1.0.conv1.", "linear."]
    given = weights | {place + name: value.clone() for place in places for name, value in counts.items()}
    torch.save(under(prefix, given), tmp_path / "w.pth")
    model = load_model("resnet20", "digits", tmp_path / "w.pth")
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())
    with pytest.raises(WrongWeights, match="weights are those of resnet20"):
        load_model("resnet56", "digits", tmp_path / "w.pth")


def test_of_several_networks_in_a_file_the_fitting_one_is_taken_and_the_rest_told(weights, tmp_path):
    averaged = {name: t + 1 if t.is_floating_point() else t for name, t in weights.items()}
    narrow = {name: t[:1] if t.ndim else t for name, t in averaged.items()}
    beside = {"n_averaged": torch.tensor(3), "loss.weight": torch.ones(10)}
    given = under("a_ema.", averaged) | under("b.", narrow) | under("network.", weights) | beside
    save_file({name: t.clone() for name, t in given.items()}, tmp_path / "w.safetensors")
    model = load_model("resnet20", "digits", tmp_path / "w.safetensors")
    assert torch.equal(model.conv1.weight, weights["conv1.weight"])
    (told,) = model.origin.messages
    assert "'network.'" in told and "not 'a_ema." in told
    save_file(under("model.", weights), tmp_path / "w.safetensors")
    with pytest.raises(WrongWeights, match=r"lacks .* \(it has 'layer.*those of resnet20$"):
        load_model("torchvision:resnet18", "digits", tmp_path / "w.safetensors")


def saved_by_a_training_script(weights):
    """What stands beside the weights is settings, an average of them, and an optimizer."""
    averaged = {name: t + 1 if t.is_floating_point() else t for name, t in weights.items()}
    optimizer = {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    return {
        "model": under("module.", weights),
        "model_ema": {"n_averaged": torch.tensor(3), **under("module.module.", averaged)},
        "optimizer": optimizer,
        "args": argparse.Namespace(lr=0.1),
        "best": np.float64(0.9),
    }


CONTAINERS = {  # what is saved, and what is said of it
    "a training script": (saved_by_a_training_script, "'model', without .*'module.'.*, not 'model_ema'"),
    "an average alone": (lambda w: {"epoch": 3, "ema": {"state_dict": w}}, "'ema.state_dict'"),
    "params_ema": (lambda w: {"params_ema": random_like(w, 1), "params": w}, "'params', not 'params_ema'"),
}


@pytest.mark.parametrize("what", CONTAINERS)
def test_what_holds_weights_under_a_name_says_which_were_taken(what, weights, tmp_path):
    made, told = CONTAINERS[what]
    torch.save(made(weights), tmp_path / "w.pth")
    model = load_model("resnet20", "digits", tmp_path / "w.pth")
    assert torch.equal(model.conv1.weight, weights["conv1.weight"])
    (message,) = model.origin.messages
    assert message.startswith("Weights taken from w.pth: those under ")
    assert re.search(told, message)


REFUSED = {
    "TorchScript program; give its state dict": lambda w, p: torch.jit.save(
        torch.jit.script(torch.nn.Linear(2, 2)), p
    ),
    "more than one state dict, 'generator' and 'discriminator'; give one": lambda w, p: torch.save(
        {"generator": w, "discriminator": w}, p
    ),
    "whole pickled network": lambda w, p: torch.save(torch.nn.Linear(2, 2), p),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_taken_is_refused_with_its_own_reason(message, weights, tmp_path):
    REFUSED[message](weights, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=f"w.pth (holds|is) an? .*|.*{message}") as refused:
        load_model("resnet20", "digits", tmp_path / "w.pth")
    assert message in str(refused.value)


def test_the_name_that_is_there_instead_is_the_likest(weights, tmp_path):
    other = {name.replace("layer1.0.conv1", "layer1.0.first"): t for name, t in weights.items()}
    save_file(other | {"a.b": torch.ones(3)}, tmp_path / "w.safetensors")
    with pytest.raises(WrongWeights, match=r"'layer1.0.conv1.weight' \(it has 'layer1.0.first.weight'\)"):
        load_model("resnet20", "digits", tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("value", "told"), [(float("nan"), "144 are NaN"), (float("inf"), "144 are infinite")]
)
def test_weights_that_are_no_numbers_are_refused(value, told, weights, tmp_path):
    bad = {name: tensor.clone() for name, tensor in weights.items()}
    bad["layer1.0.conv1.weight"][3] = value
    bad["bn1.running_var"][0] = float("nan")
    save_file(bad, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=f"of the 2,304 in '.*' {told}|of the 16 in .* 1 are NaN") as refused:
        load_model("resnet20", "digits", tmp_path / "w.safetensors")
    assert "some in 1 other tensor" in str(refused.value)


# --------------------------------------------------------------------------- torchvision's official layouts


def official(name, state):
    """The names that torchvision's own files have where its networks have others by now."""
    for new, old in (
        ("norm1.", "norm.1."),
        ("conv1.", "conv.1."),
        ("norm2.", "norm.2."),
        ("conv2.", "conv.2."),
    ):
        state = {k.replace(new, old) if "denselayer" in k else k: t for k, t in state.items()}
    mlp = {".mlp.0.": ".mlp.linear_1.", ".mlp.3.": ".mlp.linear_2."}
    for new, old in mlp.items():
        state = {k.replace(new, old) if "encoder_layer_" in k else k: t for k, t in state.items()}
    return {key: tensor for key, tensor in state.items() if not key.endswith("num_batches_tracked")}


@pytest.mark.parametrize("name", ["densenet121", "vit_b_32"])
def test_official_names_of_older_versions_are_renewed(name, tmp_path):
    state = build(name, 7).state_dict()
    given = official(name, state)
    assert set(given) - set(state)
    save_file(given, tmp_path / "w.safetensors")
    model = load_model(f"torchvision:{name}", "mine.npz", tmp_path / "w.safetensors", size=32)
    assert model.origin.classes == 7
    assert all(torch.equal(t, state[k]) for k, t in model.state_dict().items())
    with pytest.raises(WrongWeights, match=f"those of torchvision:{name}$"):
        load_model("resnet20", "digits", tmp_path / "w.safetensors")


SETTINGS = {  # the network as built -> the options with which it is listed then, and what is said
    "googlenet": ("transform_input=true", "transform_input=false.$"),
    "mnasnet0_5,version=1": ("version=1", "first version"),
    "mobilenet_v3_small,width_mult=0.5": ("width_mult=0.5", "all its widths"),
}


@pytest.fixture(scope="module")
def saved_networks(tmp_path_factory):
    """Cut networks as `run` saves them, made of files of odd kinds: {name: (folder, answers)}."""
    return tmp_path_factory.mktemp("saved"), {}


def cut_and_saved(model, folder, example):
    graph = pruning.ChannelGraph(model, example)
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.3, measure="channels")
    small = pruning.cut(model, plan)
    save(folder, small, plan, pruning.Recipe(criterion="l1").to_json(), {}, {})
    with torch.no_grad():
        torch.save(small(example), folder / "answers.pt")


@pytest.mark.parametrize("built", SETTINGS)
def test_settings_that_are_no_weights_are_found_told_and_kept(built, saved_networks, tmp_path):
    options, told = SETTINGS[built]
    network = built.partition(",")[0]
    whole = build(built, 7).eval()
    whole.transform_input = network == "googlenet"  # as built where its weights= are given
    save_file(whole.state_dict(), tmp_path / "w.safetensors")
    model = load_model(f"torchvision:{network}", "mine.npz", tmp_path / "w.safetensors", size=64)
    assert model.origin.model == f"torchvision:{network},{options}"
    assert re.search(told, model.origin.messages[0])
    example = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(model(example), whole(example))
    cut_and_saved(model, saved_networks[0] / network, example)


def test_torchvisions_segmenters_answer_masks_without_the_heads_of_training(saved_networks, tmp_path):
    network, options = "deeplabv3_mobilenet_v3_large", {"weights_backbone": None, "aux_loss": True}
    whole = torchvision.models.get_model(network, num_classes=7, **options).eval()
    torch.save(whole.state_dict(), tmp_path / "w.pth")
    model = load_model(f"torchvision:{network}", "mine", tmp_path / "w.pth", size=64)
    told = " ".join(model.origin.messages)
    assert model.origin.classes == 7
    assert "not 'aux_classifier." in told and "without its auxiliary head" in told and "under 'out'" in told
    example = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(model(example), whole(example)["out"])
    with pytest.raises(WrongWeights, match=f"those of torchvision:{network}$"):
        load_model("resnet20", "digits", tmp_path / "w.pth")
    cut_and_saved(model, saved_networks[0] / network, example)


def test_what_was_saved_loads_again_in_a_fresh_process(saved_networks, weights, tmp_path):
    save_file(under("model.", weights), tmp_path / "w.safetensors")
    model = load_model("resnet20", "digits", tmp_path / "w.safetensors")
    example = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    cut_and_saved(model, saved_networks[0] / "resnet20", example)
    code = (
        "import sys, torch, pruning; from pathlib import Path\n"
        "example = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))\n"
        "for folder in Path(sys.argv[1]).iterdir():\n"
        "    with torch.no_grad():\n"
        "        same = torch.allclose(pruning.load(folder)(example), torch.load(folder / 'answers.pt'))\n"
        "    print(folder.name, same)\n"
    )
    command = [sys.executable, "-c", code, saved_networks[0]]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)
    rows = dict(line.split() for line in done.stdout.splitlines())
    assert {"resnet20", "deeplabv3_mobilenet_v3_large"} <= rows.keys() and set(rows.values()) == {"True"}, (
        done.stderr
    )


def test_what_was_assumed_can_be_said_otherwise(tmp_path):
    save_file(torchvision.models.mobilenet_v2(num_classes=2).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(WrongWeights):
        load_model("torchvision:mobilenet_v2,width_mult=0.5", "mine.npz", tmp_path / "w.safetensors")
    for name, message in (
        ("googlenet,transform=true", "did you mean 'transform_input'"),
        ("googlenet,transform_input=maybe", "give true or false"),
        ("mnasnet0_5,version=3", "give 1 or 2"),
        ("resnet18,width_mult=2", "one way only"),
        ("vit_b_32,image_size=50", "a multiple of 32"),
    ):
        with pytest.raises(ValueError, match=message):
            load_model(f"torchvision:{name}", "digits", "none")
    assert load_model("torchvision:vit_b_32,image_size=64", "digits", "none").origin.size == 64
