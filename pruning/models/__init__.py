"""Networks: the listed ones, torchvision's by name, and weights from files. Importing this loads no torch."""

from pruning.models import cifar_networks, segmentation_networks, translation_networks  # noqa: F401  (imported to be listed)
from pruning.models.build import asked_task, default_size, names, task_of, torchvision_names
from pruning.models.bundled_weights import bundled
from pruning.models.checkpoint import Checkpoint, header_of, read_checkpoint, recorded_size, write_checkpoint
from pruning.models.digest import weights_digest
from pruning.models.fill_weights import WrongWeights
from pruning.models.load import Origin, load_model
from pruning.models.normalization import CIFAR10, IMAGENET, NONE, NORMALIZATIONS, Normalization
from pruning.models.registry import MODELS

__all__ = [
    "CIFAR10",
    "IMAGENET",
    "MODELS",
    "NONE",
    "NORMALIZATIONS",
    "Checkpoint",
    "Normalization",
    "Origin",
    "WrongWeights",
    "asked_task",
    "bundled",
    "default_size",
    "header_of",
    "load_model",
    "names",
    "read_checkpoint",
    "recorded_size",
    "task_of",
    "torchvision_names",
    "weights_digest",
    "write_checkpoint",
]
