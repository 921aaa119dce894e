"""A saved run as a page shows it: all that `run_and_report` told of it, from its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from pruning.cost import WIDTHS
from pruning.experiment import Recipe
from pruning.experiment.loading import Loaded, load, use_threads
from pruning.export import saved_network
from pruning.gates.gate_trace import COLUMNS, GateTrace
from pruning.inspection.grad_cam_pairs import GradCamPairs, chosen, grad_cam_pairs
from pruning.inspection.prediction_changes import (
    GATE_HISTORY,
    HISTORY,
    RunReport,
    answers,
    changes,
    difference,
    epochs,
    history_columns,
    masks_of,
    shown_images,
    stages,
)
from pruning.inspection.saved_run import SavedRun, read_run
from pruning.inspection.translated_pictures import translated_pictures
from pruning.progress import Watch, silent

UNSEEN = "Without pictures of its test images: {reason}."


def reopened_run(folder: str | Path, watch: Watch = silent) -> RunReport:
    """A run of this version or an earlier one, read from what `Result.save` wrote.

    Pictures and Grad-CAM come from its data and network, loaded anew, on the processor; where they are not at
    hand any more there are none, and `unseen` says why. Epochs and couplings that an earlier version did not
    save are no rows, and None.
    folder: is only read.   Raises ValueError in one sentence where it holds no whole run, or one whose
    answers are none that a page draws.
    """
    folder = Path(folder)
    saved = read_run(folder.name, folder)
    if not saved.task.drawn_as:
        raise ValueError(f"{folder} holds a run of {saved.report['task']}, whose answers no page draws yet")
    of = (saved.task, saved.predictions, saved.report["classes"])
    pictures, grad_cams, unseen = _seen(saved, folder, watch)
    return RunReport(
        recipe=saved.recipe,
        report=saved.report,
        history=epochs(saved.report["history"], history_columns(HISTORY, saved.task)),
        widths=widths(saved.report),
        stages=stages(saved.report),
        difference=difference(saved.task, saved.predictions),
        changes=changes(*of),
        masks=masks_of(saved.task, saved.predictions, answers(*of)),
        pictures=pictures,
        path=saved.plan.path_table(),
        grad_cams=grad_cams,
        gates=gate_trace(folder / "gates.npz"),
        gate_history=epochs(saved.report["gate_history"], history_columns(GATE_HISTORY, saved.task)),
        unseen=unseen,
        translated=translated_pictures(*of[:2], shown_images(answers(*of)), of[2]),
    )


def opened_again(recipe: Recipe, folder: str, watch: Watch = silent) -> RunReport:
    """`reopened_run`, as a question of a page. recipe: the run's, by which the page knows what it asked."""
    return reopened_run(folder, watch)


def widths(report: Mapping[str, Any]) -> pd.DataFrame:
    """As `Plan.table()`, which a plan read from a file can't give; of a report that does not tell them, inner
    and tied_to are None."""
    rows = []
    for name, (before, after) in report["widths"].items():
        told = report["groups"].get(name, {})
        tied = "; ".join(told["tied_to"]) if told else None
        closed = report["closed"].get(name, "")
        rows.append((name, before, after, 1 - after / before, told.get("inner"), tied, closed))
    return pd.DataFrame(rows, columns=WIDTHS)


def gate_trace(file: Path) -> GateTrace | None:
    """What `saved_network.save` wrote of the gates; None where none were trained."""
    if not file.exists():
        return None
    try:
        with np.load(file) as kept:
            rows = pd.DataFrame({name: kept[name] for name in COLUMNS})
            sizes = tuple(int(size) for size in kept["sizes"])
            counts = (int(kept["steps"]), int(kept["steps_per_epoch"]))
            return GateTrace(tuple(map(str, kept["groups"])), sizes, *counts, rows, kept["scaled"])
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise ValueError(f"{file} holds no whole trace of gates: {error}") from error


def _seen(
    saved: SavedRun, folder: Path, watch: Watch
) -> tuple[dict[int, np.ndarray], GradCamPairs | None, str]:
    """Pictures of test images, both networks' Grad-CAM, and what stood in the way of them."""
    use_threads(saved.recipe)
    try:
        full = load(saved.recipe.but(device="cpu"), watch)
        _must_be_of_the_run(full, saved)
    except (ValueError, OSError) as error:
        return {}, None, UNSEEN.format(reason=str(error).rstrip("."))
    told = answers(saved.task, saved.predictions, saved.report["classes"])
    pictures = {int(image): np.array(full.data.test.images[image]) for image in shown_images(told)}
    return pictures, grad_cam_pairs(full, saved_network.load(folder, full.model), chosen(told), watch), ""


def _must_be_of_the_run(full: Loaded, saved: SavedRun) -> None:
    """Files may have changed since, and other images under these answers would be wrong."""
    if not np.array_equal(saved.task.kept(full.data.test.labels)["labels"], saved.labels):
        raise ValueError("its data have changed since")
    if full.graph.structure.model_digest != saved.plan.model_digest:
        raise ValueError("its full network is another one now")
