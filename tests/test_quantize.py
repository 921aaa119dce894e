"""Quantization of whole networks: what is rounded, who gets more bits, fine-tuning, saving and loading."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import nn
from torch.nn import functional

import pruning
from pruning.export.saved_network import packed as zipped
from pruning.export.saved_network import save
from pruning.progress import Cancelled
from pruning.quantize.rounding import quantize
from pruning.quantize.weights import as_rows, from_rows
from pruning.statistics.calibration_images import CalibrationImages
from pruning.train import evaluate
from tests.zoo import ZOO


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_a_row_holds_the_weights_that_write_one_output_channel(kind, groups):
    module = kind(6, 12, 3, groups=groups, bias=False)
    inputs = torch.randn(1, 6, 8, 8)
    weight = module.weight.detach()
    told = as_rows(weight, module)
    assert len(told) == 12 and torch.equal(from_rows(told, module, weight.shape), weight)
    before = module(inputs)
    told = told.clone()
    told[5] = 0
    module.weight.data = from_rows(told, module, weight.shape)
    silent = module(inputs).abs().sum((0, 2, 3)) == 0
    assert silent.tolist() == [c == 5 for c in range(12)] and before[:, 5].any()


# ------------------------------------------------------------------------------------------ whole networks


@pytest.fixture(scope="module")
def toy():
    """A small network without norms, and 110 images in 3 classes that it can learn to tell apart."""
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 24, 3), nn.ReLU(), nn.Conv2d(24, 10, 3), nn.ReLU()
    model = nn.Sequential(*layers, nn.AvgPool2d(3), nn.Flatten(), nn.Linear(10, 3)).eval()
    labels = torch.arange(110) % 3
    return model, (torch.randn(110, 3, 9, 9) + functional.one_hot(labels)[:, :, None, None], labels)


@pytest.mark.parametrize("by", ["di", "error", "uniform"])
def test_a_budget_is_held_and_the_first_and_last_layer_keep_eight_bits(toy, by):
    model, data = toy
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = quantize(model, data, bits=4, by=by)
    assert 3.5 < found.mean_bits <= 4
    assert (found.bits["0.weight"] == 8).all() and (found.bits["8.weight"] == 8).all()
    for name, codes in found.codes.items():
        assert torch.equal(as_rows(found.model.state_dict()[name], model), torch.from_numpy(codes.values))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    table = found.table()
    mean = (table["bits"] * table["weights"]).sum() / table["weights"].sum()
    assert mean == pytest.approx(found.mean_bits) and len(table) == 6 + 24 + 10 + 3
    biases = sum(4 * len(tensor) for name, tensor in before.items() if "bias" in name)
    assert found.bytes_before == sum(4 * t.numel() for t in before.values())
    assert found.bytes == biases + sum(codes.bytes for codes in found.codes.values())


def test_importance_is_what_the_criterion_says_of_the_layer(toy):
    model, data = toy
    found = quantize(model, data, bits=4, by="di")
    scores = pruning.score(pruning.ChannelGraph(model, data[0][:1]), "di", data)
    for name in ("2", "4"):
        told = found.importance[f"{name}.weight"]
        assert told == pytest.approx(scores[name] / scores[name].mean(), rel=1e-4)


def test_weighted_error_never_grows_with_the_budget_and_each_way_is_best_by_its_own_measure(toy):
    model, data = toy

    importance = quantize(model, data, bits=4).importance

    def lost(bits, by, measure):
        errors = quantize(model, data, bits=bits, by=by).errors
        weights = importance if measure == "di" else dict.fromkeys(importance, 1)
        return sum((errors[name] * weights[name]).sum() for name in ("2.weight", "4.weight"))

    falling = [lost(bits, "di", "di") for bits in (3, 3.1, 4, 6, 8)]
    assert (np.diff(falling) <= 0).all() and falling[0] > 2 * falling[-1]
    for measure, other in (("di", "error"), ("error", "di"), ("di", "uniform"), ("error", "uniform")):
        assert lost(4, measure, measure) < lost(4, other, measure)


@pytest.mark.parametrize("name", ["transposed, grouped and plain", "two heads", "weight norm"])
def test_every_kind_of_layer_is_rounded_or_named(name):
    model, example = ZOO[name]()
    data = torch.cat([example.float()] * 8), torch.arange(8 * len(example)) % 2
    found = quantize(model, data, bits=8, choices=(4, 8), by="error", calibration=8)
    kinds = (nn.modules.conv._ConvNd, nn.Linear)
    whole = [n for n, m in model.named_modules() if isinstance(m, kinds)]
    derived = [n for n in whole if n.startswith("derived")]
    assert set(found.bits) == {f"{n}.weight" for n in whole if n not in derived}
    assert bool(found.messages) == bool(derived)


WRONG = {
    "out of reach": {"bits": 1},
    "to 8 can be had": {"bits": 9},
    "bit-widths from 1 to 8": {"bits": 4, "choices": (2, 16)},
    "such as 2 4 8": {"bits": 4, "choices": ()},
    "did you mean 'error'": {"bits": 4, "by": "errors"},
    "mean bits per weight": {"bits": float("nan")},
}


@pytest.mark.parametrize("answer", WRONG)
def test_bad_input_is_answered_in_one_sentence(toy, answer):
    model, data = toy
    with pytest.raises(ValueError, match=answer):
        quantize(model, data, **WRONG[answer])


def test_weights_that_are_no_numbers_and_images_of_one_class_are_said(toy):
    model, (images, labels) = toy
    with pytest.raises(ValueError, match="two classes|only one class"):
        quantize(model, (images, torch.zeros_like(labels)), bits=5)
    broken = nn.Sequential(nn.Conv2d(3, 4, 9), nn.Flatten(), nn.Linear(4, 3)).eval()
    broken[0].weight.data[1, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="0.weight holds weights that are not finite"):
        quantize(broken, (images, labels), bits=8, by="error")


# ------------------------------------------------------------------------------- fine-tuning, saving, loading


def test_fine_tuning_keeps_widths_and_ranges_and_lowers_the_loss(toy):
    model, (images, labels) = toy
    data = images, labels
    plain = quantize(model, data, bits=3.5)
    tuned, again = (quantize(model, data, bits=3.5, epochs=2, lr=0.05, batch_size=16) for _ in range(2))
    dataset = pruning.load_data(data)
    normalization = CalibrationImages(model, dataset, 10, 0).normalization
    losses = [evaluate(q.model, dataset.holdout, normalization=normalization).loss for q in (plain, tuned)]
    assert losses[1] < losses[0] and len(tuned.history) == 2
    for name, codes in tuned.codes.items():
        assert (codes.bits == plain.codes[name].bits).all() and (codes.tops == plain.codes[name].tops).all()
        assert (codes.levels == again.codes[name].levels).all()
        held = as_rows(tuned.model.state_dict()[name], model)
        assert torch.equal(held, torch.from_numpy(codes.values))
    assert any((codes.levels != plain.codes[name].levels).any() for name, codes in tuned.codes.items())
    assert list(tuned.model.state_dict()) == list(model.state_dict())
    spoilt = quantize(model, data, bits=3.5, epochs=1, lr=100.0, batch_size=16)
    assert all((codes.levels == plain.codes[name].levels).all() for name, codes in spoilt.codes.items())
    assert any("Training with rounded weights made the network no better" in m for m in spoilt.messages)


def test_cancelled_in_the_middle_the_model_is_as_it_was(toy):
    model, data = toy
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def stop(stage, done, total, **values):
        if stage == "tune":
            raise Cancelled

    with pytest.raises(Cancelled):
        quantize(model, data, bits=4, epochs=1, watch=stop)
    assert list(before) == list(model.state_dict())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A network that was cut and rounded, its plan, and the folder that it was saved in."""
    model, data = pruning.load_model("resnet20", "digits"), pruning.load_data("digits")
    graph = pruning.ChannelGraph(model, torch.zeros(1, 3, 32, 32))
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.1)
    found = quantize(pruning.cut(model, plan), data, bits=3, by="error")
    plan = replace(plan, changes=(*plan.changes, found.change))
    recipe = pruning.Recipe(data="digits", criterion="l1", cut=0.1, bits=3, bits_by="error").to_json()
    folder = tmp_path_factory.mktemp("saved")
    return found, plan, save(folder, found.model, plan, recipe, {}, {}, codes=found.codes)


