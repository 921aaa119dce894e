"""A run as it was saved, read without torch: its report, what it kept, and its answers on the test images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from pruning.cost import Plan
from pruning.experiment.recipe import Recipe
from pruning.experiment.report import STAGES, load_report
from pruning.inspection.differing_choices import choices
from pruning.tasks import TASKS, Task

BASELINE = STAGES[0]


@dataclass(frozen=True, eq=False)
class SavedRun:
    """A run of a folder. label: what it is called beside others.   report: as report.json.   predictions: as
    predictions.npz."""

    label: str
    recipe: Recipe
    report: Mapping[str, Any]
    plan: Plan
    predictions: Mapping[str, np.ndarray]

    @property
    def control(self) -> str:
        """Which kind of network trained from new weights it is; empty for a pruned one."""
        return self.report.get("control", {}).get("kind", "")

    @property
    def choices(self) -> dict[str, Any]:
        return choices(self.recipe, self.control)

    @property
    def task(self) -> Task:
        return TASKS[self.report["task"]]

    @property
    def labels(self) -> np.ndarray:
        return self.predictions["labels"]

    @property
    def stages(self) -> list[str]:
        """Those that it went through."""
        return [stage for stage in STAGES if self.report["values"].get(stage) is not None]

    def statistics(self, stage: str) -> dict[str, np.ndarray]:
        """What a stage's network answered, as the task keeps it."""
        return of_stage(self.predictions, stage)

    @property
    def last(self) -> dict[str, np.ndarray]:
        """What the network that was handed over answers."""
        return self.statistics(self.stages[-1])

    def same_images(self, other: "SavedRun") -> bool:
        """Whether both were tested on the same images. Data without a test part of their own were split by
        the seed in earlier versions; where both began with one network, its answers tell."""
        one, two = self.recipe, other.recipe
        if any(getattr(one, name) != getattr(two, name) for name in ("data", "subtask")):
            return False
        if self.task is not other.task or not _equal(self.labels, other.labels):
            return False
        if one.seed == two.seed or self.plan.model_digest != other.plan.model_digest:
            return True
        whole, its = self.statistics(BASELINE), other.statistics(BASELINE)
        return all(_close(values, its[name]) for name, values in whole.items())


def of_stage(predictions: Mapping[str, np.ndarray], stage: str) -> dict[str, np.ndarray]:
    """What a stage's network answered, as the task keeps it."""
    start = f"{stage}_"
    return {name[len(start) :]: array for name, array in predictions.items() if name.startswith(start)}


def read_run(label: str, folder: str | Path) -> SavedRun:
    """Raises ValueError in one sentence where the folder holds no finished run that this version reads."""
    folder = Path(folder)
    report = load_report(folder)
    try:
        recipe = Recipe.from_dict(report["recipe"])
        plan = Plan.from_json((folder / "plan.json").read_bytes())
        with np.load(folder / "predictions.npz") as kept:
            predictions = {name: kept[name] for name in kept.files}
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise ValueError(f"{folder} holds no whole run: {type(error).__name__}, {error}") from error
    if report["task"] not in TASKS:
        raise ValueError(f"{folder} holds a run of {report['task']}, which this version does not know")
    return SavedRun(label, recipe, report, plan, predictions)


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and bool((one == other).all())


def _close(one: np.ndarray, other: np.ndarray) -> bool:
    """Machines differ in the last digits, other images in most of them."""
    return one.shape == other.shape and float(np.mean(~np.isclose(one, other, atol=1e-3))) < 0.01
