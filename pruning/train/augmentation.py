"""What training does to an image so that it is never quite the same twice, and its target stays right."""

from dataclasses import replace

import numpy as np

from pruning.data import Dataset, Split
from pruning.data.resizing import moved_from


def augmented(batch: Split, dataset: Dataset, random: np.random.Generator) -> Split:
    """Images uint8 [N, H, W, 3], each moved by up to `dataset.shift` pixels either way, its edge repeated
    where it left, and mirrored every second time where `dataset.flips`; the task moves the labels along, and
    may draw anew what is asked. Images given as normalised numbers stay as they are.
    """
    batch = replace(batch, labels=batch.task.redrawn(batch.labels, random))
    if dataset.normalised:
        return batch
    n, height, width, _ = batch.images.shape
    rows, columns = moved_from(random, n, (height, width), shift=dataset.shift, flips=dataset.flips)
    images = batch.images[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return replace(batch, images=images, labels=batch.task.moved(batch.labels, rows, columns))
