"""Data sets of image files: a folder a class, below train/ and test/ if both are there; or pictures with
masks; or a .zip of either."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pruning.data.dataset import Dataset, Split, assemble, split_off
from pruning.data.domains import JUDGE
from pruning.data.mask_folders import with_masks
from pruning.data.masked_pictures import load_pairs
from pruning.data.path_files import LARGEST, DataFile, Listing, folder_listing, opened, zip_listing
from pruning.data.picture_files import as_shown, in_words
from pruning.data.resizing import square

PARTS = ("train", "test")
TEST_SHARE = 0.2  # where the data comes in one part
OTHERWISE = 224  # pixels: side of the images where they differ in size and nothing else is asked for
LARGEST_HERE = 16 * 2**30  # bytes of decoded pictures and masks, of a folder on this machine


def load_folders(path: Path, *, size: int | None, seed: int) -> Dataset:
    """Reads what a folder on this machine holds. Raises ValueError in one sentence on what is no data set."""
    return load_listing(folder_listing(path), size=size, seed=seed, most=LARGEST_HERE)


def load_zip(path: Path, *, size: int | None, seed: int) -> Dataset:
    """The same of a .zip."""
    with zip_listing(path) as listing:
        return load_listing(listing, size=size, seed=seed, most=LARGEST)


def load_listing(listing: Listing, *, size: int | None, seed: int, most: int) -> Dataset:
    """most: bytes that pictures with masks may take, decoded."""
    paired = with_masks(listing)
    if paired is None:
        return load_class_folders(listing, size=size, seed=seed)
    return load_pairs(paired, size=size, seed=seed, most=most)


def load_class_folders(listing: Listing, *, size: int | None, seed: int) -> Dataset:
    listing = without_wrapper(listing)
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
    labels = np.array([classes.index(file.place.parts[-2]) for file in files], dtype=np.int64)
    lacking = set(range(len(classes))) - set(labels[~of_test])
    if lacking:
        raise ValueError(
            f"class {classes[min(lacking)]!r} of {name} has no training images; add some or remove its folder"
        )
    decoded = decode(name, files, size)
    everything = Split(decoded.images, labels)
    rest, held = np.flatnonzero(~of_test), np.flatnonzero(of_test)
    if not parted:
        rest, held = split_off(labels, TEST_SHARE, seed)
    beside = (f"beside train and test, {', '.join(others)} of {name} is not used",) if others else ()
    parts = (everything.take(rest), everything.take(held))
    return assemble(name, *parts, classes, messages=(*beside, *decoded.messages))


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


def decode(name: str, files: list[DataFile], size: int | None) -> Decoded:
    """size: None is the shorter side where all images have the same, else 224."""
    if size is None:
        sides = {min(opened(file).size) for file in files}
        size = sides.pop() if len(sides) == 1 else OTHERWISE
    if len(files) * size * size * 3 > LARGEST:
        raise ValueError(
            f"{len(files)} images of {name} at {size} pixels take more than {LARGEST // 2**30} GiB; "
            "give fewer, or a smaller size"
        )
    images = np.empty((len(files), size, size, 3), np.uint8)
    said = []
    for row, file in enumerate(files):
        picture = as_shown(opened(file), file.place)
        images[row] = square(picture.image, size)
        said.append(replace(picture, image=None))
    return Decoded(images, in_words(name, said))
