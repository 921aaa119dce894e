"""What a finished run tells beyond its report: image by image, which answers turned wrong, which right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pruning.experiment.loading import load, use_threads
from pruning.experiment.recipe import Recipe
from pruning.experiment.report import STAGES
from pruning.experiment.run import run
from pruning.gates.gate_trace import GateTrace
from pruning.inspection.grad_cam_pairs import GradCamPairs, chosen, grad_cam_pairs
from pruning.progress import Watch, silent
from pruning.tasks import Difference, paired_difference

PICTURES = 24  # of each kind of change


@dataclass(frozen=True, eq=False)
class RunReport:
    """A finished run as a page shows it, without torch.

    recipe: with every field resolved.   report: as report.json.   history: a row an epoch of fine-tuning, as
    `train.fit` returns it; with a teacher also distill_logits and distill_features.   widths: as
    `Plan.table()`.   stages: as `stages`.   difference: how the pruned network's accuracy differs from the
    full one's.   changes: as `changes`, of all test images.   pictures: {test image: uint8 [H, W, 3]} of the
    first PICTURES of each kind of change.   path: as `Plan.path_table()`.   grad_cams: what both networks
    look at in some test images, where that can be said.
    gates, gate_history: as in Result; without gates None, and no rows.
    unseen: why pictures and Grad-CAM are missing, of a saved run whose data are not at hand any more.
    """

    recipe: Recipe
    report: Mapping[str, Any]
    history: pd.DataFrame
    widths: pd.DataFrame
    stages: pd.DataFrame
    difference: Difference
    changes: pd.DataFrame
    pictures: Mapping[int, np.ndarray]
    path: pd.DataFrame
    grad_cams: GradCamPairs | None
    gates: GateTrace | None
    gate_history: pd.DataFrame
    unseen: str = ""


EPOCH = ("epoch", "loss", "holdout_loss", "holdout_accuracy", "images_per_second")
HISTORY = (*EPOCH, "kept")
GATE_HISTORY = (*EPOCH, "left", "target", "between")


def run_and_report(recipe: Recipe, folder: str, watch: Watch = silent) -> RunReport:
    """`run`, saved into a folder, and all that a page shows of it: the whole of a job.

    The state of its training is kept below the folder, and the same job goes on from it."""
    use_threads(recipe)
    result = run(recipe, watch, state=Path(folder) / "state")
    result.save(folder)
    told = answers(result.predictions, result.report["classes"])
    found = changes(result.predictions, result.report["classes"])
    full = load(result.recipe)
    return RunReport(
        recipe=result.recipe,
        report=result.report,
        history=epochs(result.history, HISTORY),
        widths=result.plan.table(),
        stages=stages(result.report),
        difference=difference(result.predictions),
        changes=found,
        pictures={int(image): np.array(full.data.test.images[image]) for image in shown_images(told)},
        path=result.plan.path_table(),
        grad_cams=grad_cam_pairs(full, result.model, chosen(told), watch),
        gates=result.gates,
        gate_history=epochs(result.gate_history, GATE_HISTORY),
    )


def epochs(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """A table of epochs, with these columns also where there is none, and whatever else the rows tell."""
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)


def difference(predictions: Mapping[str, np.ndarray]) -> Difference:
    """The last stage's accuracy against the full network's, on the same images."""
    labels = predictions["labels"]
    after, before = (predictions[f"{stage}_classes"] == labels for stage in (last(predictions), "baseline"))
    return paired_difference([after], [before])


def last(predictions: Mapping[str, np.ndarray]) -> str:
    return [stage for stage in STAGES if f"{stage}_classes" in predictions][-1]


def measured(report: Mapping[str, Any]) -> list[str]:
    """The stages that a run went through, in order."""
    return [stage for stage in STAGES if report["correct"].get(stage) is not None]


def stages(report: Mapping[str, Any]) -> pd.DataFrame:
    """A row a stage: stage, macs, parameters, correct, test_images (counts), accuracy (0 to 1)."""
    rows = [
        {
            "stage": stage,
            "macs": report["macs"]["baseline" if stage == "baseline" else "final"],
            "parameters": report["parameters"]["baseline" if stage == "baseline" else "final"],
            "correct": report["correct"][stage],
            "test_images": report["test_images"],
            "accuracy": report["accuracy"][stage],
        }
        for stage in measured(report)
    ]
    return pd.DataFrame(rows)


def changes(predictions: Mapping[str, np.ndarray], classes: Sequence[str]) -> pd.DataFrame:
    """The test images whose answer turned wrong ("broken") or right ("mended") between the full network and
    the last stage, the pruned network's most confident answers first: rows of `answers`."""
    table = answers(predictions, classes)
    return table[table["change"] != "same"].reset_index(drop=True)


def shown_images(told: pd.DataFrame) -> list[int]:
    """Rows of the test part: the first PICTURES of each kind of change. told: as `answers`."""
    changed = told[told["change"] != "same"]
    return changed.groupby("change", sort=False).head(PICTURES)["image"].tolist()


def answers(predictions: Mapping[str, np.ndarray], classes: Sequence[str]) -> pd.DataFrame:
    """What the full network and the last stage say of every test image, and whether that turned wrong
    ("broken"), right ("mended") or neither ("same"); of each kind the pruned network's most confident first.

    predictions: as predictions.npz.   classes: names.   Returns change, image (row of the test part), label,
    before, after (class names), probability_before, probability_after (0 to 1, of each network's answer).
    """
    labels = predictions["labels"]
    final = last(predictions)
    before, after = predictions["baseline_classes"], predictions[f"{final}_classes"]
    right_before, right_after = before == labels, after == labels
    kinds = [right_before & ~right_after, ~right_before & right_after]
    names = np.asarray([str(name) for name in classes], object)
    table = pd.DataFrame(
        {
            "change": np.select(kinds, ["broken", "mended"], "same"),
            "image": np.arange(len(labels)),
            "label": names[labels],
            "before": names[before],
            "after": names[after],
            "probability_before": predictions["baseline_probabilities"],
            "probability_after": predictions[f"{final}_probabilities"],
        }
    )
    order = ["change", "probability_after"]
    return table.sort_values(order, ascending=[True, False], kind="stable").reset_index(drop=True)
