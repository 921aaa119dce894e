"""What version 0.1.0 wrote still opens, and answers as it did then: saved networks, recipes, reports, links.

tests/saved/0.1 was written by that version's command line on the digits and scenes: folders, one zip, and
beside each the logits that its `pruning.load` answered with; links.json holds links and the recipes they
meant."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import pruning
from pruning.experiment.report import load_report
from pruning.inspection.prediction_changes import answers, difference, stages
from pruning.latency import LatencyTable
from pruning.tasks import DEFAULT
from tests.front_door import REPOSITORY

SAVED = REPOSITORY / "tests" / "saved" / "0.1"
NETWORKS = {  # stored name: what its recipe says
    "plain": {"criterion": "l1", "cut": 0.9, "repair": "recalibrate", "bits": 3.0},
    "gates": {"criterion": "gdp", "allocation": "gates", "groups": "all", "epochs": 2},
    "latency": {"measure": "latency", "bits": 2.5, "bit_choices": (2, 4)},
    "subtask": {"subtask": (3, 5, 8), "allocation": "trace-ratio", "repair": "reconstruct"},
    "best.zip": {"criterion": "reconstruction", "allocation": "error", "repair": "match"},
}
LINKS = json.loads((SAVED / "links.json").read_text())


def unpacked(name: str, folder: Path) -> Path:
    """The saved files as a folder."""
    if not name.endswith(".zip"):
        return SAVED / name
    with zipfile.ZipFile(SAVED / name) as archive:
        archive.extractall(folder)
    return folder


def images() -> torch.Tensor:
    """[4, 3, 32, 32], in normalised units, the same on every machine."""
    ramp = np.linspace(-2, 2, 4 * 3 * 32 * 32, dtype=np.float32)
    return torch.from_numpy(np.sin(37 * ramp).reshape(4, 3, 32, 32))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_saved_by_0_1_loads_and_answers_what_it_did(name):
    with torch.no_grad():
        logits = pruning.load(SAVED / name)(images()).numpy()
    then = np.loadtxt(SAVED / f"{name.removesuffix('.zip')}.logits.csv", delimiter=",")
    assert logits.shape == then.shape == (4, 3 if name == "subtask" else 10)
    # float32 through 20 layers: other processors and versions of torch sum in another order
    np.testing.assert_allclose(logits, then, rtol=1e-3, atol=1e-3 * np.abs(then).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_recipe_and_a_report_of_0_1_say_of_it_what_they_did(name, tmp_path):
    folder = unpacked(name, tmp_path)
    text = (folder / "recipe.json").read_text()
    recipe = pruning.Recipe.from_json(text)
    assert {field: getattr(recipe, field) for field in NETWORKS[name]} == NETWORKS[name]
    then = json.loads(text)
    assert said_now(recipe, then) == then
    report = load_report(folder)
    network = pruning.load(SAVED / name)
    assert sum(values.numel() for values in network.parameters()) == report["parameters"]["final"]
    assert report["values"] == report["accuracy"] and report["metric"]["name"] == "accuracy"
    assert report["history"] == report["gate_history"] == []
    table = stages(report)  # what pages draw
    assert list(table["stage"])[:2] == ["baseline", "cut"]
    with np.load(folder / "predictions.npz") as predictions:
        rows = answers(DEFAULT, predictions, report["classes"])
        right = (rows["label"] == rows["after"]).sum()
        assert right == table.iloc[-1]["correct"] and len(rows) == report["test_images"]
        assert difference(DEFAULT, predictions).mean == pytest.approx(
            table.iloc[-1]["value"] - table.iloc[0]["value"]
        )


def said_now(recipe: pruning.Recipe, then: dict) -> dict:
    """Of the fields and options that a recipe had then, those of today's; what came later has its default."""
    now = recipe.to_dict()
    options = {name: now["options"][name] for name in then["options"]}
    return {field: options if field == "options" else now[field] for field in then}


def test_a_latency_table_of_0_1_gives_the_time_that_its_plan_was_made_on():
    table = LatencyTable.read(SAVED / "latency" / "latency.json")
    plan = pruning.Plan.from_json((SAVED / "latency" / "plan.json").read_text())
    assert table.digest == json.loads((SAVED / "latency" / "recipe.json").read_text())["latency"]
    assert plan.achieved == pytest.approx(0.5, abs=0.05) and plan.measure == "latency"


@pytest.mark.parametrize("row", LINKS, ids=lambda row: ",".join(row["link"]) or "no keys")
def test_a_link_of_0_1_opens_the_recipe_that_it_meant(row):
    recipe = pruning.Recipe.from_query(row["link"])
    then = row["recipe"]
    if then["repair"] == "match" and "match_steps" not in row["link"]:
        then["match_steps"] = 200  # what is unsaid is today's default
    then |= {"device": recipe.device} if "device" not in row["link"] else {}  # auto: that of this machine
    assert said_now(recipe, then) == then
    assert recipe.to_query() == row["link"]


def test_weights_in_few_bits_that_are_given_as_a_checkpoint_say_how_they_are_opened():
    with pytest.raises(ValueError, match="holds weights in few bits: the folder .* opens with pruning.load"):
        pruning.load_model("resnet20", "digits", SAVED / "plain" / "model.safetensors")
