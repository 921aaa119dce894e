"""A data set from its name, its path, or arrays at hand."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

import numpy as np

from pruning.data.dataset import Dataset, Split, digest_of
from pruning.data.domains import asked_by, translated
from pruning.data.folders import load_folders, load_zip
from pruning.data.in_memory import given_batches, given_tensors
from pruning.data.npz import load_npz
from pruning.data.path_files import walked
from pruning.data.registry import DATA
from pruning.data.resizing import fit_to, nearest_from
from pruning.error_messages import choose
from pruning.models import NORMALIZATIONS, Normalization
from pruning.progress import Watch, silent
from pruning.tasks import TASKS, Task

if TYPE_CHECKING:
    from torch import nn

LARGE = 2**30  # bytes from which no second data set is kept beside one
_large: WeakSet[Dataset] = WeakSet()  # those that somebody still holds


def names() -> tuple[str, ...]:
    """The listed data sets, those that need no download first."""
    return tuple(DATA)


def must_ask(data: Dataset, task: str | None) -> None:
    """Raises ValueError where data ask for something else than the task that is named."""
    if task is not None and data.task.name != task:
        asks = f"{data.name} asks for {data.task.answers}, and task is {task}"
        raise ValueError(f"{asks}; give data for {task}, or leave the task out")


def load_data(
    data,
    *,
    seed: int = 0,
    size: int | None = None,
    normalize: str | Normalization | None = None,
    task: Task | str | None = None,
    watch: Watch = silent,
) -> Dataset:
    """Images and labels in three parts, raw uint8; a network is fed them normalised by what it expects.

    data: a listed name; a path to an .npz, to class folders, to images/ and masks/, to a folder like Pascal
    VOC's, or to a .zip of such folders; loaded data; images as floats [N, C, H, W] that are taken as
    normalised, in a tuple (images, labels) or alone; or a torch Dataset, a DataLoader or other batches of
    such, which are read once.
    size: side of the images in pixels: the shorter side is resized and the centre cropped; with masks, the
    longer side is scaled down where it is above, and the rest filled. None is the data's own where all images
    share one, else 224; with masks the least that holds all pictures, at most 513.
    seed: of the split into training and test part where the data has none; recipes take 0, so that all are
    judged by the same images.   normalize: for a network of your own, which has not recorded what it expects:
    cifar10, imagenet, half, none, or a Normalization.   task: of the network that they are for, or its name:
    classes become the domains of a translation, and the other way round.   watch: told how many images of a
    path have been read. Raises ValueError in one sentence on an unknown name, and on files that hold anything
    but such data."""
    dataset = find(data, seed, size, watch) if isinstance(data, (str, Path, Dataset)) else given(data)
    if task is not None:
        wanted = TASKS[choose(task, TASKS, "task")] if isinstance(task, str) else task
        dataset = asked_by(dataset, wanted, found_at(data))
    if normalize is None:
        return dataset
    if not isinstance(normalize, Normalization):
        normalize = NORMALIZATIONS[choose(normalize, NORMALIZATIONS, "normalization")]
    return replace(dataset, normalization=normalize)


def found_at(data) -> Path | None:
    """The file or folder that data are from; None of listed and of given ones."""
    return Path(data).resolve() if isinstance(data, (str, Path)) and str(data) not in DATA else None


def given(data) -> Dataset:
    """Data that is neither named nor loaded, from whatever holds it."""
    if isinstance(data, tuple) and len(data) in (1, 2):
        return given_tensors(*data)
    if hasattr(data, "shape"):
        return given_tensors(data)
    if isinstance(data, Mapping) or not (hasattr(data, "__iter__") or hasattr(data, "__getitem__")):
        raise ValueError(
            f"a {type(data).__name__} is no data; give a name, a path, (images, labels), a Dataset or a "
            "DataLoader"
        )
    return given_batches(data)


def find(data: str | Path | Dataset, seed: int, size: int | None, watch: Watch) -> Dataset:
    if isinstance(data, Dataset):
        return at_size(data, size)
    if str(data) in DATA:
        return listed(str(data), size)
    path = Path(data)
    if not os.path.exists(path):  # also for a name that no file can have
        if path.suffix or len(path.parts) > 1:
            raise ValueError(f"there is no file or folder {path}; give a path, or one of: {', '.join(DATA)}")
        choose(str(data), DATA, "data set")
    path = path.resolve()
    return from_path(AtPath(path, state_of(path), seed, size, watch))


@lru_cache(maxsize=4)
def listed(name: str, size: int | None) -> Dataset:
    make_room()
    known = DATA[name]
    return noted(known.load(size) if known.sized else at_size(known.load(), size))


@dataclass(frozen=True)
class AtPath:
    """What is asked of a path. state: of the files there, so that changed files are read again.   watch: of
    whoever asks first, who waits for it."""

    path: Path
    state: tuple[int, ...]
    seed: int
    size: int | None
    watch: Watch = field(compare=False)


@lru_cache(maxsize=2)
def from_path(asked: AtPath) -> Dataset:
    """Reads what a path holds."""
    make_room()
    path, size, watch = asked.path, asked.size, asked.watch
    if path.is_dir():
        state = f"{path} {asked.state}"
        return noted(load_folders(path, size=size, seed=asked.seed, state=state, watch=watch))
    if path.suffix.lower() == ".zip":
        return noted(load_zip(path, size=size, seed=asked.seed, watch=watch))
    if path.suffix.lower() == ".npz":
        return noted(load_npz(path, size=size, watch=watch))
    raise ValueError(
        f"{path.name} is no data set; give class folders, images/ and masks/, a .zip of them, or an .npz"
    )


def noted(dataset: Dataset) -> Dataset:
    """The data set, remembered if it is large."""
    parts = (dataset.train, dataset.holdout, dataset.test)
    if sum(part.images.nbytes + part.labels.nbytes for part in parts) > LARGE:
        _large.add(dataset)
    return dataset


def make_room():
    """Before more is read, a large data set is let go: two of Pascal VOC at 513 pixels are 6 GiB."""
    if _large:
        listed.cache_clear()
        from_path.cache_clear()
        translated.cache_clear()


def state_of(path: Path) -> tuple[int, ...]:
    """What changes when a file there does: how many there are, the newest's time, and their bytes."""
    files = [file.stat() for file in ([path] if path.is_file() else walked(path))]
    return (
        len(files),
        max((file.st_mtime_ns for file in files), default=0),
        sum(file.st_size for file in files),
    )


