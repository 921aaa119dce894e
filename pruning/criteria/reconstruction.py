"""Reconstruction: what is lost with a channel once all that reads it is refitted. Our own; no labels."""

import numpy as np

from pruning.criteria.registry import criterion
from pruning.statistics import LayerStatistics, RemovalErrors


@criterion(
    "reconstruction",
    meaning=(
        "Keeps the channels that the others cannot replace when the layers reading them are refitted by "
        "least squares."
    ),
    unit="share of the variance lost without it, after refitting",
    side="groups",
    needs=lambda options: (RemovalErrors(),),
    columns=("alone", "score"),
)
def reconstruction(layer: LayerStatistics) -> np.ndarray:
    """Backward elimination: [C, 2], the share of the variance that the channel costs alone, and the share
    lost in all when it goes after all that go before it; higher = keep. Source: derived here, after optimal
    brain surgery (Hassibi and Stork 1993)."""
    alone, error = layer[RemovalErrors()].T
    return np.stack([alone, np.where(alone > 0, error, np.nan)], 1)
