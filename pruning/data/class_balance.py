"""How often each class occurs in a data set: in how many images, and in which share of images or pixels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pruning.data.dataset import Dataset, Split
from pruning.tasks import IGNORED, PIXELWISE


def class_balance(dataset: Dataset) -> list[dict[str, Any]]:
    """A row a class: number, class (its name); train_images and test_images, how many show it; train_share
    and test_share, of all images, or where every pixel has a class of all pixels that count. The hold-out is
    counted as training. Nothing where images have no classes."""
    parts = {"train": (dataset.train, dataset.holdout), "test": (dataset.test,)}
    counts = {name: counted(splits, len(dataset.classes)) for name, splits in parts.items()}
    rows: list[dict[str, Any]] = []
    for number, name in enumerate(dataset.classes):
        row: dict[str, Any] = {"number": number, "class": str(name)}
        for part, (images, amounts) in counts.items():
            row[f"{part}_images"] = int(images[number])
            row[f"{part}_share"] = float(amounts[number] / max(1, amounts.sum()))
        rows.append(row)
    return rows if counted_in(dataset) else []


def counted_in(dataset: Dataset) -> str:
    """What the shares are of: pixels, images, or nothing."""
    if dataset.task is PIXELWISE:
        return "pixels"
    return "" if dataset.train.classes is None else "images"


def uncounted(dataset: Dataset) -> dict[str, float]:
    """{train, test: the share of pixels that do not count}; nothing where that is not said of pixels."""
    if counted_in(dataset) != "pixels":
        return {}
    parts = {"train": (dataset.train, dataset.holdout), "test": (dataset.test,)}
    pixels = {part: np.sum([pixels_of(each.labels) for each in own], 0) for part, own in parts.items()}
    return {part: float(found[IGNORED] / found.sum()) for part, found in pixels.items()}


def counted(splits: Sequence[Split], classes: int) -> tuple[np.ndarray, np.ndarray]:
    """[K] images that show each class, and [K] images or counted pixels of it."""
    images, amounts = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    for split in splits:
        if split.task is PIXELWISE:
            for mask in split.labels:
                found = np.bincount(mask.ravel(), minlength=256)[:classes]
                images += found > 0
                amounts += found
        elif (own := split.task.own_classes(split.labels)) is not None:
            found = np.bincount(own[own >= 0], minlength=classes)
            images += found
            amounts += found
    return images, amounts


def pixels_of(masks: np.ndarray) -> np.ndarray:
    """int64 [256]: how many pixels have each number. Mask by mask, since counting widens them."""
    found = np.zeros(256, np.int64)
    for mask in masks:
        found += np.bincount(mask.ravel(), minlength=256)
    return found
