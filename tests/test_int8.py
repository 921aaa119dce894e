"""A network in 8-bit integers: made by onnxruntime, counted, compared with the one in single precision."""

from typing import get_args

import pytest
import torch
from torch import nn

from pruning.experiment.export_subject import exported
from pruning.experiment.loading import load
from pruning.experiment.recipe import Recipe
from pruning.export import comparison, export_words
from pruning.export.checked_files import write_checked
from pruning.export.formats import FORMATS
from pruning.export.subject import Subject, subject_of
from pruning.export_command import FormatName


class Residual(nn.Module):
    """Two convolutions with a norm, a sum, a depth-wise one and a classifier."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.second, self.deep = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, groups=8)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        stream = torch.relu(self.norm(self.first(x)))
        stream = torch.relu(stream + self.second(stream))
        return self.head(self.deep(stream).mean((2, 3)))


@pytest.fixture(scope="module")
def subject():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    images = 3 * torch.randn(70, 3, 1, 1) + torch.randn(70, 3, 8, 8)
    asked = []

    def batches():
        for first in range(0, 60, 20):
            asked.append(first)
            yield (images[first : first + 20],)

    network = Residual().eval()
    with torch.no_grad():
        network.head.bias -= network(images).mean(0)  # so that answers differ from image to image
    found = Subject(network, {"image": images}, answers="classes", calibration=batches)
    return found, asked


def test_every_convolution_and_sum_is_computed_in_integers(subject, tmp_path):
    import onnx
    import onnxruntime

    subject, asked = subject
    made = write_checked("int8", subject, tmp_path / "net-int8.onnx")
    assert asked == [0, 20, 40] and [file.name for file in tmp_path.iterdir()] == ["net-int8.onnx"]
    assert made.check.alike and made.check.same <= made.check.of == 70 and made.check.difference > 0
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath, options.log_severity_level = str(tmp_path / "run.onnx"), 4
    onnxruntime.InferenceSession(made.paths[0], options, providers=["CPUExecutionProvider"])
    ran = [node.op_type for node in onnx.load(tmp_path / "run.onnx").graph.node]
    assert ran.count("QLinearConv") == 3 and ran.count("QLinearAdd") == 1 and "QGemm" in ran
    assert not {"Conv", "FusedConv", "Gemm"} & set(ran)
    told = {entry.key: entry.value for entry in onnx.load(made.paths[0]).metadata_props}
    assert told["numbers"] == "8-bit integers" and told["batch"] == "any"
    # 7 bits: products of full 8-bit numbers overflow on processors without VNNI, and answers differ there
    stored = [onnx.numpy_helper.to_array(one) for one in onnx.load(made.paths[0]).graph.initializer]
    weights = [values for values in stored if values.dtype == "int8" and values.ndim > 1]
    assert len(weights) == 4 and all(abs(values.astype(int)).max() <= 64 for values in weights)


def test_answers_that_are_other_ones_are_not_handed_out(subject, tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "ALIKE", 1.01)
    with pytest.raises(ValueError, match=r"only \d+ of 70 answers are the network's, so nothing was written"):
        write_checked("int8", subject[0], tmp_path / "net-int8.onnx")
    assert not list(tmp_path.iterdir())


def test_without_images_it_can_not_be_made(tmp_path):
    with pytest.raises(ValueError, match="need images to find the range .*: python -m pruning export FOLDER"):
        write_checked("int8", subject_of(Residual(), torch.randn(2, 3, 8, 8)), tmp_path / "net-int8.onnx")
    assert not list(tmp_path.iterdir())


def test_translations_are_refused(tmp_path):
    recipe = Recipe(model="stargan_small", data="scenes_colours", criterion="l1", threads=1, device="cpu")
    loaded = load(recipe)
    with pytest.raises(ValueError, match="give another format, such as onnx"):
        exported(loaded, loaded.model, "int8", tmp_path / "net-int8.onnx")


def test_the_command_line_takes_every_format():
    assert set(get_args(FormatName)) == set(FORMATS)


def test_a_rounded_network_is_told_beside_the_unrounded_one():
    times = {"baseline": 2.0, "unrounded": 1.0, "final": 1.5, "passes": 20}
    told = {"format": "int8", "milliseconds": {"1": times}, "runtime": "onnxruntime 1.0", "threads": 1}
    told |= {"bytes": {"baseline": 2_000_000, "unrounded": 1_000_000, "final": 300_000}}
    told |= {"same": 490, "of": 500, "unit": "image", "images": 500, "difference": 0.8}
    told |= {"values": {"metric": "accuracy", "unrounded": 0.924, "final": 0.92}}
    words = export_words.in_words(told)
    assert "0.30 MB (full network 2.00, unrounded 1.00 MB)" in words and "1.5 ms (full network 2" in words
    assert "same answers on 490 of 500 images, accuracy 92.0 % (unrounded 92.4 %)" in words
    said = export_words.slower(told)
    assert "For one image it takes longer there than without rounding." in said and "multiples of 4" in said
    assert "full network" not in said