def at_size(dataset: Dataset, size: int | None) -> Dataset:
    """The data set with its images at another size; what is known pixel by pixel does not come along."""
    if size is None or size == dataset.size:
        return dataset
    if dataset.normalised:
        raise ValueError(
            f"images given as normalised numbers stay as they are: {dataset.size} pixels, not {size}"
        )
    parts = [resized(part, size) for part in (dataset.train, dataset.holdout, dataset.test)]
    train, holdout, test = parts
    return replace(dataset, train=train, holdout=holdout, test=test, digest=digest_of(*parts), extras={})


def resized(part: Split, size: int) -> Split:
    """One part at another size; labels that are known pixel by pixel are the nearest pixels'."""
    rows, columns = nearest_from(part.images.shape[1:3], size)
    every = (np.broadcast_to(each, (len(part), size)) for each in (rows, columns))
    labels = part.task.moved(part.labels, *every)
    return replace(part, images=fit_to(part.images, size), labels=labels)


def normalization_of(model: "nn.Module", dataset: Dataset) -> Normalization:
    """What the images of `dataset` are normalised by for `model`: what was asked for with the data, else what
    `load_model` recorded. Raises ValueError where neither is known."""
    origin = getattr(model, "origin", None)
    if dataset.normalization is None and origin is None and not dataset.normalised:
        raise ValueError(
            "what this network expects its pixels to be normalised by is not known; "
            "give it with the data: load_data(..., normalize='imagenet')"
        )
    found = dataset.normalization or (origin.normalization if origin else NORMALIZATIONS["none"])
    if origin and not origin.normalization.channels_last:
        return replace(found, channels_last=False)
    return found
