"""The oracle: what removing channels of one group really costs, and how well each criterion foresaw it.

Cross-entropy on hold-out images is measured with every channel removed alone, raw and with the norms
recalibrated; in a small group also with every subset of the asked size. A criterion is judged by the rank
correlation of its scores with the rise, and by its regret: what its own choice costs over the best one known.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from pruning.criteria import CRITERIA, SCORED
from pruning.criteria.scores import Scores
from pruning.experiment.loaded_networks import loaded
from pruning.experiment.loading import Loaded
from pruning.experiment.recipe import Recipe
from pruning.inspection.channel_removal import IMAGES, Removal, Steps, learned
from pruning.progress import Watch, silent
from pruning.terms import title

SMALL = 12  # channels of a group all of whose subsets are tried


@dataclass(frozen=True, eq=False)
class Oracle:
    """What was measured of one group.

    channels: a row a channel: channel, rise and rise_repaired (nats of cross-entropy over the whole
    network's), and each criterion's score.   criteria: a row a criterion: criterion, foresight (Spearman of
    its scores with rise), foresight_repaired, rise (of its own choice of `removed` channels) and regret (over
    `best`).   exhaustive: whether best is over all subsets; else it is over the choice by single rises and
    the criteria's choices.   learned: whether the network may have been trained on these images.   messages:
    which criterion is missing and why, and whether there was anything to repair.
    """

    group: str
    channels: pd.DataFrame
    criteria: pd.DataFrame
    removed: int
    best: float
    exhaustive: bool
    images: int
    learned: bool = False
    messages: tuple[str, ...] = ()


def measure_oracle(recipe: Recipe, group: str, watch: Watch = silent, *, images: int = IMAGES) -> Oracle:
    """Measures one group of a recipe's network; its cut says how large the choices are that are compared.

    Raises ValueError where there is no such group.
    """
    found = replace(loaded(recipe, watch), recipe=recipe)  # kept for other recipes too
    removal = Removal(found, group, images)
    size = removal.group.size
    removed = max(1, min(size - 1, int(recipe.cut * size)))
    subsets = list(combinations(range(size), removed)) if size <= SMALL else []
    scores, messages = every_score(found, group, watch)
    choices = {
        name: np.argsort(said.at_width(group, size - removed), kind="stable")[:removed]
        for name, said in scores.items()
    }
    runs = 2 + size + len(subsets) + len(choices)  # two: the whole network, and the choice by single rises
    tick = Steps(watch, "oracle", runs * removal.steps_raw + size * removal.steps_repaired)
    whole = removal.whole(tick).mean()
    singles = [(c,) for c in range(size)]
    costs = removal.raw([*singles, *subsets, *choices.values()], tick).mean(axis=1) - whole
    rise, tried, chosen = np.split(costs, [size, size + len(subsets)])
    by_rises = np.argsort(rise, kind="stable")[:removed]
    best = min(*removal.raw([by_rises], tick).mean(axis=1) - whole, *tried, *chosen)
    repaired = rise
    if removal.repairs:
        repaired = np.array([removal.repaired(gone, tick).mean() for gone in singles]) - whole
    else:
        messages = (*messages, "the network has no batch norm, so nothing is repaired")
    channels = pd.DataFrame({"channel": np.arange(size), "rise": rise, "rise_repaired": repaired})
    channels = channels.assign(**{name: said[group] for name, said in scores.items()})
    table = judged(scores, group, rise, repaired, chosen, best)
    count = len(removal.images)
    return Oracle(
        group, channels, table, removed, float(best), bool(subsets), count, learned(found), messages
    )


def judged(
    scores: dict[str, Scores],
    group: str,
    rise: np.ndarray,
    repaired: np.ndarray,
    chosen: np.ndarray,
    best: float,
) -> pd.DataFrame:
    """A row a criterion, as in `Oracle.criteria`. chosen: what each criterion's own choice costs."""
    rows = [
        (name, foresight(said[group], rise), foresight(said[group], repaired), cost, cost - best)
        for (name, said), cost in zip(scores.items(), chosen, strict=True)
    ]
    return pd.DataFrame(rows, columns=["criterion", "foresight", "foresight_repaired", "rise", "regret"])


def foresight(scores: np.ndarray, rise: np.ndarray) -> float:
    """Spearman's rank correlation; 0 where either side makes no difference between channels."""
    finite = np.where(np.isfinite(scores), scores, scores[np.isfinite(scores)].min(initial=0) - 1)
    from scipy.stats import spearmanr  # slow to import, and a page only asks for a worker's answer

    if np.ptp(finite) == 0 or np.ptp(rise) == 0:
        return 0.0
    return float(spearmanr(finite, rise).statistic)


def every_score(found: Loaded, group: str, watch: Watch) -> tuple[dict[str, Scores], tuple[str, ...]]:
    """Scores of a group by every criterion, the recipe's own at its options, the others at their defaults;
    and a sentence for each that cannot score this network."""
    recipe = found.recipe
    asked = [(name, recipe.but(criterion=name).options) for name in SCORED]
    together = [chosen for chosen in asked if CRITERIA[chosen[0]].uses_data]
    scores, messages = {}, []
    if recipe.trained:
        messages.append(f"{title(recipe.criterion)} is left out: its scores take training")
    try:
        scores |= _scored(found, together, group, watch)  # one pass over the images for all of them
    except ValueError:
        together = []  # each by itself, to see which it was
    for chosen in [chosen for chosen in asked if chosen not in together]:
        try:
            scores |= _scored(found, [chosen], group, watch)
        except ValueError as error:
            messages.append(f"{title(chosen[0])} is left out: {error}")
    return {name: scores[name] for name in SCORED if name in scores}, tuple(messages)


def _scored(found: Loaded, chosen: Sequence, group: str, watch: Watch) -> dict[str, Scores]:
    from pruning.criteria.scoring import score_all

    recipe = found.recipe
    how: dict[str, Any] = {
        "seed": recipe.seed,
        "calibration": recipe.calibration,
        "groups": [group],
        "watch": watch,
    }
    said = score_all(found.graph, chosen, found.data, **how)
    return {name: scores for (name, _), scores in said.items()}
