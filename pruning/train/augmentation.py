"""What training does to an image so that it is never quite the same twice, and still of its class."""

import numpy as np

from pruning.data import Dataset
from pruning.data.resizing import moved_from


def augmented(images: np.ndarray, dataset: Dataset, random: np.random.Generator) -> np.ndarray:
    """uint8 [N, H, W, 3], each moved by up to `dataset.shift` pixels either way, its edge repeated where
    it left, and mirrored every second time where `dataset.flips`. Images given as normalised numbers stay
    as they are.
    """
    if dataset.normalised:
        return images
    n, height, width, _ = images.shape
    rows, columns = moved_from(random, n, (height, width), shift=dataset.shift, flips=dataset.flips)
    return images[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
