"""What a network says of the images of one part of a data set."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pruning.data import Split, batch_of, images_at_once
from pruning.models import Normalization
from pruning.models.module_modes import evaluating
from pruning.progress import Watch, silent, timed
from pruning.tasks import Task

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a network says of N images. statistics: {name: [N, ...]}, as the task has them of every image.
    labels: [N, ...], what is right.   loss: mean over the images, in the task's unit.   value: the task's
    metric.   in_domains: uint8 [n, domains, h, w, 3], a few images in every domain, where they are wanted."""

    task: Task
    statistics: dict[str, np.ndarray]
    labels: np.ndarray
    loss: float
    in_domains: np.ndarray | None = None

    @property
    def value(self) -> float:
        return self.task.value(self.statistics, self.labels)

    @property
    def right(self) -> np.ndarray:
        """[N] bool. Raises ValueError where the task knows no right and wrong."""
        return self.task.right(self.statistics, self.labels)

    @property
    def correct(self) -> int:
        return int(self.right.sum())

    @property
    def shortfall(self) -> float:
        """By what states of a training are chosen: the less the better."""
        return self.task.shortfall(self.statistics, self.labels, self.loss)


def evaluate(
    model: "nn.Module",
    split: Split,
    *,
    normalization: Normalization,
    batch_size: int = 256,
    device: str = "cpu",
    watch: Watch = silent,
    again: bool = False,
) -> Predictions:
    """Predictions in evaluation mode; the model's own mode comes back, also after an exception. The watch is
    told how many of the images so far are right, where the task counts that.   batch_size: at most; fewer of
    large images.   again: with the statistics for which the task asks the network more than once."""
    import torch

    task, found, loss, told, watch = split.task, [], 0.0, {}, timed(watch)
    batch_size = images_at_once(split.images, batch_size)
    with evaluating(model), torch.inference_mode():
        for first in range(0, len(split), batch_size):
            told = {"right": 0} | told if task.counts_right else {}
            watch("evaluate", first, len(split), **told)
            rows = slice(first, first + batch_size)
            inputs, targets = batch_of(split, rows, normalization, device)
            outputs = model(inputs)
            loss += float(task.loss(outputs, targets)) * len(targets)
            found.append(task.statistics(outputs, targets))
            if again:
                found[-1] |= task.asked_again(model, inputs, outputs, targets)
            if told:
                told["right"] += int(task.right(found[-1], split.labels[rows]).sum())
    watch("evaluate", len(split), len(split), **told)
    statistics = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    return Predictions(task, statistics, split.labels, loss / len(split))
