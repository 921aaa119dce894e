"""Attribution by Captum: the definitions by hand, completeness, and a network left as it was found."""

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from captum.attr import LayerConductance, LayerGradientXActivation, LayerIntegratedGradients
from torch import nn

import pruning
from pruning.attribution import channel_attribution, grad_cam
from pruning.progress import Cancelled
from pruning.statistics.calibration_images import CalibrationImages
from tests.front_door import forked
from tests.zoo import ZOO, images_and_inside

NAMES = ("conductance", "gradient_x_activation", "integrated_gradients")


@pytest.fixture(scope="module")
def small():
    return images_and_inside()


def data_for(example: torch.Tensor, images: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return torch.randn(images, *example.shape[1:], generator=random), torch.arange(images) % 3


class Plain(nn.Module):
    """Two convolutions, the second one run twice: as modules, or as functions with a ReLU in place."""

    def __init__(self, functions: bool):
        super().__init__()
        torch.manual_seed(0)
        self.functions = functions
        self.one, self.two, self.end = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3), nn.Linear(6, 3)

    def forward(self, x):
        if self.functions:
            x = F.relu_(F.conv2d(x, self.one.weight, self.one.bias))
        else:
            x = F.relu(self.one(x))
        return self.end(self.two(F.relu(self.two(x))).mean((2, 3)))


# -------------------------------------------------------------------------------------------- the definitions


def test_gradient_x_activation_is_autograd_by_hand(small):
    model, graph, data, inputs, labels, written, _ = small
    maps = written.detach().requires_grad_()
    model[1:](maps).gather(1, labels[:, None]).sum().backward()
    by_image = (maps.grad * maps).sum((2, 3)).detach().numpy()  # [N, C]
    found = pruning.score(graph, "gradient_x_activation", data)["0"]
    assert found == pytest.approx(np.abs(by_image[:100]).mean(axis=0), rel=1e-4)  # 100 images unless said
    table = channel_attribution(graph, "0", inputs, labels).set_index(["class", "channel"])["attribution"]
    assert len(table) == 3 * 6
    for k in range(3):
        told = by_image[labels.numpy() == k].mean(axis=0)
        assert table[k].sort_index().to_numpy() == pytest.approx(told, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", ["conductance", "integrated_gradients"])
def test_a_layers_attributions_add_up_to_what_the_image_adds_to_the_score(name):
    torch.manual_seed(0)
    smooth = nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.Softplus(), nn.Conv2d(8, 5, 3), nn.Tanh(), nn.Flatten()), nn.Linear(80, 3)
    )
    with torch.no_grad():
        for parameter in smooth.parameters():
            parameter.abs_().mul_(0.1)  # nothing falls, so the absolute values are the values
    data = torch.rand(9, 3, 8, 8), torch.arange(9) % 3
    graph = pruning.ChannelGraph(smooth, data[0][:1])
    scores = pruning.score(graph, name, data, steps=200 if name == "conductance" else 20)
    inputs, labels = next(CalibrationImages(smooth, data, 9, 0).batches(9))
    with torch.no_grad():
        gained = (smooth(inputs) - smooth(0 * inputs)).gather(1, labels[:, None]).mean()
    for group in graph.groups:  # conductance's sum takes the slope at each step's start: off by 1 / steps
        assert scores[group.name].sum() == pytest.approx(float(gained), rel=5e-3)


def test_scores_are_those_of_captum_layer_by_layer():
    model, example = ZOO["resnet20"]()
    data, graph = data_for(example, 2), pruning.ChannelGraph(model, example[:1])
    inputs, labels = next(CalibrationImages(model, data, 2, 0).batches(2))
    path = {"n_steps": 3, "method": "riemann_trapezoid"}
    for criterion, method, options in [
        ("gradient_x_activation", LayerGradientXActivation, {}),
        ("conductance", LayerConductance, path),
        ("integrated_gradients", LayerIntegratedGradients, {"n_steps": 3}),
    ]:
        ours = {"steps": 3} if options else {}
        scores = pruning.score(graph, criterion, data, groups="inner", **ours)
        for group in list(scores)[2::5]:
            layer = model.get_submodule(group)
            told = method(model, layer).attribute(inputs, target=labels, **options).flatten(2).sum(2)
            told = told.abs().mean(0).detach().numpy()
            assert scores[group] == pytest.approx(told, rel=1e-3, abs=1e-6), (criterion, group)


