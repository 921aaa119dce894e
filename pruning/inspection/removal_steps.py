"""One group's channels taken out one by one, in an order: what every step costs, before any repair."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pruning.experiment.loaded_networks import loaded
from pruning.experiment.recipe import Recipe
from pruning.inspection.channel_removal import IMAGES, Removal, Steps, learned
from pruning.progress import Watch, silent


@dataclass(frozen=True, eq=False)
class RemovalSteps:
    """losses: [len(order)], mean cross-entropy in nats without the first 0, 1, 2 ... channels of `order`; the
    last one stays, since without it the group would be empty.   learned: whether the network may have been
    trained on these images."""

    group: str
    order: tuple[int, ...]
    losses: np.ndarray
    images: int
    learned: bool


def removal_steps(
    recipe: Recipe, group: str, order: Sequence[int], watch: Watch = silent, *, images: int = IMAGES
) -> RemovalSteps:
    """Measures the hold-out loss after every step. Nothing is repaired on the way.

    order: every channel of the group once, the first to go first. Raises ValueError where it is not, or where
    there is no such group.
    """
    found = replace(loaded(recipe, watch), recipe=recipe)
    removal = Removal(found, group, images)
    if sorted(order) != list(range(removal.group.size)):
        raise ValueError(f"order has to name each of the {removal.group.size} channels of {group} once")
    sets = [order[:gone] for gone in range(len(order))]
    tick = Steps(watch, "oracle", len(sets) * removal.steps_raw)
    rows = removal.raw(sets, tick)
    return RemovalSteps(group, tuple(order), rows.mean(axis=1), rows.shape[1], learned(found))
