"""Network slimming: a norm's scale says how much of a channel is passed on (Liu et al. 2017, arXiv
1708.06519)."""

import numpy as np

from pruning.criteria.registry import criterion
from pruning.statistics import LayerStatistics


@criterion(
    "slimming",
    meaning="Keeps the channels with the largest scale (gamma) in the batch norm after them.",
    unit="|scale| of the batch norm",
    side="norms",
)
def slimming(layer: LayerStatistics) -> np.ndarray:
    """|gamma| of the norm, per channel: [P], no unit, higher = keep. A network without norms has no such
    scores."""
    return np.abs(layer.weight)
