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
from pruning.inspection.saved_run import of_stage
from pruning.inspection.translated_pictures import TranslatedPictures, translated_pictures
from pruning.progress import Watch, silent
from pruning.tasks import TASKS, Difference, Task

PICTURES = 24  # of each kind of change


@dataclass(frozen=True, eq=False)
class RunReport:
    """A finished run as a page shows it, without torch.

    recipe: with every field resolved.   report: as report.json.   history: a row an epoch of fine-tuning, as
    `train.fit` returns it; with a teacher also distill_logits and distill_features.   widths: as
    `Plan.table()`.   stages: as `stages`.   difference: how the pruned network's metric differs from the full
    one's.   changes: as `changes`, of all test images.   pictures: {test image: uint8 [H, W, 3]} of the first
    PICTURES of each kind of change.   masks: as `masks_of`.   translated: of
    translations, else None.   path: as `Plan.path_table()`.   grad_cams: what
    both networks look at in some test images, where that can be said.
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
    masks: Mapping[int, np.ndarray]
    pictures: Mapping[int, np.ndarray]
    path: pd.DataFrame
    grad_cams: GradCamPairs | None
    gates: GateTrace | None
    gate_history: pd.DataFrame
    unseen: str = ""
    translated: TranslatedPictures | None = None

    @property
    def of_task(self) -> Task:
        return TASKS[self.report["task"]]


EPOCH = ("epoch", "loss", "holdout_loss", "images_per_second")
HISTORY = (*EPOCH, "kept")  # and holdout_METRIC, the task's
GATE_HISTORY = (*EPOCH, "left", "target", "between")


def run_and_report(recipe: Recipe, folder: str, watch: Watch = silent) -> RunReport:
    """`run`, saved into a folder, and all that a page shows of it: the whole of a job.

    The state of its training is kept below the folder, and the same job goes on from it."""
    use_threads(recipe)
    result = run(recipe, watch, state=Path(folder) / "state")
    result.save(folder)
    task, of = TASKS[result.report["task"]], (result.predictions, result.report["classes"])
    told, full = answers(task, *of), load(result.recipe)
    return RunReport(
        recipe=result.recipe,
        report=result.report,
        history=epochs(result.history, history_columns(HISTORY, task)),
        widths=result.plan.table(),
        stages=stages(result.report),
        difference=difference(task, result.predictions),
        changes=changes(task, *of),
        masks=masks_of(task, result.predictions, told),
        pictures={int(image): np.array(full.data.test.images[image]) for image in shown_images(told)},
        path=result.plan.path_table(),
        grad_cams=grad_cam_pairs(full, result.model, chosen(told), watch),
        gates=result.gates,
        gate_history=epochs(result.gate_history, history_columns(GATE_HISTORY, task)),
        translated=translated_pictures(task, of[0], shown_images(told), of[1]),
    )


def history_columns(columns: Sequence[str], task: Task) -> list[str]:
    """With the task's metric in its place, after the losses."""
    return [*columns[:3], f"holdout_{task.metric.name}", *columns[3:]]


def epochs(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """A table of epochs, with these columns also where there is none, and whatever else the rows tell."""
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)


def difference(task: Task, predictions: Mapping[str, np.ndarray]) -> Difference:
    """The last stage's metric against the full network's, on the same images."""
    after, before = (of_stage(predictions, stage) for stage in (last(predictions), "baseline"))
    return task.difference([after], [before], predictions["labels"])


def last(predictions: Mapping[str, np.ndarray]) -> str:
    return [stage for stage in STAGES if of_stage(predictions, stage)][-1]


def measured(report: Mapping[str, Any]) -> list[str]:
    """The stages that a run went through, in order."""
    return [stage for stage in STAGES if report["values"].get(stage) is not None]


def stages(report: Mapping[str, Any]) -> pd.DataFrame:
    """A row a stage: stage, macs, parameters, value (of the metric, on test_images), test_images (a count),
    and correct (a count) where the metric counts right answers."""
    counted = report.get("correct", {})
    rows = [
        {
            "stage": stage,
            "macs": report["macs"]["baseline" if stage == "baseline" else "final"],
            "parameters": report["parameters"]["baseline" if stage == "baseline" else "final"],
            "value": report["values"][stage],
            "test_images": report["test_images"],
            **({"correct": counted[stage]} if counted else {}),
        }
        for stage in measured(report)
    ]
    return pd.DataFrame(rows)


def changes(task: Task, predictions: Mapping[str, np.ndarray], classes: Sequence[str]) -> pd.DataFrame:
    """The test images that turned wrong ("broken") or right ("mended") between the full network and the last
    stage: rows of `answers`."""
    table = answers(task, predictions, classes)
    return table[table["change"] != "same"].reset_index(drop=True)


def shown_images(told: pd.DataFrame) -> list[int]:
    """Rows of the test part: the first PICTURES of each kind of change. told: as `answers`."""
    changed = told[told["change"] != "same"]
    return changed.groupby("change", sort=False).head(PICTURES)["image"].tolist()


def masks_of(task: Task, predictions: Mapping[str, np.ndarray], told: pd.DataFrame) -> dict[int, np.ndarray]:
    """{test image: uint8 [3, h, w]}: what is right, what the full network says and what the last stage says,
    of `shown_images`; nothing where the task asks for no masks."""
    if task.drawn_as != "masks":
        return {}
    parts = [predictions["labels"], *(predictions[f"{s}_masks"] for s in ("baseline", last(predictions)))]
    return {image: np.stack([part[image] for part in parts]) for image in shown_images(told)}


def answers(task: Task, predictions: Mapping[str, np.ndarray], classes: Sequence[str]) -> pd.DataFrame:
    """What the full network and the last stage say of every test image, and whether that turned wrong
    ("broken"), right ("mended") or neither ("same").

    predictions: as predictions.npz.   classes: names.   Returns change, image (row of the test part), label
    (the class, those that the mask shows, or the domains from and to), before and after: class names, and
    probability_before and probability_after (0 to 1, of each network's answer), the most confident of the
    pruned network's first; or, of
    masks, each network's value of the image in words, and score_before and score_after, the largest
    difference first.
    """
    labels = predictions["labels"]
    before, after = (of_stage(predictions, stage) for stage in ("baseline", last(predictions)))
    right_before, right_after = (task.right(each, labels) for each in (before, after))
    kinds = [right_before & ~right_after, ~right_before & right_after]
    own, told = task.scores(before), task.scores(after)
    if own is not None and told is not None:
        said = [[task.metric.in_words(value) for value in values] for values in (own, told)]
        sure, order = ("score", own, told), np.abs(own - told)
    else:
        said = [task.said(each, classes) for each in (before, after)]
        order = after["probabilities"]
        sure = ("probability", before["probabilities"], order)
    table = pd.DataFrame(
        {
            "change": np.select(kinds, ["broken", "mended"], "same"),
            "image": np.arange(len(labels)),
            "label": task.described(labels, classes),
            "before": said[0],
            "after": said[1],
            f"{sure[0]}_before": sure[1],
            f"{sure[0]}_after": sure[2],
        }
    )
    ordered = table.assign(order=order).sort_values(
        ["change", "order"], ascending=[True, False], kind="stable"
    )
    return ordered.drop(columns="order").reset_index(drop=True)
