"""What the full and the pruned network look at when they answer: Grad-CAM on the same test images."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pruning.data import inputs_of
from pruning.experiment.loading import Loaded
from pruning.progress import Watch, silent

if TYPE_CHECKING:
    from torch import nn

BATCH = 8  # images at a time: each goes forward and backward
EACH = 8  # images that turned wrong, that turned right, and that did neither


@dataclass(frozen=True, eq=False)
class GradCamPairs:
    """images: a row an image: image (row of the test part), change ("broken", "mended" or "same"), label,
    before, after (class names, said by the full and the pruned network).   pictures: uint8 [n, H, W, 3].
    before, after: uint8 [n, H, W], where the score of each network's own answer comes from, 255 the most."""

    images: pd.DataFrame
    pictures: np.ndarray
    before: np.ndarray
    after: np.ndarray


def chosen(answers: pd.DataFrame, each: int = EACH) -> pd.DataFrame:
    """The images to look at: the first of each kind, and of those that did not change no class twice before
    all have come. answers: as `inspection.prediction_changes.answers`."""
    turn = answers.groupby(["change", "label"]).cumcount()
    fair = answers.assign(turn=turn.where(answers["change"] == "same", 0))
    shown = fair.sort_values(["change", "turn"], kind="stable").groupby("change", sort=False).head(each)
    return shown[["image", "change", "label", "before", "after"]].reset_index(drop=True)


def grad_cam_pairs(
    full: Loaded, small: "nn.Module", images: pd.DataFrame, watch: Watch = silent
) -> GradCamPairs | None:
    """Grad-CAM of the full network and of `small` on test images, each of its own answer.

    images: as `chosen`.   None where a network has no maps of more than one place, as one of linear layers.
    """
    from pruning.attribution import grad_cam

    rows = images["image"].to_numpy(int)
    pictures = np.array(full.data.test.images[rows])
    inputs = inputs_of(full.data.test, rows, full.model.origin.normalization, full.recipe.device)
    maps = []
    for number, model in enumerate((full.model, small)):
        found = []
        for few in inputs.split(BATCH):
            watch("attribution", number * len(inputs) + BATCH * len(found), 2 * len(inputs))
            try:
                found.append(grad_cam(model, few, task=full.data.task))
            except ValueError:  # nothing to draw is no reason to lose the run
                return None
        maps.append((255 * np.concatenate(found)).round().astype(np.uint8))
    return GradCamPairs(images, pictures, *maps)
