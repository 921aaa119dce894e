"""Data sets: the listed ones, and those at a path. Importing this loads no torch and reads no image."""

# imported to be listed, in this order
# isort: off
import pruning.data.scenes
import pruning.data.digits
import pruning.data.cifar
import pruning.data.pascal_voc
import pruning.data.celeba  # noqa: F401

# isort: on
from pruning.data.calibration import (
    Calibration,
    batch_of,
    calibration_images,
    images_at_once,
    inputs_of,
    to_tensor,
)
from pruning.data.dataset import Dataset, Split
from pruning.data.load import load_data, must_ask, names, normalization_of
from pruning.data.registry import DATA

__all__ = [
    "DATA",
    "Calibration",
    "Dataset",
    "Split",
    "batch_of",
    "calibration_images",
    "images_at_once",
    "load_data",
    "must_ask",
    "names",
    "normalization_of",
    "inputs_of",
    "to_tensor",
]
