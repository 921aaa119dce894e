"""Targets in the place of a pruning ratio: the smallest network that is accurate, quick or small enough.

smallest(recipe, Target("points_below", 1.0)) -> Found     its recipe has the cut that was found
"""

from pruning.experiment.recipe import Recipe
from pruning.progress import Watch, silent
from pruning.targets.target import KINDS, Found, Target

__all__ = ["KINDS", "Found", "Target", "smallest"]


def smallest(recipe: Recipe, target: Target, watch: Watch = silent) -> Found:
    """The largest cut by which the recipe meets the target, as a recipe.

    The metric is judged on the hold-out, never on the test part; candidates are cut and repaired as the
    recipe says, without its fine-tuning. A time or a size is met by planning. Raises ValueError in one
    sentence where the target is out of reach, with what is in reach."""
    if target.of_metric:
        from pruning.targets.by_metric import smallest_by_metric

        return smallest_by_metric(recipe, target, watch)
    from pruning.targets.by_cost import smallest_by_cost

    return smallest_by_cost(recipe, target, watch)
