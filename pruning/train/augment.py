"""What training does to an image so that it is never quite the same twice, and still of its class."""

import numpy as np

from pruning.data import Dataset


def augmented(images: np.ndarray, dataset: Dataset, random: np.random.Generator) -> np.ndarray:
    """uint8 [N, H, W, 3], each moved by up to `dataset.shift` pixels either way, its edge repeated where
    it left, and mirrored every second time where `dataset.flips`. Images given as normalised numbers stay
    as they are.
    """
    if dataset.normalised:
        return images
    n, height, width, _ = images.shape
    down, right = random.integers(-dataset.shift, dataset.shift + 1, (2, n, 1))
    rows = np.clip(np.arange(height) + down, 0, height - 1)  # [N, H]
    columns = np.clip(np.arange(width) + right, 0, width - 1)  # [N, W]
    if dataset.flips:
        columns = np.where(random.random((n, 1)) < 0.5, columns[:, ::-1], columns)
    return images[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
