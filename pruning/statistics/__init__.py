"""What one pass over the calibration images leaves behind.

`records` says what can be asked for and what is handed to a criterion; `collect` runs the network (and
imports torch).
"""

from pruning.statistics.records import (
    ClassScatter,
    DualDiscriminant,
    GradientTimesActivation,
    LayerStatistics,
    PooledFeatures,
    Spread,
)

__all__ = [
    "ClassScatter",
    "DualDiscriminant",
    "GradientTimesActivation",
    "LayerStatistics",
    "PooledFeatures",
    "Spread",
]