def test_what_is_saved_comes_back_bit_by_bit_and_is_really_small(saved, tmp_path):
    found, _, folder = saved
    (tmp_path / "pruned.zip").write_bytes(zipped(folder))
    for source in (folder, tmp_path / "pruned.zip"):
        back = pruning.load(source)
        state = back.state_dict()
        assert all(torch.equal(state[name], tensor) for name, tensor in found.model.state_dict().items())
    images = pruning.load_data("digits").test.take(np.arange(100))
    told = [evaluate(m, images, normalization=back.origin.normalization) for m in (found.model, back)]
    assert (told[0].statistics["probabilities"] == told[1].statistics["probabilities"]).all() and told[
        0
    ].value > 0.5
    size = (folder / "model.safetensors").stat().st_size
    stored = load_file(folder / "model.safetensors")
    assert sum(array.nbytes for array in stored.values()) == found.bytes < size < 0.2 * found.bytes_before


def test_a_damaged_file_is_answered_in_one_sentence(saved, tmp_path):
    *_, folder = saved
    for name in ("plan.json", "recipe.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    whole = load_file(folder / "model.safetensors")
    weight = "layer1.0.conv1.weight"
    damages = {
        "is missing": {key: value for key, value in whole.items() if key != f"{weight}.tops"},
        "bytes of codes": whole | {f"{weight}.codes": whole[f"{weight}.codes"][:-1]},
        "from 1 to 8 bits": whole | {f"{weight}.bits": whole[f"{weight}.bits"] + np.uint8(9)},
        "another form": whole | {f"{weight}.tops": whole[f"{weight}.tops"] * np.nan},
    }
    for answer, arrays in damages.items():
        save_file(arrays, tmp_path / "model.safetensors", metadata=header(folder))
        with pytest.raises(ValueError, match=answer):
            pruning.load(tmp_path)
    plan = json.loads((folder / "plan.json").read_text())
    for change, answer in (
        ({"kind": "bits"}, "of no kind"),
        ({"kind": "bits", "weights": ["bn1.weight"]}, "bn1"),
    ):
        (tmp_path / "plan.json").write_text(json.dumps(plan | {"changes": [change]}))
        with pytest.raises(ValueError, match=answer):
            pruning.load(tmp_path)


def header(folder) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", framework="np") as file:
        return file.metadata()


def test_a_plan_says_which_weights_have_few_bits(saved):
    found, plan, folder = saved
    change = json.loads((folder / "plan.json").read_text())["changes"][-1]
    assert change == json.loads(json.dumps(plan.changes[-1])) and change["kind"] == "bits"
    assert change["mean"] == found.mean_bits <= 3 and set(change["weights"]) == set(found.bits)
