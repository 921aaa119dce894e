"""One pruning experiment: the Recipe that says everything, `run` that does it, and the previews the app shows
meanwhile.

Importing this loads no torch; running does.
"""

from pruning.experiment.paired import Difference, paired_difference
from pruning.experiment.preview import (
    AccuracyNow,
    Description,
    FullAccuracy,
    accuracy_now,
    describe,
    full_accuracy,
    plan_of,
    scored,
)
from pruning.experiment.recipe import Recipe
from pruning.experiment.run import Result, run

__all__ = [
    "AccuracyNow",
    "Description",
    "Difference",
    "Recipe",
    "Result",
    "FullAccuracy",
    "accuracy_now",
    "describe",
    "paired_difference",
    "plan_of",
    "run",
    "scored",
    "full_accuracy",
]
