"""The oracle: what removing channels of one group really costs, and how well each criterion foresaw it.

Cross-entropy on hold-out images is measured with every channel removed alone, raw and with the norms
recalibrated; in a small group also with every subset of the asked size. A criterion is judged by the rank
correlation of its scores with the rise, and by its regret: what its own choice costs over the best one known.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from pruning.channels.indices import cut_where_read, kept_by_tensor
from pruning.criteria import CRITERIA, resolve_options
from pruning.criteria.scores import Scores
from pruning.experiment.recipe import Recipe
from pruning.experiment.sources import Loaded, load
from pruning.progress import Watch, silent
from pruning.wording import choose

SMALL = 12  # channels of a group all of whose subsets are tried
IMAGES = 500  # of the hold-out


@dataclass(frozen=True, eq=False)
class Oracle:
    """What was measured of one group.

    channels: a row a channel: channel, rise and rise_repaired (nats of cross-entropy over the whole
    network's), and each criterion's score.   criteria: a row a criterion: criterion, foresight (Spearman of
    its scores with rise), foresight_repaired, rise (of its own choice of `removed` channels) and regret (over
    `best`).   exhaustive: whether best is over all subsets; else it is over the choice by single rises and
    the criteria's choices.
    """

    group: str
    channels: pd.DataFrame
    criteria: pd.DataFrame
    removed: int
    best: float
    exhaustive: bool
    images: int


def measured(recipe: Recipe, group: str, watch: Watch = silent, *, images: int = IMAGES) -> Oracle:
    """Measures one group of a recipe's network; its cut says how large the choices are that are compared.

    Raises ValueError where there is no such group.
    """
    removal = _Removal(load(recipe, watch), group, images)
    size = removal.group.size
    removed = max(1, min(size - 1, int(recipe.cut * size)))
    subsets = list(combinations(range(size), removed)) if size <= SMALL else []
    steps, done = 2 * size + len(subsets), 0

    def told(value: float) -> float:
        nonlocal done
        done += 1
        watch("oracle", done, steps)
        return value

    rise = np.array([told(removal.rise((c,))) for c in range(size)])
    repaired = np.array([told(removal.rise((c,), repaired=True)) for c in range(size)])
    best = min((told(removal.rise(subset)) for subset in subsets), default=np.inf)
    scores = removal.scores(watch)
    rows, costs = [], [removal.rise(tuple(np.argsort(rise, kind="stable")[:removed]))]
    for name, found in scores.items():
        order = np.argsort(found.at_width(group, size - removed), kind="stable")
        costs.append(removal.rise(tuple(order[:removed])))
        rows.append((name, _foresight(found[group], rise), _foresight(found[group], repaired), costs[-1]))
    best = min(best, *costs)
    table = pd.DataFrame(rows, columns=["criterion", "foresight", "foresight_repaired", "rise"])
    table["regret"] = table["rise"] - best
    channels = pd.DataFrame({"channel": np.arange(size), "rise": rise, "rise_repaired": repaired})
    channels = channels.assign(**{name: found[group] for name, found in scores.items()})
    return Oracle(group, channels, table, removed, float(best), bool(subsets), len(removal.images))


def _foresight(scores: np.ndarray, rise: np.ndarray) -> float:
    """Spearman's rank correlation; 0 where either side makes no difference between channels."""
    finite = np.where(np.isfinite(scores), scores, scores[np.isfinite(scores)].min(initial=0) - 1)
    if np.ptp(finite) == 0 or np.ptp(rise) == 0:
        return 0.0
    return float(spearmanr(finite, rise).statistic)


class _Removal:
    """Takes channels of one group out of a network, measures, and puts them back."""

    def __init__(self, loaded: Loaded, group: str, images: int):
        self.loaded, self.structure = loaded, loaded.graph.structure
        self.number = self.structure.names.index(choose(group, self.structure.names, "group"))
        self.group = self.structure.groups[self.number]
        self.images = loaded.data.holdout.take(np.arange(min(images, len(loaded.data.holdout))))
        self.whole = self._loss(loaded.model)

    def _loss(self, model) -> float:
        from pruning.train import evaluate

        normalization, device = self.loaded.model.origin.normalization, self.loaded.recipe.device
        return evaluate(model, self.images, normalization=normalization, device=device).loss

    def rise(self, gone: tuple[int, ...], *, repaired: bool = False) -> float:
        """Cross-entropy without these channels less that of the whole network, in nats."""
        from pruning.channels.slices import copy_with, silenced
        from pruning.reconstruction import recalibrate
        from pruning.statistics.images import CalibrationImages

        kept = {self.number: np.setdiff1d(np.arange(self.group.size), gone)}
        if not repaired:
            with silenced(self.loaded.model, cut_where_read(self.structure, kept)):
                return self._loss(self.loaded.model) - self.whole
        small, recipe = copy_with(self.loaded.model, kept_by_tensor(self.structure, kept)), self.loaded.recipe
        recalibrate(small, CalibrationImages(small, self.loaded.data, recipe.calibration, recipe.seed))
        return self._loss(small) - self.whole

    def scores(self, watch: Watch) -> dict[str, Scores]:
        """Every criterion's at its default options; one that cannot score this network is left out."""
        from pruning.criteria.scoring import score_all

        found = {}
        looking = [name for name, criterion in CRITERIA.items() if criterion.uses_data]
        for names in [looking, *([name] for name in CRITERIA if name not in looking)]:
            chosen = [(name, resolve_options(name, {})) for name in names]
            recipe = self.loaded.recipe
            how = {"seed": recipe.seed, "calibration": recipe.calibration, "groups": "all", "watch": watch}
            try:
                scored = score_all(self.loaded.graph, chosen, self.loaded.data, **how)
            except ValueError:
                continue
            found |= {name: scores for (name, _), scores in scored.items()}
        return {name: found[name] for name in CRITERIA if name in found}
