"""Gradient x activation: to first order, what a channel adds to the class's score (Captum's
LayerGradientXActivation)."""

from typing import Annotated

import numpy as np

from pruning.criteria.registry import criterion
from pruning.statistics import Attribution, LayerStatistics


def _needs(options) -> tuple:
    return (Attribution("gradient x activation", options["images"]),)


@criterion(
    "gradient_x_activation",
    meaning=(
        "Keeps the channels that contribute most to the true class's score, to first order (gradient "
        "times activation)."
    ),
    unit="|gradient x activation| of the class's score, mean over images",
    needs=_needs,
    uses_labels=True,
)
def gradient_x_activation(
    layer: LayerStatistics,
    *,
    images: Annotated[int, "Calibration images used; time grows with them."] = 100,
) -> np.ndarray:
    """Mean over images of |sum over places of gradient x activation|: [P], in units of the score, higher =
    keep.

    Unlike `taylor` it asks for the class's score, not the loss (which is flat where the network is sure), and
    where a channel is written, before norm and activation. Places add up first, as there. ResNet-20, 100
    images: 0.3 s on one core."""
    return layer[Attribution("gradient x activation", images)]
