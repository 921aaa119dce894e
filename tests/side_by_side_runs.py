"""Runs to put side by side, saved as `run` saves them but with answers, epochs and recipes as a test says."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np

from pruning import Recipe
from pruning.tasks import PIXELWISE
from tests.front_door import REPOSITORY

SAVED = REPOSITORY / "tests" / "saved" / "0.1"
CLASSES = ["even", "odd"]
LABELS = np.arange(10) % 2


def saved(folder: Path, wrong: tuple[int, ...] = (), baseline: tuple[int, ...] = (), **changes) -> Path:
    """A run as `run` saves it, with these images wrong in the end. changes: fields of its recipe."""
    shutil.copytree(SAVED / "plain", folder)
    report = json.loads((folder / "report.json").read_text())
    recipe = Recipe.from_dict(report["recipe"] | {"bits": None}).but(**changes)
    values = dict.fromkeys(report["values"] if "values" in report else report["accuracy"])
    values |= {"baseline": 1 - len(baseline) / 10, "cut": 1 - len(wrong) / 10}
    epochs = [
        {"epoch": k, "loss": 1.0, "holdout_loss": 2.0, "holdout_accuracy": 0.5 + 0.1 * k} for k in (1, 2)
    ]
    report |= {"recipe": recipe.to_dict(), "values": values, "accuracy": values, "classes": CLASSES}
    report |= {"history": epochs[: recipe.epochs], "gate_history": []}
    (folder / "report.json").write_text(json.dumps(report))
    arrays = {"labels": LABELS}
    for stage, rows in (("baseline", baseline), ("cut", wrong)):
        answer = LABELS.copy()
        answer[list(rows)] = 1 - answer[list(rows)]
        arrays |= {f"{stage}_classes": answer, f"{stage}_probabilities": np.full(10, 0.9, np.float32)}
    np.savez(folder / "predictions.npz", **arrays)
    return folder


def two(place: Path) -> list[tuple[str, Path]]:
    """Runs of one network and the same images."""
    one = saved(place / "a", (0, 1, 2), criterion="l1", epochs=2, repair="none")
    other = saved(place / "b", (2, 3), criterion="cpot", repair="none")
    return [("A", one), ("B", other)]


def of_other_metric(place: Path) -> tuple[str, Path]:
    """A run whose metric is the mean IoU."""
    folder = saved(place / "m", criterion="l1", epochs=2, data="scenes_masks")
    report = json.loads((folder / "report.json").read_text())
    epochs = [row | {"holdout_mean IoU": row["holdout_accuracy"]} for row in report["history"]]
    report |= {"task": PIXELWISE.name, "metric": asdict(PIXELWISE.metric), "history": epochs}
    (folder / "report.json").write_text(json.dumps(report))
    return ("M", folder)
