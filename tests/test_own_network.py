"""A network that code of one's own makes, by --model FILE.py:FACTORY: run again, loaded elsewhere, compared;
what is wrong with it in a sentence; and where no such code is run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import pruning
from pruning.experiment.loaded_networks import network_key
from pruning.experiment.loading import load
from pruning.models import own_code, weights_digest
from pruning.runs.run_key import made_weights, run_key
from tests.front_door import REPOSITORY, forked
from tests.mask_data import write_masks
from tests.own_code import LEAVES_A_TRACE, MISTAKES, write_small, write_unet

QUICK = ("--criterion", "l1", "--cut", 0.5, "--threads", 1, "--calibration", 20)


@pytest.fixture(autouse=True)
def allowed(monkeypatch):
    """As outside of a server, whose pages other tests open in this process."""
    monkeypatch.delenv(own_code.ALLOWED, raising=False)


@pytest.fixture(scope="module")
def unet(tmp_path_factory):
    """A folder with unet.py, pictures with masks, and a run of both in pruned/."""
    folder = tmp_path_factory.mktemp("own")
    write_unet(folder)
    write_masks(folder / "data", 20)
    words = ("--model", "unet.py:unet", "--data", "data", *QUICK, "--repair", "reconstruct")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(own_code.ALLOWED, raising=False)
        done = forked("run", *words, "--task", "segmentation", "--out", "pruned", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def report_of(folder) -> dict:
    return json.loads((folder / "report.json").read_text())


def test_what_was_saved_says_which_file_makes_the_network(unet):
    report, code = report_of(unet / "pruned"), own_code.recorded(f"{unet / 'unet.py'}:unet")
    assert report["task"] == "segmentation" and report["macs"]["final"] < 0.55 * report["macs"]["baseline"]
    assert report["recipe"]["model"] == f"{unet / 'unet.py'}:unet" and report["recipe"]["code"] == code
    assert any("unet of unet.py" in told and code[7:19] in told for told in report["messages"])
    (change,) = json.loads((unet / "pruned" / "plan.json").read_text())["changes"]
    assert change["file"] == "unet.py" and change["sha256"] == code[7:71]


LOADED = """
import pruning, sys
from pruning.train import evaluate
from unet import unet
small, data = pruning.load("pruned", model=unet(3)), pruning.load_data("data")
print(evaluate(small, data.test, normalization=small.origin.normalization).value)
"""


def test_it_says_the_same_in_a_fresh_process_where_its_factory_is_imported(unet):
    environment = {"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", LOADED]
    done = subprocess.run(command, cwd=unet, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == report_of(unet / "pruned")["values"]["repaired"]
    with pytest.raises(ValueError, match=r"unet of unet.py makes.*give .*model=unet"):
        pruning.load(unet / "pruned")  # a file runs no code that it names


def test_a_recipe_that_is_run_again_says_that_the_file_has_changed(unet):
    recipe = pruning.Recipe.from_json((unet / "pruned" / "recipe.json").read_text())
    assert not load(recipe).changed
    text = (unet / "unet.py").read_text()
    try:
        (unet / "unet.py").write_text(text.replace("width=8", "width=4"))
        (told,) = load(recipe).changed
        assert "unet.py has changed" in told and load(recipe).model.head.in_channels == 4
    finally:
        (unet / "unet.py").write_text(text)


def test_a_checkpoint_fills_it_and_without_one_its_own_weights_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = write_small(tmp_path)
    made = pruning.load_model("small:small", pruning.load_data("digits"))  # the module in the working folder
    again = pruning.load_model(f"{file}:small", pruning.load_data("digits"), "none")
    assert weights_digest(made) == weights_digest(again) == made.origin.digest
    other = {name: torch.ones_like(tensor) for name, tensor in made.state_dict().items()}
    save_file(other, tmp_path / "w.safetensors")
    filled = pruning.load_model("small.py:small", "digits", tmp_path / "w.safetensors")
    assert filled[0].weight.eq(1).all() and filled.origin.digest != made.origin.digest


MASKED = """
from torch import nn
from torch.nn.utils import parametrizations, prune


def masked(classes):
    parts = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()
    made = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))
    prune.l1_unstructured(made[0], "weight", amount=0.3)
    parametrizations.weight_norm(made[2])
    return made
"""


def test_weights_that_it_computes_from_others_are_worked_in_and_cut(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("masked.py").write_text(MASKED)
    monkeypatch.syspath_prepend(tmp_path)
    recipe = pruning.Recipe(model="masked.py:masked", data="digits", criterion="l1", cut=0.5, calibration=20)
    result = pruning.run(recipe)
    told, small = " ".join(result.report["messages"]), result.model
    assert all(f"the {kind} of 1 tensor worked in" in told for kind in ("pruning masks", "parametrization"))
    names = {"0.weight", "0.bias", "2.weight", "2.bias", "6.weight", "6.bias"}
    assert set(small.state_dict()) == names and small[0].out_channels < 8
    from masked import masked

    whole = masked(10)
    again = pruning.load(result.save("pruned"), model=whole)
    pairs = zip(again.parameters(), small.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs) and "0.weight_orig" in whole.state_dict()
    torch.save(whole.state_dict(), "parts.pth")  # as that network itself has them
    filled = pruning.load_model("masked.py:masked", "digits", "parts.pth")
    images = torch.rand(2, 3, 16, 16)
    assert torch.allclose(filled(images), whole(images), rtol=1e-4, atol=1e-6)


READS = """
import torch
from torch import nn

