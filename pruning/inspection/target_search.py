"""The smallest network for a target, as a worker looks for it."""

from dataclasses import replace

from pruning.experiment.latency_tables import store_table, table_reference
from pruning.experiment.recipe import Recipe
from pruning.progress import Watch, silent
from pruning.targets import Found, Target, smallest


def smallest_for(recipe: Recipe, kind: str, value: float, watch: Watch = silent) -> Found:
    """kind, value: of the Target. A table of times is kept for the app's processes, and named by digest."""
    found = smallest(recipe, Target(kind, value), watch)
    if found.table is None:
        return found
    store_table(found.table)
    named = replace(found.recipe, latency=table_reference(found.table))
    return replace(found, recipe=named)
