"""The wall: what a network says of 60 test pictures, at every cut, raw and repaired by reconstruction.

Block matching would mend a little more, and takes ten times as long a cut. Those of the bundled networks come
with the project (`pruning.shipped`); the app computes others live.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.experiment.loaded_networks import loaded
from pruning.experiment.recipe import Recipe
from pruning.inspection.preview import plan_of
from pruning.progress import Watch, silent

PICTURES = 60
CUTS = tuple(round(0.05 * step, 2) for step in range(20))
STEPS = ((0, 10), (5, 15), (2, 7, 12, 17), (1, 4, 9, 14), (3, 6, 8, 11), (13, 16, 18, 19))  # places in CUTS
REPAIR = "reconstruct"


@dataclass(frozen=True, eq=False)
class Wall:
    """images: uint8 [60, H, W, 3].   labels: [60].   cuts: [K] shares of MACs, those within the network's
    reach.
    predictions: int16 [2 (raw, repaired), K, 60], class numbers.   correct: int32 [2, K], right answers among
    `test_images` test images: all there are, or these pictures."""

    images: np.ndarray
    labels: np.ndarray
    cuts: np.ndarray
    predictions: np.ndarray
    correct: np.ndarray
    test_images: int
    classes: tuple[str, ...]


def wall(recipe: Recipe, cuts: Sequence[float] = CUTS, every: bool = False, watch: Watch = silent) -> Wall:
    """Cuts the recipe's network at each share, raw and reconstructed, and asks it about the pictures.

    The recipe's own cut, repair and epochs are not read. Cuts out of reach are left out. every: right answers
    are counted among all test images, else among the pictures alone. Without a cut there is nothing to
    repair, so both are the same.
    """
    found = loaded(recipe, watch)
    test = found.data.test
    rows = picture_rows(test.labels, len(found.data.classes))
    asked = test if every else test.take(rows)
    shown = rows if every else np.arange(len(rows))
    reached, answers, correct = [], [], []
    for number, cut in enumerate(cuts):
        watch("evaluate", number, len(cuts), cut=cut)
        try:
            plan = plan_of(recipe.but(cut=float(cut), repair="none", epochs=0), watch)
        except ValueError:  # the caps allow no more
            break
        reached.append(cut)
        models = _raw_and_repaired(found, plan, recipe, watch)
        said = [_answers(found, model, asked, watch) for model in models]
        said = said if len(said) == 2 else 2 * said
        answers.append([classes[shown] for classes in said])
        correct.append([int((classes == asked.labels).sum()) for classes in said])
    watch("evaluate", len(cuts), len(cuts))
    return Wall(
        images=test.images[rows],
        labels=test.labels[rows],
        cuts=np.array(reached),
        predictions=np.array(answers, np.int16).reshape(len(reached), 2, len(rows)).transpose(1, 0, 2),
        correct=np.array(correct, np.int32).reshape(len(reached), 2).T,
        test_images=len(asked),
        classes=tuple(map(str, found.data.classes)),
    )


def picture_rows(labels: np.ndarray, classes: int) -> np.ndarray:
    """Row numbers of the pictures: as many of each class as there can be, in a fixed mixed order, at most
    60."""
    random = np.random.default_rng(0)
    ranks = np.empty(len(labels), int)
    for k in range(classes):
        mine = np.flatnonzero(labels == k)
        ranks[mine] = np.arange(len(mine))
    return random.permutation(np.lexsort((labels, ranks))[:PICTURES])


def _raw_and_repaired(found, plan, recipe: Recipe, watch: Watch) -> list:
    """The cut network and a repaired copy of it; the whole one alone where nothing is cut."""
    from pruning.reconstruction import repair
    from pruning.surgery import cut

    if plan.macs == plan.macs_before:
        return [found.model]
    raw, repaired = cut(found.model, plan), cut(found.model, plan)
    images: dict[str, Any] = {"calibration": recipe.calibration, "seed": recipe.seed}
    repair(repaired, plan, found.model, found.data, how=REPAIR, watch=watch, **images)
    return [raw, repaired]


def _answers(found, model, images, watch: Watch) -> np.ndarray:
    """[N] predicted classes."""
    from pruning.train import evaluate

    how = {"normalization": found.model.origin.normalization, "device": found.recipe.device}
    return evaluate(model, images, watch=watch, **how).statistics["classes"]
