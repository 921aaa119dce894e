"""What a criterion that tells classes apart asks of the calibration images' labels."""

import numpy as np

from pruning.statistics import LayerStatistics


def must_tell_classes(layer: LayerStatistics, what: str):
    """Raises ValueError where the images are of one class, or fewer than the classes. what: that needs
    them."""
    present = len(np.unique(layer.labels))
    if present < 2:
        raise ValueError(f"{what} needs images of at least two classes; these are all of one")
    if len(layer.labels) < layer.classes:
        raise ValueError(
            f"{what} needs an image of every class, and {len(layer.labels)} images cannot show "
            f"{layer.classes} classes; give calibration {layer.classes} or more"
        )


def no_class_information(labels: np.ndarray) -> float:
    """Between-class over within-class scatter that a feature without any class information has on average:
    (K - 1) / (N - K), by the sampling of N images of K classes alone. [D]"""
    images, classes = len(labels), len(np.unique(labels))
    return (classes - 1) / max(1, images - classes)
