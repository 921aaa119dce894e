"""Networks as files for other runtimes: written, checked, run where nothing of this project can be seen."""

import ast
import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import pruning
from pruning.experiment.export_subject import subject_of_run
from pruning.experiment.loading import load
from pruning.experiment.recipe import Recipe
from pruning.export import export_words, formats, onnx_file
from pruning.export.checked_files import write_checked
from pruning.models.domain_inputs import join, separated
from tests.cut_networks import cut_everywhere, with_closed_blocks
from tests.front_door import cli, forked
from tests.test_saved_results import SAVED
from tests.zoo import ZOO

IMAGES = torch.randn(70, 3, 32, 32)  # batches of 1, 5 and 64
ONNX_ALONE = """
import sys
import numpy as np
import onnxruntime
given, told = np.load(sys.argv[2]), {}
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
(name,) = [one.name for one in session.get_inputs()]
for n in (1, 5, 64):
    told[str(n)] = session.run(None, {name: given[:n]})[0]
assert not {"torch", "pruning", "onnx"} & set(sys.modules)
np.savez(sys.argv[3], **told)
"""
PROGRAM_ALONE = """
import sys
import numpy as np
import torch
given = torch.from_numpy(np.load(sys.argv[2]))
network = torch.export.load(sys.argv[1]).module()
assert "pruning" not in sys.modules
np.savez(sys.argv[3], **{str(n): network(given[:n]).detach().numpy() for n in (1, 5, 64)})
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def closed():
    """A ResNet-20 that has lost whole blocks and odd numbers of channels, streams with them."""
    model, example = ZOO["resnet20"]()
    return cut_everywhere(with_closed_blocks(model, example), example, 0.4)


def alone(script: str, file: Path, folder: Path) -> dict[str, np.ndarray]:
    """What a fresh Python, which does not see this project, answers for 1, 5 and 64 images."""
    np.save(folder / "given.npy", IMAGES.numpy())
    words = [sys.executable, "-I", "-c", script, file, folder / "given.npy", folder / "told.npz"]
    done = subprocess.run(list(map(str, words)), cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(folder / "told.npz") as told:
        return dict(told)


def test_an_onnx_file_of_closed_blocks_runs_without_this_project(closed, tmp_path):
    made = pruning.export_onnx(closed, tmp_path / "net.onnx", IMAGES)
    assert made.check.close and made.check.batches == (1, 5, 64) and made.check.difference < 1e-4
    told = alone(ONNX_ALONE, made.paths[0], tmp_path)
    with torch.no_grad():
        for n, answers in told.items():
            assert np.allclose(answers, closed(IMAGES[: int(n)]).numpy(), atol=1e-5)
    assert [file.name for file in tmp_path.glob("net*")] == ["net.onnx"]  # one file


def test_an_exported_program_runs_without_this_project_and_differs_in_no_digit(closed, tmp_path):
    made = pruning.export_program(closed, tmp_path / "net.pt2", IMAGES)
    assert made.check.difference == 0
    assert str(Path(pruning.__file__).parent).encode() not in made.paths[0].read_bytes()
    told = alone(PROGRAM_ALONE, made.paths[0], tmp_path)
    with torch.no_grad():
        for n, answers in told.items():
            assert np.allclose(answers, closed(IMAGES[: int(n)]).numpy(), atol=1e-6)


def test_a_network_is_not_changed_by_its_export(closed, tmp_path):
    closed.train().requires_grad_(True)
    before = {name: tensor.clone() for name, tensor in closed.state_dict().items()}
    pruning.export_program(closed, tmp_path / "net.pt2", IMAGES)
    assert closed.training and all(parameter.requires_grad for parameter in closed.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in closed.state_dict().items())
    closed.eval()


# ----------------------------------------------------------------------------------------------- saved runs


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """A saved run, of weights in few bits, written in two formats by the command line."""
    folder = tmp_path_factory.mktemp("run") / "plain"
    shutil.copytree(SAVED / "plain", folder)
    done = forked("export", folder, "--format", "onnx", "pytorch")
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_the_command_line_writes_and_tells_what_it_has_checked(taken):
    folder, told = taken
    names = {file.name for file in folder.iterdir()} - {file.name for file in (SAVED / "plain").iterdir()}
    assert names == {"network.onnx", "network.py", "network.safetensors"}
    report = pruning.load_report(folder)
    assert [row["format"] for row in report["exports"]] == ["onnx", "pytorch"]
    for row in report["exports"]:
        assert row["same"] == row["of"] == report["test_images"] and row["difference"] < 1e-4
        assert {1, 5, 64} <= set(row["batches"])
        assert row["bytes"]["final"] == sum((folder / name).stat().st_size for name in row["files"])
        assert row["bytes"]["final"] < row["bytes"]["baseline"] and set(row["milliseconds"]) == {"1", "64"}
        assert export_words.in_words(row) in told


def test_threads_of_a_file_that_is_timed_are_still_between_its_runs(taken):
    """Else networks that are timed in turns with more than one thread take the cores from each other."""
    call = onnx_file.again_and_again((taken[0] / "network.onnx").read_bytes(), {})
    options = call.func.__self__.get_session_options()
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"


def test_an_onnx_file_says_what_it_is_and_nothing_of_this_machine(taken):
    import onnx

    model = onnx.load(taken[0] / "network.onnx")
    told = {entry.key: entry.value for entry in model.metadata_props}
    recipe = Recipe.from_json((taken[0] / "recipe.json").read_text())
    assert Recipe.from_json(told["recipe"]) == recipe.but(device="cpu")
    assert json.loads(told["classes"]) == [str(digit) for digit in range(10)]
    assert len(json.loads(told["normalization"])["mean"]) == 3
    assert [(one.domain, one.version) for one in model.opset_import if not one.domain] == [
        ("", onnx_file.OPSET)
    ]
    (given,), (answer,) = model.graph.input, model.graph.output
    sizes = [[d.dim_param or d.dim_value for d in one.type.tensor_type.shape.dim] for one in (given, answer)]
    assert (given.name, answer.name) == ("image", "logits") and sizes == [["batch", 3, 32, 32], ["batch", 10]]
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}  # folded
    assert str(Path(pruning.__file__).parent).encode() not in (taken[0] / "network.onnx").read_bytes()


def test_plain_pytorch_names_its_widths_and_needs_torch_and_safetensors(taken):
    source = (taken[0] / "network.py").read_text()
    nodes = list(ast.walk(ast.parse(source)))
    found = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    found |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in found} == {"math", "operator", "pathlib", "safetensors", "torch"}
    small = pruning.load(taken[0])
    for name, layer in small.named_modules():
        if isinstance(layer, nn.Conv2d):
            assert f'put(self, "{name}", nn.Conv2d({layer.in_channels}, {layer.out_channels}, ' in source
    spec = importlib.util.spec_from_file_location("taken_network", taken[0] / "network.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.load()
    with torch.no_grad():
        assert torch.equal(network(IMAGES), small(IMAGES))  # weights as they were rounded
    assert network.state_dict().keys() == small.state_dict().keys()


def test_a_report_tells_of_the_files(taken):
    assert cli("report", taken[0]).returncode == 0
    page = (taken[0] / "report.html").read_text()
    assert "Files for other runtimes" in page and "network.onnx" in page and 'data-name="exports.onnx' in page


PAIRS = [("deeplabv3plus_small", "scenes_masks"), ("stargan_small", "scenes_colours")]


@pytest.mark.parametrize(("model", "data"), PAIRS)
@pytest.mark.parametrize("form", ["exported", "pytorch"])
def test_masks_and_translations_leave_too(model, data, form, tmp_path):
    loaded = tasks(model, data)
    subject, _ = subject_of_run(loaded, cut_everywhere(loaded.model, loaded.graph.example, 0.3))
    made = write_checked(form, short(subject), tmp_path / f"net{formats.FORMATS[form].endings[0]}")
    if model == "stargan_small":
        assert list(subject.inputs) == ["image", "domain"] and (subject.inputs["domain"].sum(1) == 1).all()
        assert (made.check.same, made.check.of, made.check.unit) == (12, 12, "picture")
    else:
        assert (made.check.same, made.check.unit) == (12 * 32 * 32, "pixel")


@cache
def tasks(model: str, data: str):
    return load(Recipe(model=model, data=data, criterion="l1", threads=1, device="cpu"))


def short(subject):
    return replace(subject, inputs={name: each[:12] for name, each in subject.inputs.items()})


def test_the_joined_network_of_another_s_code_takes_pictures_and_domains_apart():
    """What data of translations make of a network that takes two tensors is taken back for its file."""

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.shade = nn.Conv2d(4, 3, 1)

        def forward(self, image, label):
            maps = label[:, :, None, None].expand(-1, -1, image.shape[2], image.shape[3])
            return self.shade(torch.cat([image, maps], 1))

    network, pictures, label = Two(), torch.randn(2, 3, 4, 4), torch.rand(2, 1)
    join(network, 3)
    joint = torch.cat([pictures, label[:, :, None, None].expand(-1, -1, 4, 4)], 1)
    told = network(joint)
    assert separated(network) and torch.allclose(network(pictures, label), told)


SLOWER = [(2.0, 20, "onnx", 1), (1.05, 20, "onnx", 0), (2.0, 3, "onnx", 0), (2.0, 20, "exported", 0)]


@pytest.mark.parametrize(("final", "passes", "form", "said"), SLOWER)
def test_what_is_slower_there_is_said_where_enough_passes_were_timed(final, passes, form, said):
    """By its milliseconds for one image; a batch is faster."""
    single = {"baseline": 1.0, "final": final, "passes": passes}
    quick = {"baseline": 9.0, "final": 5.0, "passes": 20}
    words = export_words.slower({"format": form, "milliseconds": {"1": single, "64": quick}})
    assert words.count("For one image it takes longer there than the full network.") == said
