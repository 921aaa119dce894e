"""What a finished run tells image by image, and the job function that brings it to a page."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

import pruning
from pruning.experiment import Recipe
from pruning.inspection import prediction_changes
from pruning.inspection.reopened_run import reopened_run
from pruning.tasks import DEFAULT, PIXELWISE, marked
from pruning.train import evaluate
from tests.run_reports import assert_same

PREDICTIONS = {
    "labels": np.array([0, 1, 2, 0, 1]),
    "baseline_classes": np.array([0, 1, 0, 0, 2]),
    "baseline_probabilities": np.array([0.9, 0.8, 0.5, 0.7, 0.6], np.float32),
    "cut_classes": np.array([2, 2, 2, 2, 2]),
    "cut_probabilities": np.array([0.3, 0.3, 0.3, 0.3, 0.3], np.float32),
    "tuned_classes": np.array([1, 0, 2, 0, 2]),
    "tuned_probabilities": np.array([0.55, 0.95, 0.6, 0.9, 0.9], np.float32),
}


def test_images_whose_answer_turned_the_most_certain_first():
    table = prediction_changes.changes(DEFAULT, PREDICTIONS, ("a", "b", "c"))
    assert table[["change", "image", "label", "before", "after"]].values.tolist() == [
        ["broken", 1, "b", "b", "a"],
        ["broken", 0, "a", "a", "b"],
        ["mended", 2, "c", "a", "c"],
    ]
    assert table["probability_after"].tolist() == pytest.approx([0.95, 0.55, 0.6])


def test_the_difference_is_between_the_last_stage_and_the_full_network():
    assert prediction_changes.difference(DEFAULT, PREDICTIONS).mean == pytest.approx((2 - 3) / 5)


def test_a_table_of_epochs_holds_whatever_an_epoch_told_and_its_columns_without_any():
    row = dict.fromkeys(prediction_changes.HISTORY, 1) | {"distill_logits": 0.5}  # of a teacher
    assert prediction_changes.epochs([row], prediction_changes.HISTORY)["distill_logits"].tolist() == [0.5]
    assert list(prediction_changes.epochs([], prediction_changes.HISTORY)) == list(prediction_changes.HISTORY)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    recipe = Recipe(
        data="digits", criterion="random", cut=0.6, repair="recalibrate", calibration=100, threads=1
    )
    folder, told = tmp_path_factory.mktemp("run"), []
    found = prediction_changes.run_and_report(
        recipe, str(folder), lambda *step, **values: told.append((step, values))
    )
    return found, folder, told


def test_a_run_reports_the_numbers_that_it_saved(done):
    found, folder, _ = done
    report = json.loads((folder / "report.json").read_text())
    assert found.report["correct"] == report["correct"] and found.recipe.to_dict() == report["recipe"]
    assert found.stages["stage"].tolist() == ["baseline", "cut", "repaired"]
    assert found.stages["macs"].iloc[[0, -1]].tolist() == [
        report["macs"]["baseline"],
        report["macs"]["final"],
    ]
    widths = {
        group: [before, after] for group, before, after in found.widths.iloc[:, :3].itertuples(index=False)
    }
    assert widths == report["widths"]
    kinds = found.changes["change"].value_counts()
    assert {kind: int(kinds.get(kind, 0)) for kind in report["flips"]} == report["flips"]
    assert found.history.empty and "loss" in found.history


def test_a_saved_run_opens_as_it_was_and_without_its_data_says_so(done, tmp_path):
    found, folder, _ = done
    assert_same(found, reopened_run(folder))
    kept = shutil.copytree(folder, tmp_path / "kept")
    changed = found.report | {"recipe": found.recipe.but(data=str(tmp_path / "gone.npz")).to_dict()}
    (kept / "report.json").write_text(json.dumps(changed))
    again = reopened_run(kept)
    assert "gone.npz" in again.unseen and not again.pictures and again.grad_cams is None
    pd.testing.assert_frame_equal(again.changes, found.changes)
    old = {name: value for name, value in changed.items() if name not in ("groups", "history")}
    (kept / "report.json").write_text(json.dumps(old))
    assert reopened_run(kept).widths["tied_to"].isna().all() and reopened_run(kept).history.empty
    (kept / "predictions.npz").write_bytes(b"cut off")
    with pytest.raises(ValueError, match="holds no whole run"):
        reopened_run(kept)


def test_its_pictures_are_those_test_images(done):
    found, _, _ = done
    test = pruning.load_data("digits").test
    assert 1 <= len(found.pictures) <= 2 * prediction_changes.PICTURES
    for image, picture in found.pictures.items():
        assert np.array_equal(picture, test.images[image])
        row = found.changes[found.changes["image"] == image].iloc[0]
        assert row["label"] == str(test.labels[image])


def test_the_saved_network_has_the_accuracy_that_is_shown(done):
    found, folder, _ = done
    small, data = pruning.load(folder), pruning.load_data("digits")
    counted = evaluate(small, data.test, normalization=small.origin.normalization).correct
    assert counted == found.stages["correct"].iloc[-1]


def test_it_tells_the_plan_s_macs_and_every_stage_s_accuracy(done):
    _, _, told = done
    plan = [values for (stage, *_), values in told if stage == "plan" and "macs" in values]
    assert len(plan) == 1 and plan[0]["macs"] < plan[0]["macs_before"]
    counted = [
        values["message"] for (stage, *_), values in told if stage == "evaluate" and "accuracy" in values
    ]
    assert counted == ["baseline", "cut", "repaired"]


def test_of_masks_each_image_s_own_value_tells_what_turned_and_the_changed_pixels_are_marked():
    true = np.repeat(np.array([[[1, 1], [0, 0]]], np.uint8), 3, axis=0)  # three images of 2 x 2 pixels
    said = {"baseline": true, "cut": np.stack([true[0], 1 - true[1], true[2] * 0])}
    predictions = {"labels": true}
    for stage, masks in said.items():
        logits = torch.eye(2)[torch.from_numpy(masks.astype(int))].permute(0, 3, 1, 2)
        told = PIXELWISE.statistics(logits, torch.from_numpy(true.astype(int)))
        predictions |= {f"{stage}_{name}": array for name, array in told.items()}
    table = prediction_changes.changes(PIXELWISE, predictions, ("sky", "cat"))
    assert table[["image", "label", "before", "after"]].values.tolist() == [
        [1, "cat", "100.0 %", "0.0 %"],  # the largest difference first
        [2, "cat", "100.0 %", "25.0 %"],
    ]
    masks = prediction_changes.masks_of(PIXELWISE, predictions, table)
    assert set(masks) == {1, 2} and (masks[2][2] == 0).all() and (masks[2][0] == true[0]).all()
    assert prediction_changes.difference(PIXELWISE, predictions).mean < 0
    picture = marked(masks[2][2], masks[2][1], side=10)  # 5 x 5 pixels for each of the mask's
    assert picture.shape == (10, 10, 3)
    assert (picture[:4].max(axis=(0, 2)) == 255).any() and picture[4:].max() == 0  # the sky is black
