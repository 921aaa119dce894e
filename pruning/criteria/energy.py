"""Energy: how much of what the readers sum comes from a channel. No labels; the baseline for criteria that
use them."""

import numpy as np

from pruning.criteria.registry import criterion
from pruning.statistics import LayerStatistics, Spread


@criterion(
    "energy",
    meaning="Keeps the channels with the largest variance, weighted by the squared weights that read them.",
    unit="variance x squared weights that read it",
    side="readers",
    needs=lambda options: (Spread(),),
    combine="sum",
)
def energy(layer: LayerStatistics) -> np.ndarray:
    """Variance of a channel where it is read times the squared weights that read it: [P], squared units of
    the reader's output, higher = keep. Readers add up. Source: a baseline of ours."""
    return layer[Spread()] * layer.row_sums(np.square)
