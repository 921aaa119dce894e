"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): downloaded by torchvision when asked for by name, and kept."""

import numpy as np

from pruning.data.cache_folder import cache_folder
from pruning.data.dataset import Dataset, Split, assemble
from pruning.data.downloads import downloading
from pruning.data.registry import dataset


@dataset("cifar10", meaning="60,000 photographs of 10 kinds of things, downloaded once.", offline=False)
def cifar10() -> Dataset:
    return download("cifar10", "CIFAR10")


@dataset("cifar100", meaning="60,000 photographs of 100 kinds of things, downloaded once.", offline=False)
def cifar100() -> Dataset:
    return download("cifar100", "CIFAR100")


def download(name: str, torchvision_name: str) -> Dataset:
    """Both parts, from the cache folder if they are there. Raises ValueError if they cannot be downloaded."""
    from torchvision import datasets

    source, folder = getattr(datasets, torchvision_name), cache_folder() / name
    with downloading(name, folder, instead="scenes, digits or a path"):
        train, test = (source(folder, train=part, download=True) for part in (True, False))
    known, held = (Split(part.data, np.array(part.targets, dtype=np.int64)) for part in (train, test))
    return assemble(name, known, held, tuple(train.classes), flips=True)
