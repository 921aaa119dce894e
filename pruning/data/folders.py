"""Data sets of image files: a folder a class, below train/ and test/ if both are there; or pictures with
masks; or a .zip of either."""

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from pruning.data.dataset import (
    HOLDOUT_SEED,
    HOLDOUT_SHARE,
    Dataset,
    Split,
    digest_of_rows,
    must_be_several,
    split_off,
)
from pruning.data.domains import JUDGE
from pruning.data.mask_folders import with_masks
from pruning.data.masked_pictures import load_pairs
from pruning.data.path_files import LARGEST, DataFile, Listing, folder_listing, opened, zip_listing
from pruning.data.picture_files import as_shown, in_words
from pruning.data.resizing import square
from pruning.progress import Watch, silent, timed

PARTS = ("train", "test")
TEST_SHARE = 0.2  # where the data comes in one part
OTHERWISE = 224  # pixels: side of the images where they differ in size and nothing else is asked for
TOLD_EVERY = 16  # images between two words on how far it is
LARGEST_HERE = 16 * 2**30  # bytes of decoded pictures and masks, of a folder on this machine


def load_folders(path: Path, *, size: int | None, seed: int, watch: Watch = silent) -> Dataset:
    """Reads what a folder on this machine holds. Raises ValueError in one sentence on what is no data set."""
    return load_listing(folder_listing(path), size=size, seed=seed, most=LARGEST_HERE, watch=watch)


def load_zip(path: Path, *, size: int | None, seed: int, watch: Watch = silent) -> Dataset:
    """The same of a .zip."""
    with zip_listing(path) as listing:
        return load_listing(listing, size=size, seed=seed, most=LARGEST, watch=watch)


def load_listing(listing: Listing, *, size: int | None, seed: int, most: int, watch: Watch) -> Dataset:
    """most: bytes that pictures with masks may take, decoded."""
    paired = with_masks(listing)
    if paired is None:
        return load_class_folders(listing, size=size, seed=seed, watch=watch)
    return load_pairs(paired, size=size, seed=seed, most=most, watch=watch)


def load_class_folders(listing: Listing, *, size: int | None, seed: int, watch: Watch) -> Dataset:
    found = labelled(without_wrapper(listing), seed)
    known = found.labels[found.known]
    kept, held = split_off(known, HOLDOUT_SHARE, HOLDOUT_SEED) if len(known) else (known, known)
    order = np.concatenate([found.known[kept], found.known[held], found.test])
    place = np.argsort(order)  # of every file's picture: the parts lie one after another, and are not copied
    decoded = decode(found, place, size, watch)
    must_be_several(found.name, found.labels[found.known], found.classes)
    whole = Split(decoded.images, found.labels[order])
    edges = np.cumsum([0, len(kept), len(held), len(found.test)])
    train, holdout, test = (
        Split(whole.images[low:high], whole.labels[low:high]) for low, high in pairwise(edges)
    )
    digest = digest_of_rows(whole, place[found.known], place[found.test])
    messages = (*found.messages, *decoded.messages)
    return Dataset(found.name, train, holdout, test, found.classes, digest, messages=messages)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Image files with their classes. labels: [N] class numbers.   known, test: row numbers of the training
    part and of the test part."""

    name: str
    files: list[DataFile]
    labels: np.ndarray
    classes: tuple[str, ...]
    known: np.ndarray
    test: np.ndarray
    messages: tuple[str, ...]


def labelled(listing: Listing, seed: int) -> Labelled:
    name, files, folders = listing.name, listing.files, listing.folders
    files = [file for file in files if file.place.name != JUDGE]  # of domains, what tells them apart
    tops = {file.place.parts[0] for file in files}
    parted = set(PARTS) <= tops
    others = sorted(tops - set(PARTS)) if parted else []
    if parted:
        files = [file for file in files if file.place.parts[0] in PARTS]
        folders = [place for place in folders if place.parts[0] in PARTS]
    of_test = np.array([parted and file.place.parts[0] == "test" for file in files])
    classes = class_names(Listing(name, files, folders), depth=3 if parted else 2)
    number = {label: row for row, label in enumerate(classes)}
    labels = np.array([number[file.place.parts[-2]] for file in files], dtype=np.int64)
    lacking = set(range(len(classes))) - set(labels[~of_test].tolist())
    if lacking:
        raise ValueError(
            f"class {classes[min(lacking)]!r} of {name} has no training images; add some or remove its folder"
        )
    known, test = np.flatnonzero(~of_test), np.flatnonzero(of_test)
    if not parted:
        known, test = split_off(labels, TEST_SHARE, seed)
    beside = (f"beside train and test, {', '.join(others)} of {name} is not used",) if others else ()
    return Labelled(name, files, labels, classes, known, test, beside)


def class_names(listing: Listing, *, depth: int) -> tuple[str, ...]:
    """The names of the folders that hold images `depth` deep, and of empty ones there, sorted."""
    wrong = [file.place for file in listing.files if len(file.place.parts) != depth]
    if wrong or not listing.files:
        found = f"{wrong[0]} is in none" if wrong else "there are no images"
        raise ValueError(
            f"{listing.name} is no set of class folders: {found}; give class/image.png, or train/ and test/ "
            "of these, or images/ and masks/"
        )
    with_images = {file.place.parts[-2] for file in listing.files}
    empty = {place.name for place in listing.folders if len(place.parts) == depth - 1}
    return tuple(sorted(with_images | empty))


def without_wrapper(listing: Listing) -> Listing:
    """Takes off one folder around everything, unless it is the only class: set/class/image."""
    deep = all(len(file.place.parts) > 2 for file in listing.files)
    return listing.below(listing.wrapper) if deep else listing


@dataclass(frozen=True, eq=False)
class Decoded:
    """images: uint8 [N, size, size, 3].   messages: what of them is not as in the files."""

    images: np.ndarray
    messages: tuple[str, ...]


def decode(given: Labelled, place: np.ndarray, size: int | None, watch: Watch) -> Decoded:
    """place: the row of every file's picture.   size: None is the shorter side where all images have the
    same, else 224."""
    name, files = given.name, given.files
    if size is None:
        sides = {min(opened(file).size) for file in files}
        size = sides.pop() if len(sides) == 1 else OTHERWISE
    if len(files) * size * size * 3 > LARGEST:
        raise ValueError(
            f"{len(files)} images of {name} at {size} pixels take more than {LARGEST // 2**30} GiB; "
            "give fewer, or a smaller size"
        )
    images = np.empty((len(files), size, size, 3), np.uint8)
    said, told = [], timed(watch)
    for number, (file, row) in enumerate(zip(files, place, strict=True)):
        if number % TOLD_EVERY == 0:
            told("images", number, len(files))
        picture = as_shown(opened(file), file.place)
        images[row] = square(picture.image, size)
        said.append(replace(picture, image=None))
    told("images", len(files), len(files))
    return Decoded(images, in_words(name, said))
