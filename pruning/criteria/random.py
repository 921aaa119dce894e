"""Random order: what every other criterion has to beat."""

import zlib

import numpy as np

from pruning.criteria.registry import criterion
from pruning.statistics import LayerStatistics


@criterion(
    "random",
    meaning="Keeps channels at random: the control that every criterion has to beat.",
    unit="random number",
    side="groups",
)
def random(layer: LayerStatistics) -> np.ndarray:
    """Uniform numbers in [0, 1), one a channel, by the seed and the group's name: [C], higher = keep."""
    drawn = np.random.default_rng([layer.seed, zlib.crc32(layer.name.encode())])
    return drawn.random(len(layer.weight))
