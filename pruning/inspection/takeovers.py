"""What it costs when one channel of a group takes over from another, and who becomes whose heir at a cut.
The costs are computed in a preview worker.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pruning.criteria.projection import heirs
from pruning.error_messages import choose
from pruning.experiment.loaded_networks import loaded
from pruning.experiment.recipe import Recipe
from pruning.inspection.criterion_views import agreement
from pruning.progress import Watch, silent
from pruning.statistics import TransportCosts


@dataclass(frozen=True, eq=False)
class TakeoverView:
    """costs: [C, C + 1], as `TransportCosts`.   readers: layers that read the group.   images: looked at.
    agreement: as `TransportView`'s."""

    costs: np.ndarray
    readers: tuple[str, ...]
    images: int
    agreement: dict[str, float]


def takeover_view(recipe: Recipe, group: str, watch: Watch = silent) -> TakeoverView:
    """Of one group. Raises ValueError where there is no such group."""
    from pruning.reconstruction.transport_costs import transport_costs
    from pruning.statistics.calibration_images import CalibrationImages

    found = loaded(recipe, watch)
    structure = found.graph.structure
    number = structure.names.index(choose(group, structure.names, "group"))
    images = CalibrationImages(found.model, found.data, recipe.calibration, recipe.seed)
    need = TransportCosts()
    costs = transport_costs(found.graph.model, structure, need, images, groups=[number], watch=watch)
    readers = tuple(layer.name for layer in structure.layers_of(number, "readers"))
    return TakeoverView(costs[need, group], readers, len(images), agreement(recipe, group, watch))


def heirs_table(costs: np.ndarray, rows: pd.DataFrame) -> pd.DataFrame:
    """A row a channel that goes: channel, heir, given (share of what the group gives its readers), rebuilt
    (the share of that which the heir gives in its place), lost (given less that). In the order of the heirs.

    costs: [C, C + 1], as `TransportCosts`.   rows: of `channel_table` for the group, which say what goes.
    """
    cut = rows.sort_values("channel")["cut"].to_numpy(bool)
    kept, gone = np.flatnonzero(~cut), np.flatnonzero(cut)
    if not len(kept) or not len(gone):
        return pd.DataFrame(columns=["channel", "heir", "given", "rebuilt", "lost"])
    heir, given = heirs(costs, kept)[gone], costs[gone, -1]
    lost = np.minimum(costs[gone, heir], given)
    rebuilt = np.divide(given - lost, given, out=np.ones_like(given), where=given > 0)
    table = pd.DataFrame({"channel": gone, "heir": heir, "given": given, "rebuilt": rebuilt, "lost": lost})
    return table.sort_values(["heir", "rebuilt"], ascending=[True, False], ignore_index=True)
