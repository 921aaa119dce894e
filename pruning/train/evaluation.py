"""What a network says of the images of one part of a data set."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pruning.data import Split, to_tensor
from pruning.models import Normalization
from pruning.progress import Watch, silent, timed
from pruning.task import Classification

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a network says of N images. classes: int64 [N].   probabilities: float32 [N], of the class said.
    correct: how many are right.   loss: mean cross-entropy, nats."""

    classes: np.ndarray
    probabilities: np.ndarray
    correct: int
    loss: float

    @property
    def accuracy(self) -> float:
        return self.correct / len(self.classes)


def evaluate(
    model: "nn.Module",
    split: Split,
    *,
    normalization: Normalization,
    batch_size: int = 256,
    device: str = "cpu",
    watch: Watch = silent,
) -> Predictions:
    """Predictions in evaluation mode; the model's own mode comes back, also after an exception. The watch is
    told how many of the images so far are right."""
    import torch

    task, said, loss, right, watch = Classification(), [], 0.0, 0, timed(watch)
    with mode_kept(model), torch.inference_mode():
        model.eval()
        for first in range(0, len(split), batch_size):
            watch("evaluate", first, len(split), right=right)
            rows = slice(first, first + batch_size)
            outputs = model(to_tensor(split.images[rows], normalization, device))
            labels = torch.from_numpy(np.array(split.labels[rows])).to(device)
            loss += float(task.loss(outputs, labels)) * len(labels)
            said.append(task.predictions(outputs))
            right += int((said[-1][0] == split.labels[rows]).sum())
    watch("evaluate", len(split), len(split), right=right)
    classes, probabilities = (np.concatenate(parts) for parts in zip(*said, strict=True))
    return Predictions(classes, probabilities, right, loss / len(split))


@contextmanager
def mode_kept(model: "nn.Module") -> Iterator[None]:
    """Every module's own mode comes back: a network may have parts that stay in evaluation mode."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
