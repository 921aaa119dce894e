"""What a network that translates pictures makes of some of the hold-out, in every domain: a sheet that is
written anew while it is trained."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pruning.data import Dataset, Split, inputs_of
from pruning.models import Normalization
from pruning.models.module_modes import evaluating

if TYPE_CHECKING:
    from torch import nn

PICTURES = 8  # rows of a sheet


def in_every_domain(
    model: "nn.Module", split: Split, domains: int, normalization: Normalization, device: str = "cpu"
) -> np.ndarray:
    """uint8 [N, domains, H, W, 3]: each picture of a split in each domain."""
    import torch

    found = []
    with evaluating(model), torch.inference_mode():
        for domain in range(domains):
            labels = np.stack([split.labels[:, 0], np.full(len(split), domain)], axis=1)
            asked = Split(split.images, labels, split.task)
            outputs = model(inputs_of(asked, slice(None), normalization, device))
            pixels = outputs.float().add(1).mul(127.5).round().clamp(0, 255).permute(0, 2, 3, 1)
            found.append(pixels.to(torch.uint8).cpu().numpy())
    return np.stack(found, axis=1)


class SampleSheet:
    """A picture file with a row a picture: itself, then its translation to every domain."""

    def __init__(self, path: Path, dataset: Dataset, normalization: Normalization):
        self.path, self.normalization = path, normalization
        self.split, self.domains = dataset.holdout.first(PICTURES), len(dataset.classes)

    def write(self, model: "nn.Module", device: str) -> None:
        from PIL import Image

        made = in_every_domain(model, self.split, self.domains, self.normalization, device)
        whole = np.concatenate([self.split.images[:, None], made], axis=1)  # [N, 1 + domains, H, W, 3]
        rows, columns, height, width, _ = whole.shape
        sheet = whole.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3)
        Image.fromarray(np.ascontiguousarray(sheet)).save(self.path)
