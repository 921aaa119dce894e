"""Weights that a checkpoint holds in parts: pruning masks, weight norm, spectral norm, by hooks or not."""

import pytest
import torch

from pruning.models import load_model
from pruning.models.weights_in_parts import whole
from tests.test_checkpoint_kinds import random_like, under
from tests.test_plain_weights import KINDS


@pytest.fixture(scope="module")
def weights():
    return random_like(load_model("resnet20", "digits", "none").state_dict())


IN_PARTS = ("masks", "weight norm by hooks", "weight norm", "spectral norm by hooks", "spectral norm")


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("kind", IN_PARTS)
@torch.no_grad()
def test_weights_that_are_there_in_parts_are_what_torch_makes_of_them(kind, prefix, weights, tmp_path):
    model = load_model("resnet20", "digits", "none")
    model.load_state_dict(weights)
    for layer in (model.conv1, model.layer1[0].conv2, model.linear):
        KINDS[kind](layer)
    images = torch.randn(4, 3, 32, 32)
    model.train()(images)  # one step of what iterates
    torch.save(under(prefix, model.eval().state_dict()), tmp_path / "w.pth")
    plain = load_model("resnet20", "digits", tmp_path / "w.pth")
    assert torch.allclose(plain(images), model(images), rtol=1e-4, atol=1e-5)
    named = {"masks": "pruning masks"}.get(kind, kind.removesuffix(" by hooks"))
    assert f"with the {named} of 3 tensors worked in" in plain.origin.messages[0]


@torch.no_grad()
def test_a_spectral_norm_is_that_of_the_outputs_of_a_square_transposed_convolution():
    layer = torch.nn.utils.spectral_norm(torch.nn.ConvTranspose2d(6, 6, 3), n_power_iterations=20)
    layer(torch.randn(2, 6, 5, 5))
    state = layer.eval().state_dict()
    layer(torch.randn(2, 6, 5, 5))
    found, told = whole({"weight": layer.weight, "bias": layer.bias}, state)
    assert set(found) == {"weight", "bias"} and torch.allclose(found["weight"], layer.weight, rtol=1e-4)
    assert told == ("with the spectral norm of 1 tensor worked in",)
    own = torch.nn.utils.spectral_norm(torch.nn.Linear(3, 3)).state_dict()
    assert whole(own, own) == (dict(own), ())  # a network that has such parts itself
    odd = {"a_g": torch.ones(3), "a_v": torch.ones(2, 5), "b_orig": torch.ones(3), "b_mask": torch.ones(2)}
    assert set(whole({}, odd)[0]) == set(odd)
