"""A network on a device: nothing of it is mixed with the processor's tensors or taken for one of them, in any
part of the front door. The device is pretended, so no GPU is needed."""

import json
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import pruning
from pruning import devices
from pruning.__main__ import main
from pruning.experiment import Recipe
from pruning.experiment.loaded_networks import network_key
from pruning.models.registry import MODELS, KnownModel
from pruning.progress_bars import Bars
from pruning.reconstruction.adam import Adam
from pruning.ui import preview_cache
from tests import on_device, pretended
from tests.small_data import write_npz
from tests.zoo import ZOO

WITHOUT_DOUBLE = ("run, by the command line, all unsaid; loaded again", "every criterion", "sensitivity")
WITHOUT_DOUBLE += ("fine-tuning under a teacher, and few bits", "one channel, and what criteria saw")


class Narrow(nn.Module):
    """Every kind of layer that is cut: dense, depth-wise, grouped, a sum of two, a classifier."""

    def __init__(self, classes: int):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.widen = nn.Conv2d(8, 12, 1)
        self.each = nn.Conv2d(12, 12, 3, padding=1, groups=12, bias=False)
        self.norm_each = nn.BatchNorm2d(12)
        self.back = nn.Conv2d(12, 8, 1, bias=False)
        self.norm_back = nn.BatchNorm2d(8)
        self.grouped = nn.Conv2d(8, 12, 3, stride=2, padding=1, groups=2)
        self.norm_grouped = nn.BatchNorm2d(12)
        self.dropout = nn.Dropout(0.1)
        self.linear = nn.Linear(12, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.first(images)))
        inner = F.relu(self.norm_each(self.each(self.widen(x))))
        x = F.relu(x + self.norm_back(self.back(inner)))
        x = F.relu(self.norm_grouped(self.grouped(x))).mean((2, 3))
        return self.linear(self.dropout(x))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Recipe:
    """A narrow network with random weights, and a few small images."""
    data = write_npz(tmp_path_factory.mktemp("data") / "few.npz", train=8, test=3)
    with pytest.MonkeyPatch.context() as patch:
        build = lambda classes=10, in_channels=3: Narrow(classes)  # noqa: E731
        patch.setitem(MODELS, "narrow", KnownModel("narrow", "For this test.", 8, build))
        few = {"data": str(data), "size": 8, "calibration": 24, "match_steps": 2, "threads": 1}
        yield Recipe(model="narrow", checkpoint="none", cut=0.3, device="cpu", **few)


@pytest.fixture(scope="module")
def on_cpu(recipe, tmp_path_factory) -> dict:
    """{part: its figures} on the processor, each found when it is first asked for."""

    class Found(dict):
        def __missing__(self, title):
            self[title] = on_device.PARTS[title](recipe, tmp_path_factory.mktemp("cpu"), 10)
            return self[title]

    return Found()


@pytest.mark.parametrize("title", on_device.PARTS)
def test_a_part_runs_on_a_device_and_gives_what_the_processor_does(title, recipe, on_cpu, tmp_path):
    found = on_device.PARTS[title](recipe.but(device=pretended.NAME), tmp_path, 10)
    assert found == on_cpu[title]  # computed by the same kernels, so to the last digit


@pytest.mark.parametrize("title", WITHOUT_DOUBLE)
def test_a_part_runs_on_a_device_without_double_precision(title, recipe, on_cpu, tmp_path):
    asked = recipe.but(
        device=pretended.NAME, seed=1
    )  # another seed: nothing that is kept from before answers
    with pretended.without_float64():
        found = on_device.PARTS[title](asked, tmp_path, 10)
    wanted = on_device.PARTS[title](asked.but(device="cpu"), tmp_path, 10)
    assert found == pytest.approx(wanted, rel=1e-6)  # sums are double on the processor


@pytest.mark.parametrize("name", ["buffers indexed by channel", "channel shuffle by hand", "shared head"])
def test_a_network_that_indexes_is_traced_on_a_device_as_on_the_processor(name):
    model, example = ZOO[name]()
    here = pruning.ChannelGraph(model, example)
    there = pruning.ChannelGraph(model.to(pretended.NAME), example.to(pretended.NAME))
    assert there.groups == here.groups and there.fixed == here.fixed


