"""One pruning experiment: the Recipe that says everything, and `run` that does it.

Importing this loads no torch; running does.
"""

from pruning.experiment.recipe import Recipe
from pruning.experiment.run import Result, run

__all__ = ["Recipe", "Result", "run"]
