"""L2 norm: the Euclidean length of each filter (as in soft filter pruning, He et al. 2018, arXiv
1808.06866)."""

import numpy as np

from pruning.criteria.registry import criterion
from pruning.statistics import LayerStatistics


@criterion(
    "l2",
    meaning="Keeps the channels whose filters have the largest L2 (Euclidean) norm.",
    unit="Euclidean norm of the filter",
)
def l2(layer: LayerStatistics) -> np.ndarray:
    """Euclidean length of each output channel's filter: [P], in the weights' own scale, higher = keep."""
    return np.sqrt(layer.row_sums(np.square))
