"""Weights from files: what is understood, and what is refused in one sentence with nothing left behind."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import pruning
from pruning.models import load_model, read_checkpoint
from pruning.train import evaluate


@pytest.fixture(scope="module")
def network():
    return load_model("resnet20", "digits")


def renamed(state, change):
    return OrderedDict((change(name), tensor) for name, tensor in state.items())


FORMATS = {
    "zip": lambda state, path: torch.save(state, path),
    "legacy, wrapped": lambda state, path: torch.save(
        {"state_dict": renamed(state, lambda n: "module." + n), "best": 0.9},
        path,
        _use_new_zipfile_serialization=False,
    ),
    "fc": lambda state, path: torch.save(renamed(state, lambda n: n.replace("linear", "fc")), path),
    "safetensors": lambda state, path: save_file(dict(state), path),
    "half precision, no counters": lambda state, path: torch.save(
        {name: t.half().float() for name, t in state.items() if "batches" not in name}, path
    ),
}


@pytest.mark.parametrize("form", FORMATS)
def test_every_usual_form_of_a_state_dict_loads(form, network, tmp_path):
    FORMATS[form](network.state_dict(), tmp_path / "weights")
    loaded = load_model("resnet20", "digits", tmp_path / "weights")
    tolerance = 1e-3 if "half" in form else 0  # half precision keeps 11 bits
    for name, weight in network.named_parameters():
        assert torch.allclose(loaded.get_parameter(name), weight, rtol=tolerance, atol=tolerance)


def test_what_a_checkpoint_recorded_is_used(network, tmp_path):
    save_file(network.state_dict(), tmp_path / "w.safetensors", {"normalize": "none"})
    assert load_model("resnet20", "digits", tmp_path / "w.safetensors").origin.normalization.name == "none"


def test_the_bundled_networks_say_how_they_were_made():
    said = read_checkpoint("assets/resnet20-digits.safetensors").metadata
    assert said["command"].startswith("python -m pruning train --model resnet20 --data digits --epochs")
    assert int(said["test_correct"]) >= 0.98 * int(said["test_images"])


class Runs:
    """A pickle that, read the usual way, makes a folder."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


def too_large(path):
    """The older format, a storage of which declares 2^31 - 1 floats where 123,456 are."""
    torch.save({"w": torch.zeros(123_456)}, path, _use_new_zipfile_serialization=False)
    declared = b"J" + (123_456).to_bytes(4, "little")
    assert declared in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(declared, b"J\xff\xff\xff\x7f"))


def compressed(path):
    torch.save({"w": torch.zeros(1000, 1000)}, path)
    plain = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in plain.infolist():
            archive.writestr(entry.filename, plain.read(entry))


BAD = {
    "random bytes": (lambda p: p.write_bytes(np.random.default_rng(0).bytes(5000)), "no PyTorch file"),
    "random bytes that begin like a pickle": (
        lambda p: p.write_bytes(b"\x80\x02" + np.random.default_rng(1).bytes(5000)),
        "file",
    ),
    "nothing": (lambda p: p.write_bytes(b""), "no PyTorch file"),
    "half of a safetensors file": (
        lambda p: p.write_bytes((50).to_bytes(8, "little") + b"{" + b" " * 60),
        "no whole safetensors",
    ),
    "code": (lambda p: p.write_bytes(pickle.dumps(Runs(p.with_name("ran")))), "could run code"),
    "code in a torch file": (
        lambda p: torch.save({"w": Runs(p.with_name("ran"))}, p),
        "could run code",
    ),
    "a compressed archive": (compressed, "compressed"),
    "another archive": (lambda p: zipfile.ZipFile(p, "w").writestr("a.txt", "a"), "without a state dict"),
    "a sparse tensor": (lambda p: torch.save({"w": torch.eye(3).to_sparse()}, p), "dense"),
    "a tensor larger than its storage": (
        lambda p: torch.save({"w": torch.zeros(1).expand(10**9)}, p),
        "more elements",
    ),
    "more memory than the file": (too_large, "file|memory"),
    "one tensor under many names": (
        lambda p: torch.save(dict.fromkeys(map(str, range(500)), torch.zeros(10_000)), p),
        "together are larger",
    ),
    "numbers": (lambda p: torch.save({"epoch": 3, "lr": 0.1}, p), "'epoch', which is no tensor"),
    "an empty state dict": (lambda p: torch.save({}, p), "no tensors"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_state_dict_is_refused_in_a_sentence(what, tmp_path):
    make, message = BAD[what]
    make(tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=message) as refused:
        load_model("resnet20", "digits", tmp_path / "weights.pth")
    assert len(str(refused.value).splitlines()) == 1 and "weights.pth" in str(refused.value)
    assert [file.name for file in tmp_path.iterdir()] == ["weights.pth"]  # and no code ran


def test_a_missing_file_is_named():
    with pytest.raises(ValueError, match="no checkpoint nowhere.pth"):
        load_model("resnet20", "digits", "nowhere.pth")


@pytest.mark.parametrize(
    ("name", "classes", "message"),
    [
        ("resnet32", 10, "resnet32.*'layer1.3.conv1.weight'.*those of resnet20"),
        ("resnet20_b", 10, "'layer2.0.shortcut.0.weight'.*those of resnet20"),
        ("resnet20", 100, "10 classes and 100 are needed.*give data with 10 classes, or other weights"),
        ("resnet20", 4, "give data with 10 classes .*classes.txt with all their names.*, or other weights"),
    ],
)
def test_weights_of_another_network_say_what_differs(name, classes, message):
    with pytest.raises(ValueError, match=message):
        load_model(name, "digits", "assets/resnet20-digits.safetensors", classes=classes)


@pytest.mark.parametrize(
    ("name", "file", "correct"),
    [("resnet20", "resnet20-12fca82f.th", 932), ("resnet56", "resnet56-4bfd9763.th", 943)],
)
def test_public_checkpoints_have_their_accuracy(name, file, correct, public_data):
    model = load_model(name, "cifar10", public_data / file, normalize="imagenet")
    test = pruning.load_data(public_data / "cifar10_subset.npz").test
    said = evaluate(model, test, normalization=model.origin.normalization)
    assert (said.correct, len(test)) == (correct, 1017)
