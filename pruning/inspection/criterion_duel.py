"""Who is right? Where two criteria choose differently within a group, what each choice really costs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pruning.experiment.loaded_networks import loaded
from pruning.experiment.recipe import Recipe
from pruning.inspection.channel_removal import IMAGES, Removal, Steps, learned
from pruning.progress import Watch, silent
from pruning.tasks import paired_difference


@dataclass(frozen=True, eq=False)
class MeasuredChoices:
    """What two choices cost, on the same hold-out images.

    table: a row for each pair of choices, raw and repaired: removal ("alone" or "all"), repaired (bool), own
    and other (rise of the mean cross-entropy over the whole network's, nats), lead (other - own: by how much
    the own choice costs less), low, high (its 95 % interval over images).   repairs: whether the network has
    anything to repair; without it there are no repaired rows.   learned: whether the network may have been
    trained on these images.
    """

    group: str
    images: int
    table: pd.DataFrame
    repairs: bool
    learned: bool


def measure_choices(
    recipe: Recipe,
    group: str,
    alone: tuple[int, int],
    all_of_own: Sequence[int],
    all_of_other: Sequence[int],
    watch: Watch = silent,
    *,
    images: int = IMAGES,
) -> MeasuredChoices:
    """Measures what removing channels of a group costs, on up to 500 hold-out images.

    alone: a channel that one criterion cuts and one that the other cuts.   all_of_own, all_of_other: all that
    each cuts in this group. Raises ValueError where there is no such group.
    """
    removal = Removal(replace(loaded(recipe, watch), recipe=recipe), group, images)
    sets = [(alone[0],), (alone[1],), tuple(all_of_own), tuple(all_of_other)]
    steps = removal.steps_raw * (1 + len(sets)) + removal.steps_repaired * len(sets)
    tick = Steps(watch, "judge", steps)
    whole = removal.whole(tick)
    found = {False: removal.raw(sets, tick)}
    if removal.repairs:
        found[True] = np.array([removal.repaired(gone, tick) for gone in sets])
    rows = []
    for repaired, losses in found.items():
        for removed, own, other in (("alone", losses[0], losses[1]), ("all", losses[2], losses[3])):
            lead = paired_difference([other], [own])
            rises = own.mean() - whole.mean(), other.mean() - whole.mean()
            rows.append((removed, repaired, *rises, lead.mean, lead.low, lead.high))
    table = pd.DataFrame(rows, columns=["removal", "repaired", "own", "other", "lead", "low", "high"])
    count = len(removal.images)
    return MeasuredChoices(group, count, table, removal.repairs, learned(removal.loaded))
