"""A wall as it is shown: test pictures, and what the network says of them at every cut that is known so
far."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pruning.tasks import TASKS, Task
from pruning.wall import CUTS, Wall

Known = tuple[tuple, ...]  # raw and repaired: a value a cut each, None where it is still being computed


@dataclass(frozen=True, eq=False)
class Shown:
    """images: uint8 [N, H, W, 3].   truth: [N], class numbers; of masks uint8 [N, h, w]; of translations
    [N, 2], domains.
    classes: names.   cuts: [K], shares of the MACs.   predictions: as `truth` a cut, raw and repaired.
    right: bool [N] a cut.   values: the task's metric on `asked` test images a cut."""

    images: np.ndarray
    truth: np.ndarray
    classes: tuple[str, ...]
    cuts: tuple[float, ...]
    predictions: Known
    right: Known
    values: Known
    asked: int
    task: str

    @property
    def complete(self) -> bool:
        return all(known is not None for state in self.values for known in state)

    @property
    def of_task(self) -> Task:
        return TASKS[self.task]


def combine(parts: Sequence[Wall], cuts: Sequence[float] = CUTS) -> Shown:
    """One wall from walls of the same pictures at a few cuts each; `cuts` are all that there will be."""
    first, at = parts[0], {}
    for part in parts:
        at |= {round(float(cut), 6): (part, k) for k, cut in enumerate(part.cuts)}
    known = [at.get(round(float(cut), 6)) for cut in cuts]
    return Shown(
        images=first.images,
        truth=first.labels,
        classes=first.classes,
        cuts=tuple(round(float(cut), 6) for cut in cuts),
        predictions=tuple(tuple(w and w[0].predictions[s][w[1]] for w in known) for s in (0, 1)),
        right=tuple(tuple(w and w[0].right[s][w[1]] for w in known) for s in (0, 1)),
        values=tuple(tuple(w and float(w[0].values[s][w[1]]) for w in known) for s in (0, 1)),
        asked=first.test_images,
        task=first.task,
    )
