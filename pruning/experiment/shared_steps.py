"""Steps that recipes of one comparison have in common: done once in a process, and handed to every recipe.

What is shared is never changed by whoever gets it; a network that is to be trained is copied first. The
numbers are those of recipes run alone, to the last digit.
"""

import hashlib
from collections.abc import Callable, Hashable
from typing import Any

from pruning.cost import Plan
from pruning.experiment import loaded_networks
from pruning.experiment.planning import LIMITS, SEARCHING
from pruning.experiment.recipe import Recipe
from pruning.experiment.result_cache import ResultCache

NETWORK = (*loaded_networks.NETWORK, "threads")  # threads: these are kept as results, to the last digit
SCORED = ("criterion", "options", "calibration", "groups", "cut_group")
# How many results of a step are kept; a network of ImageNet's size takes 100 MB.
KEPT = {"load": 2, "baseline": 4, "scores": 6, "errors": 2, "plan": 6, "reconstruct": 2, "repair": 2}


class Alone:
    """Shares nothing: every step is done."""

    shares = False

    def __call__(self, step: str, key: Hashable, make: Callable[[], Any]) -> Any:
        return make()


class SharedSteps(Alone):
    """The last few results of every step. One recipe at a time: whoever asks meanwhile waits."""

    shares = True

    def __init__(self):
        self.kept = {step: ResultCache(most) for step, most in KEPT.items()}

    def __call__(self, step: str, key: Hashable, make: Callable[[], Any]) -> Any:
        return self.kept[step].get(key, make)


def network_key(recipe: Recipe) -> tuple:
    """What a loaded network, its data and what it says of the test part depend on."""
    return (*loaded_networks.network_key(recipe), recipe.threads)


def scores_key(recipe: Recipe) -> tuple:
    return (*network_key(recipe), *(getattr(recipe, name) for name in SCORED))


def plan_key(recipe: Recipe) -> tuple:
    """A search asks whether the norms will follow the cut, and after which repair an accuracy is expected."""
    limits = tuple(getattr(recipe, name) for name in (*LIMITS, *SEARCHING, "repair"))
    return (*scores_key(recipe), *limits, recipe.epochs > 0)


def cut_key(recipe: Recipe, plan: Plan) -> tuple:
    """What a cut network depends on before anything repairs it."""
    kept = hashlib.sha256(repr([(name, list(map(int, plan.kept[name]))) for name in plan.kept]).encode())
    return (*network_key(recipe), kept.hexdigest())


def repair_key(recipe: Recipe, plan: Plan) -> tuple:
    steps = recipe.match_steps if recipe.repair == "match" else None
    return (*cut_key(recipe, plan), recipe.repair, recipe.calibration, steps)
