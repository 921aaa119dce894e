"""What a recipe's fields are where they are left unsaid, and which of them follow when others change."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pruning.criteria import CRITERIA

if TYPE_CHECKING:
    from pruning.experiment.recipe import Recipe

BEST = {"criterion": "reconstruction", "allocation": "error", "repair": "match"}  # all three unsaid
PLAIN = {"criterion": "l1", "repair": "none"}  # one of the three said; allocation as in `derived`
GATE_SHARE = 60  # percent of the epochs that train gates
MATCH_STEPS = 100
LEARNING_RATE = 0.05  # of a network that was cut and not repaired, and of one that is trained with gates
LEARNING_RATES = {"reconstruct": 0.003, "match": 0.003}  # after these; docs/tuning.md has what was measured
OF_GATES = ("allocation", "gate_epochs")  # mean nothing, or another thing, where no gates are trained
TIMED = ("measure", "model", "subtask")  # another one of these has no use for the measured times


def default_threads() -> int:
    """One core is left for whatever else the machine does, such as serving the app."""
    return max(1, (os.cpu_count() or 1) - 1)


def derived(recipe: "Recipe") -> dict[str, Any]:
    """What fields that depend on others are."""
    whole = isinstance(recipe.epochs, int)
    gates = -(-GATE_SHARE * recipe.epochs // 100) if whole and recipe.trained else None
    rate = LEARNING_RATE if recipe.trained else LEARNING_RATES.get(recipe.repair, LEARNING_RATE)
    return {"allocation": "gates" if recipe.trained else "uniform", "gate_epochs": gates, "lr": rate}


def combination(recipe: "Recipe") -> dict[str, str]:
    """What criterion and repair, and the allocation where all three are unsaid, are where they are unsaid."""
    return BEST if all(getattr(recipe, name) is None for name in BEST) else PLAIN


def followed(recipe: "Recipe", changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes of a recipe, with those that follow from them: see `Recipe.but`."""
    follow: dict[str, Any] = {}
    criterion = changes.get("criterion", recipe.criterion)
    trains = criterion in CRITERIA and CRITERIA[criterion].trained
    if criterion != recipe.criterion:
        follow["options"] = ()
    if trains and not recipe.trained and recipe.repair == BEST["repair"]:
        follow["repair"] = None
    if any(changes.get(name, getattr(recipe, name)) != getattr(recipe, name) for name in TIMED):
        follow["latency"] = None
    if changes.get("repair", recipe.repair) != "match":
        follow["match_steps"] = MATCH_STEPS
    for name, value in derived(recipe).items():
        if getattr(recipe, name) == value or (name in OF_GATES and trains != recipe.trained):
            follow[name] = None
    return follow | changes
