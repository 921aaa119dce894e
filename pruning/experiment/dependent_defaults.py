"""Fields whose defaults depend on other fields, and which of them follow when others change."""

from collections.abc import Mapping
from typing import Any

from pruning.allocation import CLOSING
from pruning.criteria import CRITERIA
from pruning.experiment.defaults import (
    BEST,
    GATE_SHARE,
    LEARNING_RATE,
    LEARNING_RATES,
    MATCH_STEPS,
    PLAIN,
    TAUGHT_RATE,
    UNMATCHED_STEPS,
)
from pruning.experiment.recipe_fields import RecipeFields
from pruning.models import MODELS
from pruning.terms import MERGING

OF_GATES = ("allocation", "gate_epochs")  # mean nothing, or another thing, where no gates are trained
OF_BITS = ("bit_choices", "bits_by", "bits_epochs")
OF_DISTILLATION = ("distill_temperature", "distill_logits", "distill_features")
OF_SEARCH = ("search_by", "search_temperature", "search_images", "search_every")
TIMED = ("measure", "model", "subtask", "runtime")  # another one of these has no use for the measured times


def derived(recipe: RecipeFields) -> dict[str, Any]:
    """What fields that depend on others are."""
    whole = isinstance(recipe.epochs, int)
    gates = -(-GATE_SHARE * recipe.epochs // 100) if whole and recipe.trained else None
    rate = LEARNING_RATE if recipe.trained else LEARNING_RATES.get(recipe.repair, LEARNING_RATE)
    if recipe.model in MODELS and MODELS[recipe.model].task.taught:
        rate = TAUGHT_RATE
    steps = MATCH_STEPS if recipe.repair == "match" else UNMATCHED_STEPS
    allocation = "gates" if recipe.trained else "uniform"
    return {"allocation": allocation, "gate_epochs": gates, "lr": rate, "match_steps": steps}


def idle(recipe: RecipeFields) -> dict[str, str]:
    """Fields that say nothing beside the others: {name: what would give it a say}."""
    found: dict[str, str] = {}
    if not recipe.epochs:
        found["lr"] = "epochs=1"
        if not recipe.bits_epochs:
            found["batch_size"] = "epochs=1"
    if recipe.bits is None:
        found |= dict.fromkeys(OF_BITS, "bits=4")
    if not recipe.distill:
        found |= dict.fromkeys(OF_DISTILLATION, "distill=true")
    if recipe.allocation != "greedy":
        found |= dict.fromkeys(OF_SEARCH, "allocation=greedy")
    else:
        if recipe.search_by == "di":
            found["search_images"] = "search_by=kl"
        if not recipe.search_by.startswith("kl"):
            found["search_temperature"] = "search_by=kl"
    if recipe.repair != "match":
        found["match_steps"] = "repair=match"
    return found


def combination(recipe: RecipeFields) -> dict[str, str]:
    """What criterion and repair, and the allocation where all three are unsaid, are where they are unsaid."""
    return BEST if all(getattr(recipe, name) is None for name in BEST) else PLAIN


def followed(recipe: RecipeFields, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes of a recipe, with those that follow from them: see `Recipe.but`."""
    follow: dict[str, Any] = {}
    criterion = changes.get("criterion", recipe.criterion)
    trains = criterion in CRITERIA and CRITERIA[criterion].trained
    if criterion != recipe.criterion:
        follow["options"] = ()
    if trains and not recipe.trained and recipe.repair in (BEST["repair"], *MERGING):
        follow["repair"] = None
    if any(changes.get(name, getattr(recipe, name)) != getattr(recipe, name) for name in TIMED):
        follow["latency"] = None
    if recipe.blocks and changes.get("allocation", recipe.allocation) not in CLOSING and not trains:
        follow["blocks"] = False
    if changes.get("measure", recipe.measure) != "latency":
        follow["runtime"] = "torch"
    if changes.get("repair", recipe.repair) != "match":
        follow["match_steps"] = None
    for name, value in derived(recipe).items():
        if getattr(recipe, name) == value or (name in OF_GATES and trains != recipe.trained):
            follow[name] = None
    return {**follow, **changes}
