"""One pruning experiment: the Recipe that says everything, `run` that does it, and the previews the app shows
meanwhile.

Importing this loads no torch; running does.
"""

from pruning.experiment.paired import Difference, paired_difference
from pruning.experiment.preview import AccuracyNow, Description, accuracy_now, describe, plan_of, scored
from pruning.experiment.recipe import Recipe
from pruning.experiment.run import Result, run

__all__ = [
    "AccuracyNow",
    "Description",
    "Difference",
    "Recipe",
    "Result",
    "accuracy_now",
    "describe",
    "paired_difference",
    "plan_of",
    "run",
    "scored",
]
