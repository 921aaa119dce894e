"""The last few networks that this process has loaded, so that previews, durations and tables of times do not
load and trace one again."""

from dataclasses import replace

from pruning.experiment.loading import Loaded, load, resolved, use_threads
from pruning.experiment.recipe import Recipe
from pruning.experiment.result_cache import ResultCache
from pruning.models.own_code import stamp
from pruning.progress import Watch, silent

# The fields that a loaded network and its data depend on.
NETWORK = ("model", "data", "checkpoint", "normalize", "size", "subtask", "device", "seed")
_NETWORKS = ResultCache(3)


def network_key(recipe: Recipe) -> tuple:
    """What a loaded network and its data depend on."""
    return (*(getattr(recipe, name) for name in NETWORK), recipe.task, recipe.code, *stamp(recipe.model))


def loaded(recipe: Recipe, watch: Watch = silent) -> Loaded:
    """What the recipe stands for, shared with whoever asks for the same network: nobody changes it."""
    use_threads(recipe)
    found = _NETWORKS.get(network_key(recipe), lambda: load(recipe, watch))
    return replace(found, recipe=resolved(recipe, found.model))  # the network may have come with another one
