"""What people hand the Python names by mistake, after the trace: numbers out of range, images that are none,
a network that is another one, other precisions and answers. Each is right, or one sentence."""

import copy
import json
import sys

import numpy as np
import pytest
import torch
from torch import nn

import pruning
from pruning.gates import GateOptimizer, Gates
from pruning.reconstruction import REPAIRS
from pruning.targets import Target
from tests.front_door import REPOSITORY, forked, typed
from tests.zoo import seeded

IMAGES, LABELS = torch.randn(60, 3, 16, 16), torch.arange(60) % 5


def network() -> nn.Module:
    def block(inputs, outputs):
        return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]

    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5)]
    return seeded(nn.Sequential(*block(3, 12), *block(12, 16), *block(16, 16), *end))


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = network()

    def forward(self, image, other):
        return self.body(image + other)


@pytest.fixture(scope="module")
def graph():
    return pruning.ChannelGraph(network(), IMAGES[:2])


@pytest.fixture(scope="module")
def scores(graph):
    return pruning.score(graph, "l1")


PLANS = {
    "cut is 'x'": {"cut": "x"},
    "cut is nan": {"cut": float("nan")},
    "cut_group of 0 is -1": {"cut_group": {"0": -1}},
    "cut_group of 0 is 2": {"cut_group": {"0": 2}},
    "min_channels is 0": {"min_channels": 0},
    "max_cut_per_group is 1.5": {"max_cut_per_group": 1.5},
    "round_to is 2.5": {"round_to": 2.5},
    "round_to is 0": {"round_to": 0},
}


@pytest.mark.parametrize("told", PLANS)
def test_a_plan_takes_no_number_out_of_range(told, graph, scores):
    with pytest.raises(ValueError, match=f"^{told}; give"):
        pruning.plan(graph, scores, **PLANS[told])


def test_numbers_of_numpys_are_numbers(graph, scores):
    plan = pruning.plan(graph, scores, cut=np.float32(0.3), round_to=np.int64(2))
    assert plan.to_json() == pruning.plan(graph, scores, cut=float(np.float32(0.3)), round_to=2).to_json()


SEARCHES = {
    "images is 0": {"images": 0},
    "images is 1.5": {"images": 1.5},
    "every is -1": {"every": -1},
    "kl_temperature is 0": {"kl_temperature": 0},
    "seed is -1": {"seed": -1, "allocation": "error"},
    "calibration is 0": {"calibration": 0, "allocation": "error"},
}


@pytest.mark.parametrize("told", SEARCHES)
def test_a_search_takes_no_number_out_of_range(told, graph):
    with pytest.raises(ValueError, match=f"^{told}; give"):
        pruning.search_plan(graph, "l1", (IMAGES, LABELS), cut=0.2, **SEARCHES[told])


def test_gates_take_no_number_out_of_range(graph):
    with pytest.raises(ValueError, match=r"^eps is 0\.0; give"):
        Gates(graph, eps=0.0)
    for words, given in {"cut is 1.5": (1.5, 10), "steps is 0": (0.5, 0)}.items():
        with pytest.raises(ValueError, match=f"^{words}; give"):
            GateOptimizer(Gates(graph), *given)
    with pytest.raises(ValueError, match=r"^a cut of 0.99 is out of reach; the largest .* here is 0\.9\d\d$"):
        GateOptimizer(Gates(graph), 0.99, 10)


def test_what_a_criterion_is_given_is_said(graph):
    for words, given in {
        "steps is 1.5; give a whole number": {"criterion": "integrated_gradients", "steps": 1.5},
        "there is no choice of groups 'outer'": {"criterion": "l1", "groups": "outer"},
        "there is no group 'conv9'": {"criterion": "l1", "groups": ["0", "conv9"]},
    }.items():
        with pytest.raises(ValueError, match=f"^{words}"):
            pruning.score(graph, data=(IMAGES, LABELS), **given)
    assert [*pruning.score(graph, "l1", groups=["3"])] == ["3"]


def test_a_target_is_a_number():
    for value in ("1", None, True, float("nan")):
        with pytest.raises(ValueError, match=f"^the target is {value}; give points, such as 1$"):
            Target("points_below", value)


def test_a_plan_of_another_version_is_no_plan(graph, scores):
    told = json.loads(pruning.plan(graph, scores, cut=0.2).to_json())
    with pytest.raises(ValueError, match="that is no plan"):
        pruning.Plan.from_json(json.dumps(told | {"version": 2}))


@pytest.mark.parametrize("inputs", [1, 2])
def test_images_that_a_network_does_not_take_are_said(inputs, graph, scores):
    given = (IMAGES[:, :1], LABELS) if inputs == 1 else (IMAGES, LABELS)
    model = graph.model if inputs == 1 else TwoInputs()
    two = graph if inputs == 1 else pruning.ChannelGraph(model, (IMAGES[:2], IMAGES[:2]))
    channels = 1 if inputs == 1 else 3
    told = (
        rf"^the network does not run on images of shape \[{channels}, 16, 16\]: .+; give data that it takes"
    )
    plan = pruning.plan(two, pruning.score(two, "l1"), cut=0.2)
    with pytest.raises(ValueError, match=told):
        pruning.score(two, "energy", given)
    with pytest.raises(ValueError, match=told):
        pruning.repair(pruning.cut(model, plan), plan, model, given)
    with pytest.raises(ValueError, match=told):
        pruning.search_plan(two, "l1", given, cut=0.2)