def net():
    made = nn.Conv2d(3, 4, 1)
    nn.init.constant_(made.weight, float(open({file!r}).read()))
    return made
"""


def test_runs_are_told_apart_by_the_file_and_by_the_weights_it_reads(tmp_path):
    file = write_small(tmp_path)
    recipe = pruning.Recipe(model=f"{file}:small", data="digits")
    before = run_key(recipe), network_key(recipe)
    assert (run_key(recipe), network_key(recipe)) == before
    write_small(tmp_path, width=16)
    assert run_key(recipe) != before[0] and network_key(recipe) != before[1]
    (tmp_path / "reads.py").write_text(READS.format(file=str(tmp_path / "weights.txt")))
    keys = set()
    for value in "01":
        (tmp_path / "weights.txt").write_text(value)
        made_weights.cache_clear()  # else looked at again after a minute
        keys.add(run_key(pruning.Recipe(model=f"{tmp_path / 'reads.py'}:net", data="digits")))
    assert len(keys) == 2


def test_comparisons_run_it_in_their_own_processes(tmp_path):
    write_small(tmp_path)
    words = ("--models", "small:small", "--datasets", "digits", "--criteria", "l1", "--cuts", 0.5)
    done = forked("compare", *words, "--controls", "none", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    head, row = (tmp_path / "out" / "results.csv").read_text().splitlines()
    assert dict(zip(head.split(","), row.split(","), strict=False))["status"] == "finished"


WRONG = {  # model, and what the sentence holds
    "mistakes.py:raises": ("RuntimeError in line 6, no weights here", "trace is in"),
    "mistakes.py:twelve": ("12 classes where 10 are needed", "classes.txt with all their names"),
    "mistakes.py:nothing": ("returns a dict", "torch.nn.Module"),
    "mistakes.py:needs": ("needs width", "num_classes"),
    "mistakes.py:five": ("5 classes", "10"),
    "mistakes.py:maps": ("answers a class for every pixel", "one class for an image"),
    "mistakes.py:Two": ("missing 1 required positional argument", "trace is in"),
    "mistakes.py:rises": ("did you mean 'raises'?",),
    "lacks.py:net": ("can't be imported", "No module named 'nothere'"),
    "unread.py:net": ("SyntaxError in line 1",),
    "gone.py:net": ("gone.py is not there", "FILE.py:FACTORY"),
    "gone.nets:net": ("gone.nets can't be found", "FILE.py:FACTORY"),
    "mistakes.py": ("names no factory", "FILE.py:FACTORY"),
}


@pytest.mark.parametrize("model", WRONG)
def test_what_is_wrong_with_it_is_one_sentence(model, tmp_path):
    (tmp_path / "mistakes.py").write_text(MISTAKES)
    (tmp_path / "lacks.py").write_text("import nothere\n")
    (tmp_path / "unread.py").write_text("def net(:\n")
    done = forked("scores", "--model", model, "--data", "digits", "--out", "s.csv", cwd=tmp_path)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert all(part in done.stderr for part in WRONG[model]), done.stderr
    assert not (tmp_path / "s.csv").exists()


def test_a_task_that_the_data_do_not_ask_for_is_refused(tmp_path):
    words = ("--model", "resnet20", "--data", "digits", "--task", "segmentation", "--out", tmp_path / "s.csv")
    done = forked("scores", *words)
    assert done.returncode == 2 and "digits asks for one class for an image" in done.stderr


def test_a_refused_process_runs_none_of_it_whatever_the_way(tmp_path, monkeypatch):
    file, trace = tmp_path / "leaves.py", tmp_path / "ran"
    file.write_text(LEAVES_A_TRACE.format(trace=str(trace)))
    monkeypatch.setenv(own_code.ALLOWED, "0")
    recipe = pruning.Recipe(model=f"{file}:net", data="digits")
    ways = {
        "load": lambda: load(recipe),
        "load_model": lambda: pruning.load_model(f"{file}:net", "digits", "none"),
        "run": lambda: pruning.run(recipe),
    }
    for way in ways.values():
        with pytest.raises(ValueError, match="this server runs none"):
            way()
    run_key(recipe)
    monkeypatch.delenv(own_code.ALLOWED)
    with own_code.sent_by(False), pytest.raises(ValueError, match="this server runs none"):
        load(recipe)  # a worker that anybody may use, for an app that may not
    assert not trace.exists()


FLATTENS = """
from torch import nn
class Net(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 6, 3, 4))
        self.head = nn.Linear(6 * 7 * 7, num_classes)
    def forward(self, x):
        x = self.body(x).relu()
        return self.head(x.view(x.size(0), -1))
"""


def test_a_network_that_views_its_maps_as_they_lie_in_memory(tmp_path):
    """Pictures lie with channels last, which `view` does not take: it is given what it takes."""
    (tmp_path / "net.py").write_text(FLATTENS)
    words = ("--model", "net.py:Net", "--data", "digits", *QUICK, "--repair", "match", "--match-steps", 3)
    done = forked("run", *words, "--epochs", 1, "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    own: dict = {}
    exec(FLATTENS, own)
    model, images = own["Net"]().eval(), torch.randn(60, 3, 32, 32)
    small, data = pruning.load(tmp_path / "out", model=model), (images, torch.arange(60) % 10)
    assert not small.origin.normalization.channels_last
    graph = pruning.ChannelGraph(model, images[:1])
    plan = pruning.search_plan(graph, "l1", data, cut=0.2, by="kl-moved", images=40)
    pruning.repair(pruning.cut(model, plan), plan, model, data, "match", match_steps=3)
