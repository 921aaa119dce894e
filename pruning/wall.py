"""The wall: what a network says of 60 test pictures, at every cut, raw and repaired by reconstruction.

Block matching would mend a little more, and takes ten times as long a cut. Those of the bundled networks come
with the project (`pruning.shipped`); the app computes others live.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruning.data import Split
from pruning.experiment.loaded_networks import loaded
from pruning.experiment.recipe import Recipe
from pruning.inspection.preview import plan_of
from pruning.progress import Watch, silent

if TYPE_CHECKING:
    from pruning.train import Predictions

PICTURES = 60
CUTS = tuple(round(0.05 * step, 2) for step in range(20))
STEPS = ((0, 10), (5, 15), (2, 7, 12, 17), (1, 4, 9, 14), (3, 6, 8, 11), (13, 16, 18, 19))  # places in CUTS
REPAIR = "reconstruct"
SHOWN_SIDE = 160  # pixels that a picture has at least, where it is shown with every so many of its own
NUMBERS = {"classes": np.int16, "masks": np.uint8, "pictures": np.uint8}  # as answers are kept
LOOKED_AT = 500  # images among which one is looked for that shows a class


@dataclass(frozen=True, eq=False)
class Wall:
    """images: uint8 [60, H, W, 3].   labels: [60], class numbers; of masks uint8 [60, h, w]; of translations
    [60, 2], the domain of each and the one asked for.   cuts: [K] shares of MACs, those within the network's
    reach.   predictions: int16 [2 (raw, repaired), K, 60], class numbers; of masks uint8 [2, K, 60, h, w]; of
    translations the pictures, uint8 [2, K, 60, h, w, 3].
    right: bool [2, K, 60].   values: float64 [2, K], the task's metric on `test_images` test images: all
    there are, or these pictures.   task: its name among `TASKS`."""

    images: np.ndarray
    labels: np.ndarray
    cuts: np.ndarray
    predictions: np.ndarray
    right: np.ndarray
    values: np.ndarray
    test_images: int
    classes: tuple[str, ...]
    task: str


def wall(recipe: Recipe, cuts: Sequence[float] = CUTS, every: bool = False, watch: Watch = silent) -> Wall:
    """Cuts the recipe's network at each share, raw and reconstructed, and asks it about the pictures.

    The recipe's own cut, repair and epochs are not read. Cuts out of reach are left out. every: the metric is
    that of all test images, else of the pictures alone. Without a cut there is nothing to repair, so both are
    the same. Raises ValueError where the task's answers are neither classes nor masks nor pictures.
    """
    found = loaded(recipe, watch)
    test, task = found.data.test, found.data.task
    rows = picture_rows(test, len(found.data.classes))
    asked = test if every else test.take(rows)
    shown = rows if every else np.arange(len(rows))
    reached, answers, right, values = [], [], [], []
    for number, cut in enumerate(cuts):
        watch("evaluate", number, len(cuts), cut=cut)
        try:
            plan = plan_of(recipe.but(cut=float(cut), repair="none", epochs=0), watch)
        except ValueError:  # the caps allow no more
            break
        reached.append(cut)
        models = _raw_and_repaired(found, plan, recipe, watch)
        said = [_said(found, model, asked, watch) for model in models]
        said = said if len(said) == 2 else 2 * said
        answers.append([_answers(each)[shown] for each in said])
        right.append([each.right[shown] for each in said])
        values.append([each.value for each in said])
    watch("evaluate", len(cuts), len(cuts))
    labels = task.kept(test.take(rows).labels)["labels"]  # as they are drawn
    step = max(1, found.data.size // SHOWN_SIDE)
    return Wall(
        images=test.images[rows][:, ::step, ::step],
        labels=labels,
        cuts=np.array(reached),
        predictions=_by_state(answers, NUMBERS[task.drawn_as], np.shape(answers)[2:] or labels.shape),
        right=_by_state(right, bool, labels.shape[:1]),
        values=_by_state(values, float, ()),
        test_images=len(asked),
        classes=tuple(map(str, found.data.classes)),
        task=task.name,
    )


def _by_state(values: list, kind: Any, shape: tuple[int, ...]) -> np.ndarray:
    """[K][2][...] -> [2, K, ...]."""
    return np.array(values, kind).reshape(len(values), 2, *shape).swapaxes(0, 1)


def picture_rows(test: Split, classes: int) -> np.ndarray:
    """Row numbers of the pictures, at most 60, in a fixed mixed order: as many of each class as there can be;
    of images that are of no one class as they come, but so that every class is seen, where one of the first
    LOOKED_AT shows it."""
    random = np.random.default_rng(0)
    if (labels := test.classes) is None:
        order = random.permutation(len(test))[:LOOKED_AT]
        shows = [(test.labels[order] == k).reshape(len(order), -1).any(axis=1) for k in range(classes)]
        first = [int(order[seen.argmax()]) for seen in shows if seen.any()]
        return random.permutation(list(dict.fromkeys([*first, *order.tolist()]))[:PICTURES])
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


def _said(found, model, images, watch: Watch) -> "Predictions":
    from pruning.train import evaluate

    how = {"normalization": found.model.origin.normalization, "device": found.recipe.device}
    return evaluate(model, images, watch=watch, **how)


def _answers(said: "Predictions") -> np.ndarray:
    """[N, ...]: the classes said, of the images or of their pixels."""
    if not said.task.drawn_as:
        raise ValueError(f"{said.task.name} gives no answers that a wall of pictures could show")
    return said.statistics[said.task.drawn_as]