@pytest.mark.parametrize("how", REPAIRS)
def test_images_that_are_no_numbers_leave_the_cut_network_as_it_was(how, graph, scores):
    images = IMAGES.clone()
    images[7, 0, 0, 0] = torch.nan
    plan = pruning.plan(graph, scores, cut=0.4)
    small = pruning.cut(graph.model, plan)
    before = copy.deepcopy(small.state_dict())
    with pytest.raises(ValueError, match="images for calibration hold NaN or infinite numbers"):
        pruning.repair(small, plan, graph.model, (images, LABELS), how, match_steps=2)
    assert all(torch.equal(tensor, before[name]) for name, tensor in small.state_dict().items())


def test_a_repair_is_of_what_the_plan_cuts(graph, scores):
    plan, other = (pruning.plan(graph, scores, cut=share) for share in (0.4, 0.2))
    small, data = pruning.cut(graph.model, plan), (IMAGES, LABELS)
    with pytest.raises(ValueError, match=r"is not as the plan cuts it; give cut\(model, plan\)"):
        pruning.repair(small, other, graph.model, data, "merge")
    with pytest.raises(ValueError, match="is not as the plan cuts it"):
        pruning.repair(copy.deepcopy(graph.model), plan, graph.model, data, "reconstruct")
    with pytest.raises(ValueError, match="the plan is of another network"):
        pruning.repair(small, plan, nn.Sequential(nn.Conv2d(3, 4, 3)), data)
    with pytest.raises(ValueError, match="match_steps is 0"):
        pruning.repair(small, plan, graph.model, data, "match", match_steps=0)


@pytest.mark.parametrize("allocation", ["greedy", "error"])
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64])
def test_a_search_runs_in_the_networks_own_precision(kind, allocation):
    graph = pruning.ChannelGraph(network().to(kind), IMAGES[:2].to(kind))
    data = (IMAGES.to(kind), LABELS)
    how = {"cut": 0.25, "allocation": allocation, "groups": "all", "images": 20}
    plan = pruning.search_plan(graph, "l1", data, **how)
    assert plan.macs < plan.macs_before


class Answering(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = network()

    def forward(self, images):
        return {"out": self.inner(images)}


def test_a_network_that_answers_a_dict_is_searched_by_errors_alone():
    graph = pruning.ChannelGraph(Answering(), IMAGES[:2])
    how = {"cut": 0.25, "groups": "all", "images": 20}
    with pytest.raises(ValueError, match=r"answers a dict where \[images, classes\] is needed"):
        pruning.search_plan(graph, "l1", (IMAGES, LABELS), allocation="greedy", **how)
    plan = pruning.search_plan(graph, "l1", (IMAGES, LABELS), allocation="error", **how)
    assert plan.macs < plan.macs_before


def test_other_precisions_leave_as_onnx_or_say_why_not(tmp_path):
    made = pruning.export_onnx(network().half(), tmp_path / "half.onnx", IMAGES[:8].half())
    assert made.check.close and made.check.difference > 0
    for kind in (torch.bfloat16, torch.float64):
        with pytest.raises(ValueError, match="onnxruntime does not run the file: .*in float32"):
            pruning.export_onnx(network().to(kind), tmp_path / "other.onnx", IMAGES[:8].to(kind))
    assert {path.name for path in tmp_path.iterdir()} == {"half.onnx"}


def test_plain_pytorch_is_written_below_where_one_stands(tmp_path):
    words = ("run", "--model", "resnet20", "--data", "digits", "--criterion", "l1", "--calibration", 20)
    done = forked(*words, "--repair", "none", "--export", "pytorch", "--out", "below/here", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "below" / "here" / "network.py").is_file()


@pytest.mark.parametrize("word", ["--epochs", "--seed", "--subtask"])
def test_a_fraction_is_no_whole_number_on_the_command_line(word, tmp_path):
    done = forked("run", "--model", "resnet20", "--data", "digits", word, "1.5", "--out", "x", cwd=tmp_path)
    assert done.returncode == 2 and f'{word}: unable to convert "1.5" into int' in done.stderr


def test_without_labels_no_accuracy_is_foretold(graph):
    found = pruning.search_plan(graph, "l1", [IMAGES], cut=0.3, allocation="error")
    assert found.expected is None


def test_parts_of_the_package_need_no_import_of_their_own():
    """As README's loop has it."""
    code = "import pruning; print(pruning.gates.Gates.__name__, hasattr(pruning, 'nothing'))"
    done = typed([sys.executable, "-c", code], REPOSITORY)
    assert done.stdout == "Gates False\n", done.stderr
