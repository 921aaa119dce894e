"""What tools write beside a network's weights, or within their names."""

import pytest
import torch
from safetensors.torch import save_file

from pruning.models import load_model
from tests.test_checkpoint_kinds import random_like


@pytest.fixture(scope="module")
def weights():
    return random_like(load_model("resnet20", "digits", "none").state_dict())


def sparse(weights):
    """As torch.ao's sparsifiers leave it: a mask as a parametrization of its own."""
    masked, mask = weights["conv1.weight"], torch.ones_like(weights["conv1.weight"])
    mask[0] = 0
    parts = {
        "conv1.parametrizations.weight.original": masked,
        "conv1.parametrizations.weight.0.mask": mask,
    }
    return {name: t for name, t in weights.items() if name != "conv1.weight"} | parts


WRITTEN = {  # names and values as tools write them beside, or within, a network's own
    "wrappers inside": lambda w: {
        name.replace("layer2.0.", "layer2.0._checkpoint_wrapped_module._fsdp_wrapped_module."): t
        for name, t in w.items()
    },
    "a compiled layer": lambda w: {name.replace("layer3.", "layer3._orig_mod."): t for name, t in w.items()},
    "a number beside": lambda w: {"epoch": torch.tensor(4), **w},
    "a number of Python's beside": lambda w: {"epoch": 4, "loss": 0.5, **w},
    "counters of Python's": lambda w: {
        "state_dict": {n: int(t) if n.endswith("tracked") else t for n, t in w.items()}
    },
    "a sparsifier's mask": sparse,
    "a backbone and a head": lambda w: {
        f"{'head' if n.startswith('linear') else 'backbone'}.{n}": t for n, t in w.items()
    },
    "both within another": lambda w: {
        f"model.{'head' if n.startswith('linear') else 'backbone'}.{n}": t for n, t in w.items()
    },
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_tools_write_beside_the_weights_is_no_hindrance(kind, weights, tmp_path):
    torch.save(WRITTEN[kind](weights), tmp_path / "w.pth")
    model = load_model("resnet20", "digits", tmp_path / "w.pth")
    wanted = {name: tensor.clone() for name, tensor in weights.items() if not name.endswith("tracked")}
    if kind == "a sparsifier's mask":
        wanted["conv1.weight"][0] = 0
    found = model.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())


def test_a_folder_and_an_unknown_normalisation_are_said(weights, tmp_path):
    with pytest.raises(ValueError, match="is a folder; give one file with the weights"):
        load_model("resnet20", "digits", tmp_path)
    save_file(weights, tmp_path / "w.safetensors", {"normalize": "odd"})
    with pytest.raises(ValueError, match="w.safetensors says .* normalised by 'odd', .*: cifar10, imagenet"):
        load_model("resnet20", "digits", tmp_path / "w.safetensors")
    assert load_model("resnet20", "digits", tmp_path / "w.safetensors", normalize="imagenet")
