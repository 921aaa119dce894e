"""Layer conductance: how much of a class's score flows through a channel (Dhamdhere et al. 2018, arXiv
1805.12233)."""

from typing import Annotated

import numpy as np

from pruning.criteria.registry import criterion
from pruning.statistics import Attribution, LayerStatistics


def _needs(options) -> tuple:
    return (Attribution("conductance", options["images"], options["steps"]),)


@criterion(
    "conductance",
    meaning="Keeps the channels through which most of the true class's score flows (layer conductance).",
    unit="|conductance| of the class's score, mean over images",
    needs=_needs,
    uses_labels=True,
)
def conductance(
    layer: LayerStatistics,
    *,
    images: Annotated[int, "Calibration images used; time grows with images x steps."] = 100,
    steps: Annotated[int, "Steps of the integral, from the mean colour (zeros) to the image."] = 8,
) -> np.ndarray:
    """Mean over images of |sum over places of the conductance of the class's score|: [P], in units of the
    score, higher = keep.

    Places add up before the absolute value is taken, as in `taylor`: what one place adds to the score and
    another takes from it is nothing that the channel is needed for. ResNet-20, 100 images: 2 s on one
    core."""
    return layer[Attribution("conductance", images, steps)]
