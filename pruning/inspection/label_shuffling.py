"""Do the labels matter? The recipe's choice with true labels against the same with shuffled ones."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pruning.cost import Plan
from pruning.criteria import CRITERIA
from pruning.criteria.registry import must_be_scored
from pruning.criteria.scoring import score_all
from pruning.experiment.loaded_networks import loaded
from pruning.experiment.loading import Loaded
from pruning.experiment.planning import planned
from pruning.experiment.recipe import Recipe
from pruning.inspection.channel_removal import IMAGES, Steps, holdout_of, image_losses, learned
from pruning.progress import Watch, silent
from pruning.tasks import Difference, paired_difference

SHUFFLES = 5
ERRORS = 2  # standard errors by which true labels have to lead


@dataclass(frozen=True, eq=False)
class LabelTest:
    """What true labels gain over shuffled ones, norms recalibrated, on the same hold-out images.

    shuffles: a row a shuffle: seed, cut (channels that go with true labels), differ (of these, those that
    stay with shuffled ones), true and shuffled (mean cross-entropy, nats).   lead: by how many nats true
    labels lead, over all shuffles and images.   error: its standard error.   learned: whether the network
    may have been trained on these images.
    """

    criterion: str
    images: int
    shuffles: pd.DataFrame
    lead: Difference
    error: float
    learned: bool

    @property
    def same(self) -> bool:
        """Whether no shuffle changed what is cut."""
        return not self.shuffles["differ"].any()

    @property
    def class_aware(self) -> bool:
        return bool(not self.same and self.lead.mean > ERRORS * self.error)


def labels_tested(
    recipe: Recipe, watch: Watch = silent, *, shuffles: int = SHUFFLES, images: int = IMAGES
) -> LabelTest:
    """Scores, cuts and recalibrates twice a shuffle, with true and with shuffled labels.

    Each shuffle draws its own calibration images, the same for both, so that the difference is the labels'
    alone. Raises ValueError for a criterion that looks at no labels.
    """
    must_be_scored(recipe.criterion)
    if not CRITERIA[recipe.criterion].uses_labels:
        raise ValueError(f"{recipe.criterion} uses no labels; give a criterion that does, such as di")
    found = replace(loaded(recipe, watch), recipe=recipe)
    sizes = {group.name: group.size for group in found.graph.groups}
    tick, rows, losses = Steps(watch, "labels", 3 * shuffles), [], {"true": [], "shuffled": []}
    for seed in range(recipe.seed, recipe.seed + shuffles):
        of_seed = replace(found, recipe=recipe.but(seed=seed))
        plans = _plans(of_seed, tick)
        row = {"seed": seed, **_counted(sizes, **plans)}
        for labels, plan in plans.items():
            losses[labels].append(_losses(of_seed, plan, images, tick))
            row[labels] = losses[labels][-1].mean()
        rows.append(row)
    gaps = np.array(losses["shuffled"]) - np.array(losses["true"])  # [shuffles, N]
    lead = paired_difference(losses["shuffled"], losses["true"])
    error, count = standard_error(gaps), gaps.shape[1]
    return LabelTest(recipe.criterion, count, pd.DataFrame(rows), lead, error, learned(found))


def _plans(found: Loaded, tick: Steps) -> dict[str, Plan]:
    """The recipe's plan with true and with shuffled labels, from the same images."""
    recipe = found.recipe
    recipes = {
        labels: recipe.but(options=dict(recipe.options) | {"labels": labels})
        for labels in ("true", "shuffled")
    }
    how: dict[str, Any] = {"seed": recipe.seed, "calibration": recipe.calibration, "groups": recipe.groups}
    chosen = [(recipe.criterion, other.options) for other in recipes.values()]
    scores = score_all(found.graph, chosen, found.data, watch=tick.still, **how)
    plans = {
        labels: planned(other, found.graph, scores[recipe.criterion, other.options], found.data, tick.still)
        for labels, other in recipes.items()
    }
    tick()
    return plans


def _losses(found: Loaded, plan: Plan, images: int, tick: Steps) -> np.ndarray:
    """Cut, recalibrated, and measured on the hold-out: [N], nats."""
    from pruning.reconstruction import recalibrate
    from pruning.statistics.calibration_images import CalibrationImages
    from pruning.surgery import cut

    small, recipe = cut(found.model, plan), found.recipe
    drawn = CalibrationImages(small, found.data, recipe.calibration, recipe.seed)
    recalibrate(small, drawn, watch=tick.still)
    losses = image_losses(found, small, holdout_of(found, images), tick.still)
    tick()
    return losses


def _counted(sizes: dict[str, int], true: Plan, shuffled: Plan) -> dict[str, int]:
    """Channels that go with true labels, and how many of them stay with shuffled ones."""
    cut = sum(sizes[group] - width for group, width in true.widths.items())
    differ = sum(len(np.setdiff1d(shuffled.kept[group], kept)) for group, kept in true.kept.items())
    return {"cut": cut, "differ": differ}


def standard_error(gaps: np.ndarray) -> float:
    """Of the mean of gaps [shuffles, N]: what images and what shuffles leave uncertain, added up."""
    shuffles, images = gaps.shape
    of_images = gaps.mean(axis=0).var(ddof=1) / images
    of_shuffles = gaps.mean(axis=1).var(ddof=1) / shuffles if shuffles > 1 else 0.0
    return float(np.sqrt(of_images + of_shuffles))
