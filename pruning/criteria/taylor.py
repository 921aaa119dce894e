"""Taylor: the first-order change of the loss when a channel is zeroed (Molchanov et al. 2017, arXiv
1611.06440)."""

import numpy as np

from pruning.criteria.registry import criterion
from pruning.statistics import GradientTimesActivation, LayerStatistics


@criterion(
    "taylor",
    meaning=(
        "Keeps the channels whose removal would change each image's loss most, to first order (gradient "
        "times activation)."
    ),
    unit="|gradient x activation|, mean over images",
    side="groups",
    needs=lambda options: (GradientTimesActivation(),),
    uses_labels=True,
    by_loss=True,
)
def taylor(layer: LayerStatistics) -> np.ndarray:
    """Mean over images of |sum over places and readers of gradient x activation|: [C], in units of the loss,
    higher = keep.

    Taken where a channel is read, so that it estimates just what the mask does."""
    return layer[GradientTimesActivation()]
