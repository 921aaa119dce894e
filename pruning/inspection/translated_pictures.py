"""What a run keeps of translations: changed ones, and a few test pictures in every domain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pruning.experiment.report import STAGES
from pruning.experiment.stages import IN_DOMAINS, SHOWN
from pruning.tasks import Task


@dataclass(frozen=True, eq=False)
class TranslatedPictures:
    """changed: {test image: uint8 [2, h, w, 3]}, what the full network made of it and what the last stage
    did.   rows: [n], test images; sources: [n], names of the domains that they are of; pictures: uint8 [n, h,
    w, 3], as they are.   domains: [D], names.   stages: {stage: uint8 [n, D, h, w, 3]}, those pictures in
    every domain; nothing of a run that kept none."""

    changed: Mapping[int, np.ndarray]
    rows: np.ndarray
    sources: tuple[str, ...]
    pictures: np.ndarray
    domains: tuple[str, ...]
    stages: Mapping[str, np.ndarray]


def translated_pictures(
    task: Task, predictions: Mapping[str, np.ndarray], images: Sequence[int], domains: Sequence[str]
) -> TranslatedPictures | None:
    """None where the task asks for no pictures. predictions: as predictions.npz.   images: changed ones."""
    if task.drawn_as != "pictures":
        return None
    made = [predictions[f"{stage}_pictures"] for stage in STAGES if f"{stage}_pictures" in predictions]
    stages = {s: predictions[f"{IN_DOMAINS}{s}"] for s in STAGES if f"{IN_DOMAINS}{s}" in predictions}
    rows = predictions.get(f"{SHOWN}rows", np.empty(0, np.int64))
    return TranslatedPictures(
        changed={image: np.stack([made[0][image], made[-1][image]]) for image in images},
        rows=rows,
        sources=tuple(str(domains[number]) for number in predictions["labels"][rows, 0]),
        pictures=predictions.get(f"{SHOWN}pictures", np.empty((0, 1, 1, 3), np.uint8)),
        domains=tuple(map(str, domains)),
        stages=stages,
    )