def test_the_pretended_device_refuses_what_a_gpu_does():
    here, there = torch.ones(3, 4), torch.ones(3, 4).to(pretended.NAME)
    index, mask = torch.tensor([1, 0]), here > 0
    refused = [
        lambda: here + there,
        lambda: there.add_(here),
        lambda: here.add_(there.sum()),
        lambda: there @ here.T,
        lambda: torch.cat([here, there]),
        lambda: torch.where(there > 0, there, here),
        lambda: there.masked_fill(mask, 0.0),
        lambda: there.index_select(0, index),
        lambda: there.index_fill(0, index, 0.0),
        lambda: torch.zeros_like(there).index_add_(0, index, there[:2]),
        lambda: here[index.to(pretended.NAME)],
        lambda: F.linear(there, torch.ones(2, 4)),
        lambda: F.cross_entropy(there, torch.zeros(3, dtype=torch.long)),
        lambda: nn.Conv1d(3, 2, 1)(there),
    ]
    for mixed in refused:
        with pytest.raises(RuntimeError, match="same device"):
            mixed()
    for to_numpy in (there.numpy, lambda: np.asarray(there), lambda: np.concatenate([there])):
        with pytest.raises(RuntimeError, match="numpy"):
            to_numpy()
    allowed = [
        there * torch.tensor(2.0),
        there[index],
        there[mask],
        there.sum(),
        torch.arange(3, device=there.device),
    ]
    assert all(str(tensor.device) == f"{pretended.NAME}:0" for tensor in allowed)
    assert there.cpu().numpy().sum() == float(there.sum()) == 12 and there.tolist() == here.tolist()


def test_the_pretended_device_can_be_without_double_precision():
    there = torch.ones(3).to(pretended.NAME)
    with pretended.without_float64():
        for doubled in (
            there.double,
            lambda: there.sum(dtype=torch.float64),
            lambda: torch.ones(2).double().to(there.device),
        ):
            with pytest.raises(TypeError, match="float64"):
                doubled()


def test_all_weights_move_at_once_as_torch_moves_each():
    torch.manual_seed(0)
    ours = [nn.Parameter(torch.randn(shape)) for shape in ((4, 3, 3, 3), (4,), (2, 4), (5,))]
    theirs = [nn.Parameter(weight.detach().clone()) for weight in ours]
    rates, optimizer = (0.1, 0.02, 0.05, 0.3), Adam(ours)
    reference = torch.optim.Adam([{"params": [w], "lr": r} for w, r in zip(theirs, rates, strict=True)])
    for _ in range(5):
        for own, other in zip(ours[:-1], theirs[:-1], strict=True):  # the last has no gradient, and stays
            own.grad = torch.randn(own.shape)
            other.grad = own.grad.clone()
        optimizer.step(rates)
        reference.step()
    assert all(torch.equal(own, other) for own, other in zip(ours, theirs, strict=True))


def test_auto_is_cuda_else_mps_else_the_processor(monkeypatch):
    assert Recipe().device == "cpu"  # the tests hide the machine's own devices
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert Recipe().device == Recipe(device="auto").device == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    recipe = Recipe()
    assert recipe.device == "cuda" and "device" not in recipe.differences()
    assert json.loads(recipe.to_json())["device"] == "cuda"
    elsewhere = Recipe.from_json(Recipe(device="cpu").to_json())
    assert elsewhere.device == "cpu" and elsewhere.flags()[-2:] == ["--device", "cpu"]


def test_auto_and_what_it_stands_for_are_one_to_whatever_is_kept():
    auto, said = Recipe(device="auto"), Recipe(device="cpu")
    assert auto == said and network_key(auto) == network_key(said)
    assert preview_cache.digest(auto, preview_cache.NETWORK) == preview_cache.digest(
        said, preview_cache.NETWORK
    )
    assert auto.digest() == said.digest()


@pytest.mark.parametrize("name", ["gpu", "cuda:0", "cuda:1", "mps", "meta", f"{pretended.NAME}:1"])
def test_a_device_that_is_not_there_is_answered_with_those_that_are(name):
    with pytest.raises(ValueError, match="no device") as told:
        devices.usable(name)
    assert name in str(told.value) and "cpu" in str(told.value) and pretended.NAME in str(told.value)


def test_the_command_line_says_where_it_computes(recipe, tmp_path, capsys, monkeypatch):
    asked = {"model": recipe.model, "data": recipe.data, "size": recipe.size, "device": pretended.NAME}
    words = [word for name, value in asked.items() for word in (f"--{name}", value)]
    on_device.typed(
        "scores", *words, "--checkpoint", "none", "--criterion", "l1", "--out", tmp_path / "l1.csv"
    )
    line = capsys.readouterr().out
    assert line.count("\n") == 1 and f"computed on {pretended.NAME}; saved in" in line
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)  # a person watches
    with Bars(pretended.NAME), Bars("cpu"):
        pass
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith(f"computing on {pretended.NAME} (") and told[1] == "computing on cpu"


def test_a_device_that_is_not_there_ends_the_command_line_with_one_line(tmp_path, capsys):
    assert main(["train", "--device", "cuda:3", "--out", str(tmp_path / "weights.safetensors")]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and "cuda:3" in told[0] and "--device auto" in told[0]
