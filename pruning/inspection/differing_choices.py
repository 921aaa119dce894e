"""What recipes differ in: choices that somebody made, without what follows from them."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from pruning.experiment.dependent_defaults import derived, idle
from pruning.experiment.recipe import Recipe

SEED = "seed"
NO_CHOICE = (SEED, "device", "threads", "latency")  # a repetition, and where and with what times it ran
NAMES = {
    "model": "network",
    "data": "data set",
    "checkpoint": "weights",
    "cut": "pruning ratio",
    "lr": "learning rate",
    "bits": "bits per weight",
    "cut_group": "pruning ratios of single groups",
    "protect": "protected groups",
    "groups": "groups that may be cut",
    "subtask": "classes",
    "control": "what is trained from new weights",
}
NOTHING = "says nothing"
SHOWN = 3  # pairs named in one sentence


def choices(recipe: Recipe, control: str = "") -> dict[str, Any]:
    """{field: value} of what was chosen; None where it follows from other fields, NOTHING where it says
    nothing beside them. control: of which kind, where a network was trained from new weights in the recipe's
    place."""
    told = {name: value for name, value in recipe.to_dict().items() if name not in NO_CHOICE}
    told |= {name: None for name, value in derived(recipe).items() if told[name] == value}
    return told | dict.fromkeys(idle(recipe), NOTHING) | {"control": control}


def differing(several: Sequence[Mapping[str, Any]]) -> list[str]:
    """Fields in which some of these choices differ, in the order of a recipe; of one criterion's options
    those that do, by their names."""
    first = several[0]
    fields = [name for name in first if len({repr(of[name]) for of in several} - {repr(NOTHING)}) > 1]
    if "options" not in fields:
        return fields
    at = fields.index("options")
    if "criterion" in fields:  # they come with it
        return fields[:at] + fields[at + 1 :]
    options = [name for name in first["options"] if len({repr(of["options"][name]) for of in several}) > 1]
    return fields[:at] + options + fields[at + 1 :]


def changed(one: Recipe, other: Recipe) -> list[str]:
    """Fields and options in which two recipes differ, the seed and where they run among them."""
    fields = differing([choices(one), choices(other)])
    return fields + [name for name in NO_CHOICE if getattr(one, name) != getattr(other, name)]


def in_words(labels: Sequence[str], several: Sequence[Mapping[str, Any]], seeds: Sequence[int]) -> str:
    """What runs differ in, and whether a difference between them can be laid to one choice."""
    fields = differing(several)
    other_seeds = len(set(seeds)) > 1
    if not fields:
        told = "one recipe"
        told += f" under the seeds {', '.join(map(str, seeds))}" if other_seeds else " and one seed"
        return f"These runs are of {told}."
    seed = ", and have other seeds" if other_seeds else ""
    if len(fields) == 1:
        return f"These runs differ in {named(fields[0])} alone{seed}."
    told = f"These runs differ in {listed(fields)} at once{seed}"
    if len(several) == 2:
        return f"{told}, so no difference can be laid to one of them."
    pairs = [(a, b, differing([several[a], several[b]])) for a, b in combinations(range(len(several)), 2)]
    single = [(a, b, of[0]) for a, b, of in pairs if len(of) == 1]
    if not single:
        return f"{told}, every two of them in more than one, so no difference can be laid to one of them."
    shown = [f"{labels[a]} and {labels[b]} ({named(field)})" for a, b, field in single[:SHOWN]]
    shown += [f"{len(single) - SHOWN} more pairs"] if len(single) > SHOWN else []
    return (
        f"{told}. Only between those that differ in one a difference can be laid to it: {'; '.join(shown)}."
    )


def listed(fields: Sequence[str]) -> str:
    """criterion, allocation and pruning ratio"""
    names = [named(field) for field in fields]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def named(field: str) -> str:
    """A recipe's field in words."""
    return NAMES.get(field, field.replace("_", " "))
