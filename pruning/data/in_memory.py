"""Data given as objects: arrays or tensors, a torch Dataset, a DataLoader, or whatever yields batches."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pruning.data.calibration import NO_LABEL, fair_shares
from pruning.data.dataset import Dataset, Split, digest_of
from pruning.tasks import DEFAULT, IGNORED, PIXELWISE, Task

LARGEST = 2**30  # bytes of the images that are kept of what is streamed: 1,783 colour images of 224 pixels
BATCH = 32  # images read at once of a Dataset
ALONE = "put a network of several inputs inside one that takes images alone"
SHAPE = "give floats [N, C, H, W] as the network takes them"


@dataclass(frozen=True)
class Batch:
    """images: float32 [N, C, H, W].   labels: int64 [N], -1 where there are none.   keys: what says in which
    order they are taken and which are kept, whatever order they come in."""

    images: np.ndarray
    labels: np.ndarray
    keys: list[int]


def given_tensors(images, labels=None) -> Dataset:
    """Images as floats [N, C, H, W] and whole-number labels [N], or masks [N, H, W], or none, arrays or
    tensors, as a data set whose three parts are all the same images: whoever gave them knows which they
    are."""
    images, labelled = as_array(images), labels is not None
    labels = np.full(images.shape[:1], NO_LABEL) if labels is None else as_array(labels)
    if labels.ndim == 3:
        must_be_images_and_masks(images, labels)
        return dataset_of(images.astype(np.float32), labels.astype(np.uint8), task=PIXELWISE)
    must_be_images_and_labels(images, labels, labelled=labelled)
    return dataset_of(images.astype(np.float32), labels.astype(np.int64))  # copies: the caller's own stay his


def must_be_images_and_labels(images: np.ndarray, labels: np.ndarray, *, labelled: bool):
    numbers = images.dtype.kind == "f" and labels.dtype.kind in "iu"
    shaped = images.ndim == 4 and labels.shape == images.shape[:1] and len(labels)
    if not numbers or not shaped or (labelled and labels.min() < 0):
        raise ValueError(
            f"images {images.dtype} {list(images.shape)} and labels {labels.dtype} {list(labels.shape)} "
            "are no data; give floats [N, C, H, W] and N whole numbers, 0 or more"
        )


def must_be_images_and_masks(images: np.ndarray, masks: np.ndarray):
    numbers = images.dtype.kind == "f" and masks.dtype.kind in "iu"
    shaped = images.ndim == 4 and masks.shape == (len(images), *images.shape[2:]) and len(masks)
    if not numbers or not shaped or not 0 <= masks.min() <= masks.max() <= IGNORED:
        raise ValueError(
            f"images {images.dtype} {list(images.shape)} and masks {masks.dtype} {list(masks.shape)} are no "
            f"data; give floats [N, C, H, W] and whole numbers [N, H, W], 0 to {IGNORED - 1}, and {IGNORED} "
            "where a pixel does not count"
        )


def dataset_of(
    images: np.ndarray, labels: np.ndarray, messages: tuple[str, ...] = (), task: Task = DEFAULT
) -> Dataset:
    part = Split(images, labels, task)
    highest = labels.max(initial=0, where=labels != IGNORED) if task is PIXELWISE else labels.max()
    classes = tuple(str(label) for label in range(highest + 1))
    messages = ("the same images are used for calibration, hold-out and test", *messages)
    return Dataset("given images", part, part, part, classes, digest_of(part), messages=messages)


def as_array(given) -> np.ndarray:
    """A tensor on whatever device and in whatever precision, or what NumPy takes, as an array."""
    if hasattr(given, "detach"):
        given = given.detach().cpu()
        given = given.float() if given.is_floating_point() and given.element_size() < 4 else given
    try:
        return np.asarray(given)
    except ValueError:  # a list of arrays that differ in shape
        raise ValueError(
            f"images of several shapes are given, or several inputs for each; {SHAPE}, and {ALONE}"
        ) from None


# ------------------------------------------------------------------------------------------------ streamed


def given_batches(data) -> Dataset:
    """What a torch Dataset, a DataLoader or another iterable of batches yields, read once.

    A batch is (images, labels, anything else) or images alone. At most 1 GiB of images is kept, as many of
    each class as there can be; which ones, and in which order, does not depend on the order in which they
    come. Raises ValueError in one sentence where batches are anything else."""
    kept = Kept()
    for batch in batches_of(data):
        kept.add(batch)
    return kept.dataset()


@dataclass
class Kept:
    """Of each class the images with the smallest keys, within a limit of memory."""

    by_class: dict[int, list[tuple[int, np.ndarray]]] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    capacity: int = 0

    def add(self, batch: Batch):
        self.shape = self.shape or batch.images.shape[1:]
        if batch.images.shape[1:] != self.shape:
            raise ValueError(
                f"images of {list(self.shape)} and of {list(batch.images.shape[1:])} are given; give one size"
            )
        self.capacity = max(1, LARGEST // (4 * int(np.prod(self.shape))))
        for image, label, key in zip(batch.images, batch.labels.tolist(), batch.keys, strict=True):
            self.by_class.setdefault(label, []).append((key, image))
            self.seen[label] = self.seen.get(label, 0) + 1
        if sum(map(len, self.by_class.values())) > 1.1 * self.capacity:
            self.trim(spare=1)

    def trim(self, spare: int = 0):
        """Drops what can't be among the kept in the end: a class's share falls as more images come. spare:
        images above the share, since a rest may go to any class."""
        labels = sorted(self.seen)
        shares = fair_shares(np.array([self.seen[label] for label in labels]), self.capacity)
        most = int(shares.max()) + spare
        for label, share in zip(labels, shares.tolist(), strict=True):
            self.by_class[label].sort(key=lambda pair: pair[0])
            del self.by_class[label][most if spare else share :]

    def dataset(self) -> Dataset:
        if not self.seen:
            raise ValueError("the data yields no batch; give at least one image")
        self.trim()
        rows = [(key, label, image) for label, own in self.by_class.items() for key, image in own]
        rows.sort(key=lambda row: row[:2])
        images = np.empty((len(rows), *self.shape), np.float32)
        for number, (_, _, image) in enumerate(rows):
            images[number] = image
        labels = np.array([label for _, label, _ in rows], np.int64)
        seen = sum(self.seen.values())
        told: tuple[str, ...] = ()
        if len(rows) < seen:
            told = (f"{len(rows):,} of {seen:,} images are used, balanced over classes: 1 GiB holds no more",)
        return dataset_of(images, labels, told)


def batches_of(data) -> Iterator[Batch]:
    import torch.utils.data as torchs

    known = False  # whether the place of an image in the data set is known
    if isinstance(data, torchs.DataLoader):
        source = in_order(data)
        known, data = source is not None, source or data
    elif isinstance(data, torchs.Dataset):
        known = not isinstance(data, torchs.IterableDataset) and hasattr(data, "__len__")
        data = torchs.DataLoader(data, batch_size=BATCH)
    place = 0
    for given in collated(data):
        images, labels = parted(given)
        if known:
            keys = list(range(place, place + len(images)))
        else:
            keys = [key_of(image, label) for image, label in zip(images, labels, strict=True)]
        place += len(images)
        yield Batch(images, labels, keys)


def in_order(loader):
    """The loader again, in the order of its data set; None where which images it yields is not known."""
    import torch.utils.data as torchs

    plain = (torchs.SequentialSampler, torchs.RandomSampler)
    dataset, sampler = loader.dataset, loader.sampler
    if isinstance(dataset, torchs.IterableDataset) or loader.batch_size is None:
        return None
    if type(sampler) is torchs.SubsetRandomSampler:
        dataset = torchs.Subset(dataset, sorted(map(int, sampler.indices)))
    elif type(sampler) not in plain or len(sampler) != len(dataset):
        return None
    elif getattr(sampler, "replacement", False):
        return None
    how = {name: getattr(loader, name) for name in ("collate_fn", "num_workers", "worker_init_fn", "timeout")}
    return torchs.DataLoader(dataset, batch_size=loader.batch_size, **how)


def collated(data) -> Iterator[Any]:
    """The batches; what torch says of items that make none becomes one sentence."""
    try:
        yield from data
    except (RuntimeError, TypeError) as error:
        if "equal size" in str(error):
            raise ValueError("the data yields images of different sizes; give one size") from None
        if "must contain tensors" in str(error):
            kind = str(error).rpartition("found ")[2].strip()
            raise ValueError(f"the data yields items of {kind}; {SHAPE}, after ToTensor, say") from None
        raise


def parted(given) -> tuple[np.ndarray, np.ndarray]:
    """A batch's images [N, C, H, W], float32, and labels [N]."""
    if isinstance(given, Mapping) or not (isinstance(given, (tuple, list)) or hasattr(given, "shape")):
        raise ValueError(f"the data yields a {type(given).__name__} as a batch; give (images, labels)")
    several = isinstance(given, (tuple, list)) and len(given) > 0
    images = as_array(given[0] if several else given)
    labels = as_array(given[1]) if several and len(given) > 1 else None
    if images.ndim == 3:  # no batch but one item
        images, labels = images[None], None if labels is None else labels.reshape(-1)
    if images.ndim != 4 or images.dtype.kind != "f":
        inputs = f", and {ALONE}" if several and isinstance(given[0], (tuple, list, Mapping)) else ""
        raise ValueError(f"the data yields images {images.dtype} {list(images.shape)}; {SHAPE}{inputs}")
    if labels is None:
        labels = np.full(len(images), NO_LABEL)
    elif labels.ndim == 3 and len(images) > 1:
        raise ValueError("the data yields masks in batches; give all at once: (images, masks)")
    elif labels.dtype.kind not in "iu" or labels.size != len(images) or labels.min(initial=0) < 0:
        raise ValueError(
            f"the data yields labels {labels.dtype} {list(labels.shape)} for {len(images)} images; "
            "give a class number for each, from 0"
        )
    return images.astype(np.float32), labels.reshape(-1).astype(np.int64)


def key_of(image: np.ndarray, label: int) -> int:
    told = hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=8)
    told.update(str(label).encode())
    return int.from_bytes(told.digest(), "big")
