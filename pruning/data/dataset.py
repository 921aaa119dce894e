"""What a data set is once it is loaded: images and labels in three parts, and what is known about them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pruning.models import Normalization
from pruning.tasks import DEFAULT, Task

HOLDOUT_SHARE = 0.1  # of every training part: never trained on, never calibrated on
ROWS = 256  # images that are worked on at a time
HOLDOUT_SEED = 20  # fixed, so that a network trained without the hold-out has not seen it under any seed


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a data set. images: uint8 [N, H, W, 3], as in the file; or, where a caller gave them
    normalised, float32 [N, 3, H, W].   labels: int64 [N], class numbers; of another task [N, ...], whatever
    its targets are.   task: what they are the answers to.
    """

    images: np.ndarray
    labels: np.ndarray
    task: Task = DEFAULT

    def __post_init__(self):
        for array in (self.images, self.labels):
            array.flags.writeable = False  # loaded data is shared by all who ask for it

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> "Split":
        """The images at these row numbers, in this order."""
        return replace(self, images=self.images[rows], labels=self.labels[rows])

    def first(self, number: int) -> "Split":
        """The first so many images, or all: not a copy, so that whoever keeps them keeps no more memory."""
        return replace(self, images=self.images[:number], labels=self.labels[:number])

    @property
    def classes(self) -> np.ndarray | None:
        """[N] int64, a class number an item; None where the task gives items no class."""
        return self.task.classes_of(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A loaded data set.

    train, holdout, test: the three parts; holdout is 10 % of what came as training part.   classes: names.
    digest: of all images and labels.   flips: whether a mirrored image is of the same class.   shift: pixels
    by which an image may be moved and still be of its class.   messages: what whoever uses it should know.
    extras: more about the images where there is more, a mapping {part: array} each.   normalization: what a
    network that has not recorded it expects, if the caller said so.
    """

    name: str
    train: Split
    holdout: Split
    test: Split
    classes: tuple[str, ...]
    digest: str
    flips: bool = False
    shift: int = 4
    messages: tuple[str, ...] = ()
    extras: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    normalization: Normalization | None = None

    @property
    def task(self) -> Task:
        return self.train.task

    @property
    def outputs(self) -> int:
        """How many outputs a network for this data has."""
        return self.task.outputs(self.classes)

    @property
    def size(self) -> int:
        """Side of the images, in pixels."""
        return self.test.images.shape[2]

    def narrowed(self, classes: Sequence[int]) -> "Dataset":
        """The images of some classes only, numbered anew in ascending order.

        classes: class numbers, two or more. Raises ValueError for one that the data lacks."""
        if self.train.classes is None or self.train.labels.ndim > 1:
            raise ValueError(
                f"the images of {self.name} have no classes to choose from; leave the subtask out"
            )
        wanted, last = sorted(set(classes)), len(self.classes) - 1
        for number in wanted:
            if not 0 <= number <= last:
                names = ", ".join(map(str, self.classes[:3]))
                raise ValueError(
                    f"{self.name} has no class {number}; give class numbers from 0 to {last} ({names} ...)"
                )
        if len(wanted) < 2:
            raise ValueError(f"one class only, {wanted}, leaves nothing to tell apart; give two or more")
        rows = {part: np.isin(getattr(self, part).labels, wanted) for part in ("train", "holdout", "test")}
        parts = {}
        for part, chosen in rows.items():
            split = getattr(self, part)
            labels = np.searchsorted(wanted, split.labels[chosen])
            parts[part] = replace(split, images=split.images[chosen], labels=labels)
        extras = {
            key: {part: array[rows[part]] for part, array in parted.items()}
            for key, parted in self.extras.items()
        }
        digest = hashlib.sha256(f"{self.digest} {wanted}".encode()).hexdigest()
        kept = tuple(self.classes[number] for number in wanted)
        return replace(self, **parts, classes=kept, digest=digest, extras=extras)

    @property
    def normalised(self) -> bool:
        """Whether the images came as normalised numbers rather than as pixels."""
        return self.test.images.dtype != np.uint8


def assemble(
    name: str,
    train: Split,
    test: Split,
    classes: tuple[str, ...],
    *,
    flips: bool = False,
    shift: int = 4,
    messages: tuple[str, ...] = (),
    extras: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    own: bool = False,
) -> Dataset:
    """Takes the hold-out from the training part, checks the classes, and computes the digest.

    extras: {name: {"train": array [N_train, ...], "test": array [N_test, ...]}}, split as the images are.
    own: the training images are nobody else's, so they may be moved where they are.
    Raises ValueError where there is one class only, or a class has fewer than two training images.
    """
    numbers = train.classes
    if numbers is None:
        numbers = np.zeros(len(train), int)
    else:
        must_be_several(name, numbers, classes)
    kept, held = split_off(numbers, HOLDOUT_SHARE, HOLDOUT_SEED)
    digest = digest_of(train, test)
    holdout, rest = train.take(held), (moved_up if own else Split.take)(train, kept)
    parts: dict[str, Any] = {"train": rest, "holdout": holdout, "test": test}
    more = {
        key: {"train": parted["train"][kept], "holdout": parted["train"][held], "test": parted["test"]}
        for key, parted in (extras or {}).items()
    }
    how: dict[str, Any] = {"flips": flips, "shift": shift, "messages": messages, "extras": more}
    return Dataset(name, **parts, classes=tuple(classes), digest=digest, **how)


def moved_up(split: Split, rows: np.ndarray) -> Split:
    """The same as `take`, of ascending rows, in the memory that the images have: a second copy of a data set
    may not fit."""
    images = split.images
    images.flags.writeable = True
    for start in range(0, len(rows), ROWS):
        some = rows[start : start + ROWS]
        images[start : start + len(some)] = images[some]
    images.flags.writeable = False
    return replace(split, images=images[: len(rows)], labels=split.labels[rows])


def must_be_several(name: str, labels: np.ndarray, classes: Sequence[str]) -> None:
    counts = np.bincount(labels, minlength=len(classes))
    if len(classes) < 2:
        raise ValueError(f"{name} has only one class; give images of at least two")
    if counts.min() < 2:
        least = classes[int(counts.argmin())]
        raise ValueError(
            f"class {least!r} of {name} has {counts.min()} to train with, once those for the test are apart; "
            "give each class two or more"
        )


def split_off(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers kept and taken, each sorted: of every class `share` is taken at random, at least one."""
    random = np.random.Generator(np.random.PCG64(seed))
    taken = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        taken.append(random.permutation(rows)[: max(1, round(share * len(rows)))])
    held = np.sort(np.concatenate(taken))
    return np.setdiff1d(np.arange(len(labels)), held), held


def digest_of_rows(whole: Split, *parts: np.ndarray) -> str:
    """What `digest_of` says of parts that are taken from one whole. parts: row numbers."""
    digest = hashlib.sha256()
    for rows, array in ((rows, array) for rows in parts for array in (whole.images, whole.labels)):
        digest.update(f"{array.dtype} {(len(rows), *array.shape[1:])}\n".encode())
        for start in range(0, len(rows), ROWS):
            digest.update(np.ascontiguousarray(array[rows[start : start + ROWS]]).reshape(-1).view(np.uint8))
    return digest.hexdigest()


def digest_of(*parts: Split) -> str:
    """SHA-256 over the parts' images and labels, in hexadecimal."""
    digest = hashlib.sha256()
    for array in (array for part in parts for array in (part.images, part.labels)):
        digest.update(f"{array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))  # no copy: they may be large
    return digest.hexdigest()
