"""Exports of networks at hand: several inputs, what is refused, and layers written down in plain PyTorch."""

import pytest
import torch
from torch import nn

import pruning
from pruning.export import exported_program, formats, layer_constructors
from pruning.export.checked_files import write_checked
from pruning.export.subject import subject_of
from tests.front_door import forked
from tests.test_saved_results import SAVED
from tests.zoo import ZOO


class Branched(nn.Module):
    """Two inputs by name, two answers, one of them of another size."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(1, 4, 3, stride=2), nn.Linear(8, 5)

    def forward(self, picture, depth):
        maps = [self.left(picture), self.right(depth)]
        return {"classes": self.head(torch.cat([m.mean((2, 3)) for m in maps], 1)), "maps": maps[0]}


@pytest.mark.parametrize("by_name", [True, False])
def test_several_inputs_and_answers_by_name_or_in_order(by_name, tmp_path):
    example = {"picture": torch.randn(7, 3, 9, 9), "depth": torch.randn(7, 1, 9, 9)}
    made = pruning.export_program(
        Branched(), tmp_path / "net.pt2", example if by_name else tuple(example.values())
    )
    assert made.check.difference == 0 and made.check.of == 0 and made.check.images == 7
    answers = torch.export.load(made.paths[0]).module()(*example.values())
    assert answers["classes"].shape == (7, 5) and answers["maps"].shape == (7, 4, 7, 7)


class Sized(nn.Module):
    def forward(self, images):
        return images.flatten(1)[:, : len(images)]  # as many numbers as images


class Bessel(nn.Module):
    def forward(self, images):
        return torch.special.bessel_j0(images)


REFUSED = [
    (Sized(), "net.onnx", "turns the number of images into a plain number"),
    (Bessel(), "net.onnx", "does not know the operation prims.bessel_j0"),
    (nn.Identity(), "net.pt2", "is no name of a .onnx file"),
    (nn.Identity(), "file/net.onnx", "cannot be written (Not a directory)"),
    (nn.Linear(9, 2), "net.onnx", "does not run on an example of shape"),
]


@pytest.mark.parametrize(("network", "name", "words"), REFUSED, ids=[words for *_, words in REFUSED])
def test_what_can_t_be_written_is_one_sentence_and_nothing_is_left(network, name, words, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=".") as told:
        pruning.export_onnx(network, tmp_path / name, torch.randn(2, 3, 4, 4))
    assert words in str(told.value) and "\n" not in str(told.value)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("answer", [2.0, 3, True, "a text", (1, None)])
@pytest.mark.parametrize("export", [pruning.export_onnx, pruning.export_program])
def test_a_plain_value_beside_the_tensors_is_written_right_or_refused_in_a_sentence(export, answer, tmp_path):
    network = Layer(lambda maps: {"maps": maps, "beside": answer})
    ending = ".onnx" if export is pruning.export_onnx else ".pt2"
    if ending == ".pt2" and not isinstance(answer, str):
        made = export(network, tmp_path / "net.pt2", torch.randn(2, 3, 9, 9))
        again = torch.export.load(made.paths[0]).module()(torch.randn(5, 3, 9, 9))
        assert again["maps"].shape == (5, 4, 7, 7) and again["beside"] == answer
    else:
        with pytest.raises(ValueError, match="which is no tensor, and an .* can't hold it; give a network"):
            export(network, tmp_path / f"net{ending}", torch.randn(2, 3, 9, 9))
        assert not [*tmp_path.iterdir()]


class Layer(nn.Module):
    """A convolution, and what is done with its maps."""

    def __init__(self, after=lambda maps: maps):
        super().__init__()
        self.layer, self.after = nn.Conv2d(3, 4, 3), after

    def forward(self, output):  # a name that exporters give to answers
        return self.after(self.layer(output))


def in_place(maps):
    torch.relu_(maps)
    maps.mul_(0.5).add_(0.1)
    return maps.mean((2, 3))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.GRU(3, 6, batch_first=True, bidirectional=True)
        self.second = nn.LSTM(12, 5, 2, batch_first=True)

    def forward(self, images):
        return self.second(self.first(images.flatten(2).transpose(1, 2))[0])[0][:, -1]


ODD = {
    "truth values": lambda: Layer(lambda maps: (maps, maps > 0)),
    "infinite scores": lambda: Layer(lambda maps: maps.masked_fill(maps < 0, -torch.inf)),
    "results that nobody takes": lambda: Layer(in_place),
    "any number of inputs": lambda: nn.DataParallel(Layer()),
    "compiled": lambda: torch.compile(Layer()),
    "recurrent layers": Recurrent,
}


@pytest.mark.parametrize("form", ["onnx", "exported", "pytorch"])
@pytest.mark.parametrize("kind", ODD)
def test_networks_of_odd_kinds_leave_as_they_answer(kind, form, tmp_path):
    subject = subject_of(ODD[kind](), torch.randn(7, 3, 9, 9))
    made = write_checked(form, subject, tmp_path / f"net{formats.FORMATS[form].endings[0]}")
    assert made.check.close and made.check.difference < 1e-5 and made.check.images == 7


def hooked() -> nn.Module:
    network = Layer()
    network.layer.register_forward_hook(lambda module, given, answer: 2 * answer)
    return network


NOT_WRITTEN = {
    "the network itself answers NaN": ("onnx", lambda: Layer(lambda maps: maps / 0 * 0)),
    "layer has forward hooks": ("pytorch", hooked),
    "was traced or scripted by torch.jit": (
        "onnx",
        lambda: torch.jit.trace(Layer(), torch.zeros(1, 3, 9, 9)),
    ),
    "the network is a str": ("onnx", lambda: "net"),
}


@pytest.mark.parametrize("words", NOT_WRITTEN)
def test_what_is_no_network_to_write_is_said(words, tmp_path):
    form, network = NOT_WRITTEN[words]
    with pytest.raises(ValueError, match=words):
        write_checked(
            form,
            subject_of(network(), torch.randn(7, 3, 9, 9)),
            tmp_path / f"net.{'py' if form == 'pytorch' else form}",
        )
    assert not [*tmp_path.iterdir()]


def test_of_two_files_neither_is_left_where_one_has_no_place(tmp_path):
    (tmp_path / "net.safetensors").mkdir()
    (tmp_path / "net.py").write_text("# mine")
    with pytest.raises(ValueError, match="net.safetensors is a folder; give another place"):
        write_checked("pytorch", subject_of(Layer(), torch.randn(2, 3, 9, 9)), tmp_path / "net.py")
    assert (tmp_path / "net.py").read_text() == "# mine"


EXAMPLES = [3, (), (torch.randn(2, 3), torch.randn(3, 3)), [None], torch.tensor(1.0)]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_of_tensors_batch_first(example, tmp_path):
    with pytest.raises(ValueError, match="tensors"):
        pruning.export_program(nn.Identity(), tmp_path / "net.pt2", example)


def test_a_file_that_answers_something_else_is_not_handed_out(tmp_path, monkeypatch):
    network, images = ZOO["resnet20"]()
    monkeypatch.setattr(exported_program, "opened", lambda path: lambda *given: [network(*given) + 0.01])
    with pytest.raises(ValueError, match="differs from the network by up to 1.0e-02, so nothing was written"):
        pruning.export_program(network, tmp_path / "net.pt2", images)
    assert not list(tmp_path.iterdir())


def test_a_runtime_that_is_not_installed_is_named_with_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == "onnxruntime" else True)
    with pytest.raises(ValueError, match="ONNX needs onnxruntime, .* run: pip install onnxruntime$"):
        pruning.export_onnx(nn.Identity(), tmp_path / "net.onnx", torch.randn(2, 3))


@pytest.mark.skipif(not formats.FORMATS["openvino"].missing, reason="OpenVINO is installed here")
def test_run_says_before_any_work_what_is_missing(tmp_path):
    done = forked("run", "--data", "digits", "--out", tmp_path / "out", "--export", "openvino")
    assert done.returncode == 2 and not (tmp_path / "out").exists()
    assert done.stderr == "OpenVINO needs openvino, not installed here; run: pip install openvino\n"


BAD = [
    (["--format", "onyx"], "onyx"),
    (["--out", "FILE"], "is a file; give a folder"),
    (["--out", "FILE/below"], "not writable"),
]


@pytest.mark.parametrize(("words", "told"), BAD, ids=[told for _, told in BAD])
def test_bad_input_of_the_command_line_is_one_line(words, told, tmp_path):
    (tmp_path / "file").write_text("")
    words = [word.replace("FILE", str(tmp_path / "file")) for word in words]
    done = forked("export", SAVED / "plain", *words)
    assert done.returncode == 2 and told in done.stderr and done.stderr.count("\n") == 1
    assert forked("export", tmp_path).stderr == f"{tmp_path} holds no run; give the folder that run wrote\n"


# ------------------------------------------------------------------------------------ plain PyTorch's layers

LAYERS = [
    nn.Conv2d(4, 8, (3, 5), stride=2, padding="valid", groups=2, bias=False),
    nn.Conv2d(4, 8, 3, padding=1, padding_mode="reflect"),
    nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1, output_padding=1),
    nn.BatchNorm2d(4, eps=1e-3, momentum=None, affine=False),
    nn.GroupNorm(2, 4, affine=False),
    nn.LayerNorm((4, 5), bias=False),
    nn.InstanceNorm2d(4, affine=True),
    nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
    nn.Hardtanh(-2.0, 3.0),
    nn.LeakyReLU(0.2, inplace=True),
    nn.PReLU(4),
    nn.GELU(approximate="tanh"),
    nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=True),
    nn.Linear(4, 3, bias=False),
    nn.Embedding(5, 3, padding_idx=1),
    nn.AdaptiveAvgPool2d((1, 2)),
    nn.Dropout(0.3),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_layer_is_made_anew_as_it_is(layer):
    again = eval(layer_constructors.constructor(layer, "layer"), {"nn": nn})
    assert str(again) == str(layer)
    numbers = {k: v for k, v in vars(layer).items() if isinstance(v, (int, float, str, tuple, bool))}
    assert {k: vars(again)[k] for k in numbers} == numbers


def test_a_layer_that_torch_does_not_have_is_refused():
    class Own(nn.Conv2d):
        pass

    with pytest.raises(ValueError, match="is a Own, no layer of torch.nn"):
        layer_constructors.constructor(Own(1, 1, 1), "first")
