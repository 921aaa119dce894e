"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): downloaded by torchvision when asked for by name, and kept."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from pruning.data.cache_folder import cache_folder
from pruning.data.dataset import Dataset, Split, assemble
from pruning.data.registry import dataset
from pruning.error_messages import first_line

PATIENCE = 20  # seconds without an answer before a download counts as impossible


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
    try:
        with patience(PATIENCE):
            train, test = (source(folder, train=part, download=True) for part in (True, False))
    except (OSError, RuntimeError) as error:  # no network, no answer, no disk, or another file than expected
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        raise ValueError(
            f"{name} is downloaded when first used, and that failed ({first_line(error)}); "
            "go online once, or give scenes, digits or a path"
        ) from None
    known, held = (Split(part.data, np.array(part.targets, dtype=np.int64)) for part in (train, test))
    return assemble(name, known, held, tuple(train.classes), flips=True)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
