"""What one looks at without running a recipe: previews, single channels, what choices of channels cost.

Importing this loads no torch; asking does.
"""

from pruning.inspection.measured_values import AccuracyNow, FullAccuracy
from pruning.inspection.preview import (
    Description,
    accuracy_now,
    closable_blocks,
    describe,
    full_accuracy,
    plan_of,
    scored,
)

__all__ = [
    "AccuracyNow",
    "Description",
    "FullAccuracy",
    "accuracy_now",
    "closable_blocks",
    "describe",
    "full_accuracy",
    "plan_of",
    "scored",
]
