"""What a value that a page shows depends on: the fields of a recipe, and their digest.

`threads` is no part of it: more threads change the last digits of a value, and pages show it rounded. So does
another device: what ships, which the processor has computed, is shown where the device is the one that is
chosen by itself. What a run finds is never taken from here.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pruning.devices import AUTO, chosen
from pruning.experiment import Recipe
from pruning.experiment.defaults import UNMATCHED_STEPS
from pruning.experiment.loaded_networks import NETWORK
from pruning.experiment.planning import LIMITS, SEARCHING
from pruning.inspection.preview import best_repair
from pruning.models.own_code import stamp
from pruning.search import SEARCHES

SCORING = (*NETWORK, "criterion", "options", "calibration")
CUTTING = (*LIMITS, *SEARCHING, "repair", "match_steps")  # the last two as `as_searched` has them
ROUNDING = (*SCORING, *CUTTING, "bit_choices")  # what a network to be rounded depends on
SECONDS = ("error",)  # allocations that search for seconds, and a moment at the next cut

TUNING: tuple[str, ...] = (
    "repair",
    "match_steps",
    "epochs",
    "lr",
    "batch_size",
    "threads",
    "distill",
    "distill_temperature",
)
TUNING += ("distill_logits", "distill_features", "bits", "bit_choices", "bits_by", "bits_epochs")
APART = ("cut", *TUNING, *SEARCHING)  # recipe fields that change no wall


def digest(recipe: Recipe, fields: tuple[str, ...]) -> str:
    """Of these fields, and of the size and time of a file that one of them names; of a network of one's own
    what makes it."""
    told = {name: getattr(recipe, name) for name in fields if name not in recipe.unused()}
    if told.get("device") == chosen(AUTO):
        told["device"] = "cpu"
    if "model" in told:  # of the bundled ones nothing, so that their keys stay
        told |= {str(number): one for number, one in enumerate(stamp(recipe.model))}
        told |= {} if recipe.task is None else {"task": recipe.task}
    paths = [Path(told[name]) for name in ("data", "checkpoint") if told.get(name)]
    stamps = [(path.stat().st_mtime_ns, path.stat().st_size) for path in paths if path.exists()]
    return hashlib.sha256(json.dumps([told, stamps], sort_keys=True).encode()).hexdigest()[:24]


def same_network(one: Recipe, other: Recipe) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in NETWORK)


def as_searched(recipe: Recipe, how: str = "") -> Recipe:
    """The recipe with all that its plan does not depend on at one value. A search by losses only asks whether
    the norms will follow the cut, by repair or training; one by errors expects an accuracy after a repair, by
    default the best; other allocations ask nothing."""
    repair: Any = "none"  # a choice of the recipe's, in the end
    if recipe.allocation == "error":
        repair = how or best_repair(recipe)
    elif recipe.allocation in SEARCHES and (recipe.epochs or recipe.repair != "none"):
        repair = "recalibrate"
    steps = recipe.match_steps if repair == "match" else UNMATCHED_STEPS
    return replace(recipe, epochs=0, distill=False, repair=repair, match_steps=steps)


def apart_from_cut(recipe: Recipe) -> Recipe:
    """The recipe with all that changes no wall at its default; in place of an allocation that takes minutes
    a cut, the same share of every group."""
    default = Recipe()
    same = {name: getattr(default, name) for name in APART}
    if recipe.allocation in SEARCHES and recipe.allocation not in SECONDS:
        same["allocation"] = "uniform"
    return replace(recipe, **same)
