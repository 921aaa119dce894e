"""Whether a recipe's data and weights belong together, before anything else is asked of them."""

from dataclasses import dataclass

from pruning.experiment.loaded_networks import loaded
from pruning.experiment.recipe import Recipe
from pruning.models import WrongWeights
from pruning.progress import Watch, silent


@dataclass(frozen=True)
class WeightsCheck:
    """error: why the weights do not fit, in a sentence, or empty.   fits: the networks that they fit."""

    error: str = ""
    fits: tuple[str, ...] = ()


def check_weights(recipe: Recipe, watch: Watch = silent) -> WeightsCheck:
    """Loads the recipe's data and network, which later questions then find. Raises ValueError in one sentence
    for files that are none."""
    try:
        loaded(recipe, watch)
    except WrongWeights as error:
        return WeightsCheck(str(error), error.fits)
    return WeightsCheck()
