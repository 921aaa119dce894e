"""L1 norm: small weights add little to what the readers sum (Li et al. 2017, arXiv 1608.08710)."""

import numpy as np

from pruning.criteria.registry import criterion
from pruning.statistics import LayerStatistics


@criterion(
    "l1",
    meaning="Keeps the channels whose filters have the largest L1 norm: the sum of absolute weights.",
    unit="sum of |weight|",
)
def l1(layer: LayerStatistics) -> np.ndarray:
    """Sum of |weight| per output channel: [P], in the weights' own scale, higher = keep."""
    return layer.row_sums(np.abs)