@pytest.mark.parametrize("name", NAMES)
def test_a_layer_that_ran_as_a_function_or_twice_is_attributed_too(name):
    data = data_for(torch.zeros(1, 3, 9, 9))
    scores = {}
    for functions in (False, True):
        model = Plain(functions)
        scores[functions] = pruning.score(pruning.ChannelGraph(model, data[0][:1]), name, data)
    assert scores[True].keys() == scores[False].keys() == {"one"}  # tied to the layer that runs twice
    assert scores[True]["one"] == pytest.approx(scores[False]["one"], rel=1e-5)
    one = Plain(False)
    inputs, labels = next(CalibrationImages(one, data, 6, 0).batches(6))
    if name == "gradient_x_activation":  # of the two calls' sum, after division by each layer's mean
        maps = [one.one(inputs)]
        maps.append(one.two(F.relu(maps[0])))
        maps.append(one.two(F.relu(maps[1])))
        picked = one.end(maps[2].mean((2, 3))).gather(1, labels[:, None]).sum()
        slopes = torch.autograd.grad(picked, maps)
        first, *calls = ((s * m).sum((2, 3)) for s, m in zip(slopes, maps, strict=True))
        layers = [part.abs().mean(0) for part in (first, sum(calls))]
        told = sum(layer / layer.mean() for layer in layers) / 2
        assert scores[False]["one"] == pytest.approx(told.detach().numpy(), rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_scores_move_with_the_channels(name):
    model, example = ZOO["plain"]()  # its last convolution is read by a linear layer, pixel by pixel
    data, graph = data_for(example), pruning.ChannelGraph(model, example[:1])
    before = pruning.score(graph, name, data)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for tensor in (model[0].weight, model[0].bias, *model[1].parameters(), model[1].running_mean):
            tensor.copy_(tensor[order].clone())
        model[1].running_var.copy_(model[1].running_var[order].clone())
        model[3].weight.copy_(model[3].weight[:, order].clone())
    after = pruning.score(graph, name, data)
    assert after["0"] == pytest.approx(before["0"][order.numpy()], rel=1e-4)
    assert after["3"] == pytest.approx(before["3"], rel=1e-4)


# ------------------------------------------------------------------------------------------------- Grad-CAM


def test_grad_cam_is_the_textbooks_formula_at_the_inputs_size(small):
    model, _, _, inputs, _, _, _ = small
    maps = model[:3](inputs[:4]).detach().requires_grad_()  # [4, 5, 3, 3]
    model[3:](maps)[:, 1].sum().backward()
    weighed = (maps.grad.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu()
    told = F.interpolate(weighed, inputs.shape[2:], mode="bilinear")[:, 0].detach()
    told = (told / told.amax((1, 2), keepdim=True).clamp_min(1e-30)).numpy()
    found = grad_cam(model, inputs[:4], 1, layer="2")
    assert found.shape == (4, 9, 9) and found.dtype == np.float32
    assert found == pytest.approx(told, abs=1e-5) and found.max() == 1 and found.min() >= 0
    said = model(inputs[:4]).argmax(1)
    assert np.array_equal(grad_cam(model, inputs[:4]), grad_cam(model, inputs[:4], said))


def test_grad_cam_shows_a_cut_network_too():
    model, images = pruning.load_model("resnet20", "scenes"), torch.randn(2, 3, 32, 32)
    graph = pruning.ChannelGraph(model, images[:1])
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5, groups="all")
    small = pruning.cut(model, plan)
    before, after = grad_cam(model, images, 3), grad_cam(small, images, 3)
    assert before.shape == after.shape == (2, 32, 32) and not np.allclose(before, after)


# ------------------------------------------------------------------------------- what is left, what is said


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ended", ["done", "cancelled"])
def test_the_network_comes_out_as_it_went_in(name, ended):
    model = nn.Sequential(
        *(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.Dropout(0.5)),
        *(nn.Conv2d(6, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(100, 3)),
    )
    model.train()[1].eval()
    model[0].weight.requires_grad_(False)
    data, calls = data_for(torch.zeros(1, 3, 9, 9)), []
    graph = pruning.ChannelGraph(model, data[0][:1])

    def state():
        hooks = [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.modules()]
        grads = [(p.requires_grad, p.grad) for p in model.parameters()]
        values = [value.clone().tolist() for value in model.state_dict().values()]
        return [part.training for part in model.modules()], hooks, grads, values

    def watch(stage, done, total, **values):
        calls.extend([(done, total)] if stage == "statistics" else [])
        if ended == "cancelled":
            raise Cancelled

    before = state()
    if ended == "cancelled":
        with pytest.raises(Cancelled):
            pruning.score(graph, name, data, watch=watch)
    else:
        pruning.score(graph, name, data, watch=watch)
        grad_cam(model, data[0], layer="4")
        assert calls == sorted(calls) and calls[-1][0] == calls[-1][1]
    assert state() == before


def test_what_cannot_be_attributed_is_said_in_one_sentence(small):
    model, graph, data, inputs, labels, *_ = small
    maps, example = ZOO["squeeze and excitation"]()
    of_maps = pruning.ChannelGraph(maps, example[:1])
    no_numbers = pruning.ChannelGraph(Plain(False), data[0][:1])
    no_numbers.model.one.weight.data[0, 0] = float("nan")
    for told, ask in [
        ("outputs \\[images, classes\\]", lambda: pruning.score(of_maps, NAMES[0], data_for(example))),
        ("classes 0 to 2", lambda: channel_attribution(graph, "0", inputs, labels + 1)),
        ("images is 0", lambda: pruning.score(graph, NAMES[1], data, images=0)),
        ("no finite numbers", lambda: pruning.score(no_numbers, NAMES[2], data)),
        (
            "a layer with spatial maps",
            lambda: grad_cam(nn.Sequential(nn.Flatten(), model[5]), torch.zeros(1, 45, 1, 1)),
        ),
        ("did you mean '2'", lambda: grad_cam(model, inputs[:1], layer="22")),
    ]:
        with pytest.raises(ValueError, match=told) as caught:
            ask()
        assert "\n" not in str(caught.value)


def test_the_command_line_scores_by_attribution(tmp_path):
    asked = ("scores", "--model", "resnet20", "--data", "digits", "--groups", "inner", "--images", 4)
    out = tmp_path / "scores.csv"
    done = forked(*asked, "--criterion", "conductance", "--steps", 2, "--labels", "shuffled", "--out", out)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(out)
    assert len(found) == 3 * (16 + 32 + 64) and (found["score"] > 0).all()  # three blocks a stage
    done = forked(*asked, "--criterion", "conductance", "--steps", 0, "--out", tmp_path / "no.csv")
    assert done.returncode == 2 and "steps is 0" in done.stderr and len(done.stderr.splitlines()) == 1
