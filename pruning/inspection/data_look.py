"""A look at a data set before anything is run on it: what it holds, and some of its images."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.data import calibration_images, load_data
from pruning.data.description import described
from pruning.data.resizing import nearest_from
from pruning.experiment.loading import image_size
from pruning.experiment.recipe import Recipe
from pruning.experiment.uploaded_files import located
from pruning.models import asked_task
from pruning.progress import Watch, silent
from pruning.tasks import PIXELWISE, TRANSLATED

SAMPLES = 8
SIDE = 168  # pixels of a sample at most; pages draw it at half of that


@dataclass(frozen=True, eq=False)
class DataLook:
    """told: as `described` has it.   samples: uint8 [n, h, w, 3], of the training part.   labels: of each, a
    class number; or uint8 [n, h, w], its mask."""

    told: dict[str, Any]
    samples: np.ndarray
    labels: np.ndarray

    @property
    def masked(self) -> bool:
        return self.labels.ndim == 3


def look_at_data(recipe: Recipe, watch: Watch = silent) -> DataLook:
    """Loads the recipe's data at the size that its network takes. Raises ValueError in one sentence."""
    watch("images", 0, 1)
    task = asked_task(recipe.model, recipe.task)  # domains, for one that translates
    where: dict[str, Any] = {"size": image_size(recipe), "task": task}
    data = load_data(located(recipe.data, "data"), **where, watch=watch)
    chosen = calibration_images(data, min(SAMPLES, len(data.train)), seed=0).split
    images, labels = chosen.images, chosen.labels
    if data.size > SIDE:
        rows, columns = nearest_from(images.shape[1:3], SIDE)
        images = images[:, rows[:, None], columns]
        labels = labels[:, rows[:, None], columns] if data.task is PIXELWISE else labels
    watch("images", 1, 1)
    if data.task.name == TRANSLATED.name:
        labels = labels[:, 0]  # the domains that they are of
    return DataLook(described(data), images, labels)
