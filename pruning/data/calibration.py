"""Choosing the images that statistics and repairs look at, and handing images to a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pruning.data.dataset import Dataset, Split
from pruning.models import Normalization

if TYPE_CHECKING:
    import torch


PIXELS = 2**21  # of images that go through a network at once: 128 of 128 pixels a side, 7 of 513
NO_LABEL = -1  # what stands in the place of labels where images were given without


@dataclass(frozen=True, eq=False)
class Calibration:
    """Chosen training images. split: images and labels, shuffled so that every batch mixes classes.
    rows: int64 [N], their places in the training part.   messages: what could not be had as asked."""

    split: Split
    rows: np.ndarray
    messages: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)


def calibration_images(
    dataset: Dataset, n: int, seed: int, *, classes: Sequence[int] | None = None
) -> Calibration:
    """`n` images of the training part (never of the hold-out), as many of each class as there can be.

    classes: class numbers to choose from; all if None.   With fewer images than asked for all are taken, with
    a message; a class that has too few gives what it has and the others more. The same seed gives the same
    images. Raises ValueError on n below 1 and on a class number that the data lacks.
    """
    numbers = dataset.train.classes
    unlabelled = numbers is None or not dataset.classes  # one kind of image, as far as anybody knows
    wanted = range(len(dataset.classes)) if classes is None else sorted(set(classes))
    wanted = [NO_LABEL] if unlabelled and classes is None else wanted
    known = {*range(len(dataset.classes)), *([NO_LABEL] * unlabelled)}
    if n < 1 or not wanted or not set(wanted) <= known:
        raise ValueError(
            f"{n} images of the classes {list(wanted)} cannot be chosen; "
            f"give 1 image or more and class numbers from 0 to {len(dataset.classes) - 1}"
        )
    random = np.random.Generator(np.random.PCG64(seed))
    numbers = np.full(len(dataset.train), NO_LABEL) if numbers is None else numbers
    rows = [random.permutation(np.flatnonzero(numbers == label)) for label in wanted]
    counts = fair_shares(np.array([len(own) for own in rows]), n)
    chosen = random.permutation(
        np.concatenate([own[:count] for own, count in zip(rows, counts, strict=True)])
    )
    messages = []
    if len(chosen) < n:
        messages.append(
            f"{n:,} calibration images were asked for; the training part has {len(chosen):,}, and all "
            "are used"
        )
    elif counts.max() - counts.min() > 1:
        messages.append(
            f"the calibration images are not balanced: {counts.min()} to {counts.max()} per class"
        )
    return Calibration(dataset.train.take(chosen), chosen, tuple(messages))


def fair_shares(available: np.ndarray, n: int) -> np.ndarray:
    """How many to take of each class: [K], no more than available, sum n if that many there are, else all.
    What a small class cannot give is spread over the others; a rest goes to the first classes."""
    taken = np.zeros_like(available)
    while taken.sum() < min(n, available.sum()):
        open_classes = np.flatnonzero(taken < available)
        share, rest = divmod(n - taken.sum(), len(open_classes))
        more = np.full(len(open_classes), share) + (np.arange(len(open_classes)) < rest)
        taken[open_classes] = np.minimum(taken[open_classes] + more, available[open_classes])
    return taken


def images_at_once(images: "np.ndarray | torch.Tensor", most: int, *, gradients: bool = False) -> int:
    """How many of a split's images go through a network at once: `most`, and fewer of large ones, so that
    memory does not grow with them. gradients: activations are kept for a backward pass."""
    pixels = PIXELS // 4 if gradients else PIXELS
    return max(1, min(most, pixels // images.shape[2] ** 2))


def batch_of(
    split: Split, rows, normalization: Normalization, device="cpu"
) -> "tuple[torch.Tensor, torch.Tensor]":
    """(inputs, targets) of some rows of a split, as a network and its task take them. rows: a slice, or row
    numbers."""
    return inputs_of(split, rows, normalization, device), split.task.targets(split.labels[rows], device)


def inputs_of(split: Split, rows, normalization: Normalization, device: str = "cpu") -> "torch.Tensor":
    """What a network is given of some rows of a split, as `batch_of` has it."""
    return split.task.inputs(to_tensor(split.images[rows], normalization, device), split.labels[rows])


def to_tensor(images: np.ndarray, normalization: Normalization, device: str = "cpu") -> "torch.Tensor":
    """uint8 [N, H, W, C] -> float32 [N, C, H, W], normalised; floats [N, C, H, W] are taken as they are."""
    import torch

    if images.dtype != np.uint8:
        return torch.as_tensor(np.array(images, dtype=np.float32)).to(device)
    # A view: channels stay last in memory, faster on a CPU than channels first. ResNet-20, batches of
    # 64: with two threads 582 images/s trained (516 otherwise), 2,070 predicted (1,780); with one 352 (291).
    pixels = torch.from_numpy(np.array(images)).to(device).permute(0, 3, 1, 2)  # [N, C, H, W]
    if not normalization.channels_last:
        pixels = pixels.contiguous()
    mean, std = torch.tensor([normalization.mean, normalization.std], device=device).view(2, 1, -1, 1, 1)
    return pixels.float().div_(255).sub_(mean).div_(std)
