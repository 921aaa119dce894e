"""Batches of calibration images, moved a little, mirrored and mixed: drawn before, made where they are used.

Half of a batch's images hold some of another one (mixup, Zhang et al. 2018): the whole network says what its
blocks give for those too.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from pruning.statistics.calibration_images import CalibrationImages

SHARE = 0.5  # of the images that are mixed
MIXED = 0.5  # of another image, at most


class MovedBatches:
    """Batches of images without labels, `steps` of them; the images' seed draws them, every image once before
    any comes again. What is drawn goes to the device at once: a batch then waits for nothing.

    number: of the images that are taken, the first ones.   held: bytes of images that stay on the device; of
    more, each batch is fetched."""

    def __init__(self, images: CalibrationImages, number: int, steps: int, batch: int, *, held: int):
        self.images, random = images, np.random.default_rng(images.seed)
        passes = -(-steps * batch // number)
        order = np.concatenate([random.permutation(number) for _ in range(passes)])
        self.order = order[: steps * batch].reshape(steps, batch)
        reach = images.shift // 2
        moves = random.integers(-reach, reach + 1, (2, steps, batch))
        mirrored = random.integers(0, 2, (1, steps, batch)) * images.flips
        drawn = np.concatenate([self.order[None], moves, mirrored])
        self.drawn = torch.from_numpy(drawn).to(images.device)  # [4, steps, batch]
        one = images.rows(slice(1))[0]
        others = random.uniform(0, MIXED, (steps, batch)) * (random.random((steps, batch)) < SHARE)
        self.others = torch.from_numpy(others.astype(np.float32)).to(one)  # [steps, batch]
        fits = one.numel() * one.element_size() * number <= held
        self.all = images.rows(slice(number))[0] if fits else None

    def __iter__(self) -> Iterator[Tensor]:
        for step, rows in enumerate(self.order):
            row, down, right, mirrored = self.drawn[:, step]
            batch = self.images.rows(rows.tolist())[0] if self.all is None else self.all[row]
            found = mixed(moved(batch, down, right, mirrored.bool()), self.others[step])
            yield found if self.images.channels_last else found.contiguous()


def mixed(images: Tensor, shares: Tensor) -> Tensor:
    """The images [N, ...], each with such a share of the one before it. shares: [N], 0 to 1."""
    return images.lerp(images.roll(1, 0), shares.view(-1, *[1] * (images.dim() - 1)))


def moved(images: Tensor, down: Tensor, right: Tensor, mirrored: Tensor) -> Tensor:
    """The images [N, C, H, W], each moved by so many pixels, its edge repeated where it left, and
    mirrored where told. down, right: whole numbers [N].   mirrored: bool [N]."""
    number, _, height, width = images.shape
    at = {"device": images.device}
    rows = (torch.arange(height, **at) + down[:, None]).clamp_(0, height - 1)
    columns = (torch.arange(width, **at) + right[:, None]).clamp_(0, width - 1)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    image = torch.arange(number, **at)[:, None, None]
    return images.movedim(1, -1)[image, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
