"""One experiment from its recipe: what is reported, saved, loaded again and previewed."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch

import pruning
from pruning.experiment import Recipe, run
from pruning.experiment.planning import planned
from pruning.experiment.uploaded_files import UPLOADS, located, replaced_upload
from pruning.inspection import accuracy_now, describe, scored
from pruning.models.bundled_weights import bundled_file
from pruning.progress import Cancelled
from pruning.train import evaluate
from tests.small_data import write_npz

RECIPE = Recipe(data="digits", criterion="catro", repair="recalibrate", calibration=300, threads=1)


@pytest.fixture(scope="module")
def result():
    torch.set_num_threads(1)
    return run(RECIPE)


def test_every_stage_is_told_and_adds_up(result):
    report = result.report
    assert report["accuracy"]["tuned"] is None and report["accuracy"]["quantized"] is None
    assert report["accuracy"]["repaired"] > report["accuracy"]["cut"]
    assert report["macs"]["final"] == pytest.approx(report["macs"]["baseline"] / 2, rel=0.02)
    assert report["parameters"]["final"] == sum(p.numel() for p in result.model.parameters())
    assert report["seconds"]["tune"] is None and report["seconds"]["repair"] > 0
    assert report["recipe"]["size"] == 32 and report["recipe"]["normalize"] == "cifar10"
    hits = result.predictions["repaired_classes"] == result.predictions["labels"]
    by_class = [hits[result.predictions["labels"] == k].mean() for k in range(10)]
    assert list(report["per_class"]["final"].values()) == pytest.approx(by_class)
    json.dumps(report)  # plain types alone


def test_what_is_saved_loads_in_a_folder_and_in_a_zip(result, tmp_path):
    result.save(tmp_path / "out")
    shutil.copytree(tmp_path / "out", tmp_path / "moved")
    test = pruning.load_data("digits").test
    for source in (tmp_path / "moved", result.zip(tmp_path / "network.zip")):
        small = pruning.load(source)
        found = evaluate(small, test, normalization=small.origin.normalization)
        assert np.array_equal(found.statistics["classes"], result.predictions["repaired_classes"])


def test_what_is_no_saved_network_is_one_sentence(result, tmp_path):
    (tmp_path / "noise.zip").write_bytes(np.random.default_rng(0).bytes(999))
    for source, told in [
        (tmp_path / "noise.zip", "no saved network"),
        (tmp_path / "nowhere", "there is no folder"),
        (tmp_path, "lacks model.safetensors"),
    ]:
        with pytest.raises(ValueError, match=told):
            pruning.load(source)
    result.save(tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"noise")
    with pytest.raises(ValueError, match="give weights alone"):
        pruning.load(tmp_path / "broken")


def test_previews_agree_with_what_run_does(result):
    description, scores = describe(RECIPE), scored(RECIPE)
    plan = planned(RECIPE, description.structure, scores)
    assert plan.macs == result.plan.macs and plan.widths == result.plan.widths
    assert all(np.array_equal(plan.kept[name], kept) for name, kept in result.plan.kept.items())
    assert description.macs == plan.macs_before and description.layers["macs"].sum() == plan.macs_before
    assert description.layers["parameters"].sum() <= description.parameters
    with pytest.raises(TypeError, match="give its ChannelGraph"):  # a search needs more than scores
        planned(RECIPE.but(allocation="error"), description.structure, scores)
    now = accuracy_now(RECIPE)
    assert now.images == len(pruning.load_data("digits").holdout) and now.where == "hold-out"
    assert now.raw < now.repaired <= now.baseline and not now.learned


def test_what_the_app_holds_needs_no_torch(result):
    import pickle
    import subprocess
    import sys

    content = pickle.dumps((describe(RECIPE), scored(RECIPE)))
    code = (
        "import pickle, sys\n"
        "description, scores = pickle.load(sys.stdin.buffer)\n"
        "from pruning.experiment.run import planned\n"
        "print(planned(description.recipe, description.structure, scores).macs, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True, timeout=600)
    assert done.stdout.decode().split() == [str(result.plan.macs), "False"], done.stderr.decode()


def test_a_watch_hears_of_every_stage_and_can_stop_it():
    heard, left = [], []

    def watch(stage, done, total, **values):
        heard.append(stage)
        left.append(values.get("run_seconds_left"))
        assert 0 <= done <= total
        if stage == "repair" and done:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(RECIPE, watch)
    assert list(dict.fromkeys(heard)) == [
        "trace",
        "statistics",
        "score",
        "plan",
        "evaluate",
        "cut",
        "repair",
    ]
    since = next(k for k, seconds in enumerate(left) if seconds is not None)
    assert all(seconds >= 0 for seconds in left[since:])  # of the whole run, once a step has shown its speed
    assert heard[since] in ("score", "plan", "evaluate")


def test_fewer_images_than_asked_for_and_epochs_in_vain_are_messages(tmp_path):
    weights, data = bundled_file("resnet20", "digits"), write_npz(tmp_path / "small.npz", train=10)
    recipe = RECIPE.but(data=str(data), checkpoint=str(weights), calibration=5000, criterion="energy")
    result = run(recipe.but(repair="none", cut=0.1, epochs=2, lr=10.0, batch_size=32))
    report, said = result.report, result.predictions
    assert any("5,000" in message for message in report["messages"])
    assert report["calibration_images"] == len(pruning.load_data(data).train)
    assert any("made the network no better on the hold-out" in told for told in report["messages"])
    assert np.array_equal(said["tuned_probabilities"], said["cut_probabilities"])  # not a digit is moved
    assert len(result.history) == 2 and not any(row["kept"] for row in result.history)
    assert json.loads(json.dumps(result.report))["history"] == list(result.history)


def test_an_upload_is_found_by_its_digest_and_asked_for_by_its_name(tmp_path, monkeypatch):
    content = bundled_file("resnet20", "digits").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    recipe = Recipe(data="digits", checkpoint=f"sha256:{digest}#mine.safetensors")
    with pytest.raises(ValueError, match=r"the file mine.safetensors; give it again as checkpoint=FILE"):
        located(recipe.checkpoint, "checkpoint")
    monkeypatch.setenv(UPLOADS, str(tmp_path))
    (tmp_path / digest).mkdir()
    (tmp_path / digest / "mine.safetensors").write_bytes(content)
    assert describe(recipe).macs > 40e6
    (tmp_path / digest / "mine.safetensors").write_bytes(content[:-1])
    with pytest.raises(ValueError, match="give it again"):
        located(recipe.checkpoint, "checkpoint")
    with pytest.raises(ValueError, match="is not the file mine.safetensors"):
        replaced_upload(recipe, checkpoint=str(tmp_path / digest / "mine.safetensors"), data=None)


def test_two_recipes_at_once_keep_their_own_numbers(result):
    from concurrent.futures import ThreadPoolExecutor

    other = Recipe(data="digits", criterion="l1", cut=0.3, threads=1)
    alone = run(other)
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(run, [RECIPE, other]))
    assert together[0].report["accuracy"] == result.report["accuracy"]
    assert together[1].report["accuracy"] == alone.report["accuracy"]
