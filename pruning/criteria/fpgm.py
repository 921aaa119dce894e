"""FPGM: filters near the geometric median of their layer are replaceable by the others (He et al. 2019, arXiv
1811.00250)."""

import numpy as np
from scipy.spatial.distance import cdist

from pruning.criteria.registry import criterion
from pruning.statistics import LayerStatistics


@criterion(
    "fpgm",
    meaning=(
        "Keeps the channels whose filters are far from all others; those near the geometric median count as "
        "redundant."
    ),
    unit="sum of distances to the other filters",
)
def fpgm(layer: LayerStatistics) -> np.ndarray:
    """Sum of Euclidean distances to the layer's other filters: [P], in the weights' own scale, higher =
    keep."""
    return cdist(layer.rows, layer.rows).sum(axis=1)
