"""What one pass over the calibration images leaves behind.

`records` says what can be asked for and what is handed to a criterion; `collect` runs the network (and
imports torch).
"""

from pruning.statistics.specifications import (
    Attribution,
    ClassScatter,
    DualDiscriminant,
    DualShare,
    GradientTimesActivation,
    Grid,
    LayerStatistics,
    MeanMaps,
    PooledFeatures,
    RemovalErrors,
    Spread,
    TransportCosts,
)

__all__ = [
    "Attribution",
    "ClassScatter",
    "DualDiscriminant",
    "DualShare",
    "GradientTimesActivation",
    "Grid",
    "LayerStatistics",
    "MeanMaps",
    "PooledFeatures",
    "RemovalErrors",
    "Spread",
    "TransportCosts",
]
