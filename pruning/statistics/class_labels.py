"""Which features have which class: an image's own features its class, or, where every pixel has one, the
features at some of its pixels."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pruning.tasks import SampledPixels, Task

if TYPE_CHECKING:
    import torch

PIXELS = 4  # of an image whose pixels have classes: a batch of 128 images gives DI's dual form 512 rows
MASKS = 64  # at a time


class ClassLabels:
    """The classes of one batch after another.   labels: int64 [M], on the batch's device: of each image, or
    of each sampled pixel."""

    def __init__(self, task: Task):
        self.task = task
        self.pixels: SampledPixels | None = None
        self.labels: Any = None

    def take(self, targets: "torch.Tensor") -> None:
        """targets: of the batch that runs next."""
        import torch

        told = targets.cpu().numpy()
        self.pixels = self.task.sampled_pixels(told, PIXELS)
        numbers = self.task.classes_of(told) if self.pixels is None else self.pixels.classes
        self.labels = (
            targets if numbers is None else torch.from_numpy(np.ascontiguousarray(numbers)).to(targets.device)
        )

    def features(self, maps: "torch.Tensor") -> "torch.Tensor":
        """[M, P, ...] of the batch's maps [N, P, *size]: themselves, or what they hold at the sampled
        pixels."""
        return maps if self.pixels is None else self.pixels.features(maps)


def class_numbers(task: Task, labels: np.ndarray) -> np.ndarray | None:
    """[M] int64: `ClassLabels.labels` of all of these images, in their order; None where neither images nor
    pixels have classes."""
    if (numbers := task.classes_of(labels)) is not None:
        return numbers
    found = [task.sampled_pixels(part, PIXELS) for part in parts_of(labels)]
    classes = [pixels.classes for pixels in found if pixels is not None]
    return np.concatenate(classes) if classes else None


def parts_of(labels: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(labels), MASKS):
        yield labels[first : first + MASKS]
