"""Class folders: which pictures are of which class and part, also as ImageNet has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from pruning.data import image_lists
from pruning.data.dataset import split_off
from pruning.data.domains import JUDGE
from pruning.data.image_lists import folders_of, listed_in, only_listed
from pruning.data.label_maps import LABEL_MAPS, LabelMap, label_map
from pruning.data.path_files import DataFile, Listing

TRAIN, TEST, VAL = "train", "test", "val"
TEST_SHARE = 0.2  # where the data comes in one part
BESIDE = (*LABEL_MAPS, *image_lists.ALL)
CHALLENGE = ("Data", "CLS-LOC")  # where the ImageNet challenge keeps its pictures, train/ and val/


@dataclass(frozen=True, eq=False)
class Labelled:
    """Image files with their classes. labels: [N] class numbers.   known, test: row numbers of the training
    part and of the test part.   mapped: whether a label map gave the numbers, so that a class may lack
    pictures."""

    name: str
    files: list[DataFile]
    labels: np.ndarray
    classes: tuple[str, ...]
    known: np.ndarray
    test: np.ndarray
    messages: tuple[str, ...]
    mapped: bool


@dataclass(frozen=True)
class Parts:
    """What of a listing is used. pictures: with their part in front.   test: the folder of the test part;
    None: they come in one part.   beside: label maps and lists, by name.   unused: what else lies on top."""

    name: str
    pictures: list[DataFile]
    folders: list[PurePosixPath]
    test: str | None
    beside: Mapping[str, DataFile]
    unused: tuple[str, ...]


def labelled(listing: Listing, seed: int) -> Labelled:
    """Raises ValueError in one sentence where pictures lie otherwise than in class folders and no list says
    what they are."""
    parts = parts_of(listing)
    given = label_map(parts.beside)
    files = parts.pictures
    if parts.test is not None:
        used = {file.place for part in (TRAIN, parts.test) for file in used_of(parts, part)}
        files = [file for file in files if file.place in used]
    flat = loose(parts, files)
    classes, labels = numbered(parts, files, flat, given)
    of_test = np.array([parts.test is not None and file.place.parts[0] == parts.test for file in files])
    if given is None:
        must_be_trained(parts.name, classes, labels[~of_test])
    known, test = np.flatnonzero(~of_test), np.flatnonzero(of_test)
    if parts.test is None:
        known, test = split_off(strata(labels, given is not None), TEST_SHARE, seed)
    messages = told(parts, given)
    return Labelled(parts.name, files, labels, classes, known, test, messages, given is not None)


def strata(labels: np.ndarray, mapped: bool) -> np.ndarray:
    """What a share is taken of one by one: each class, or all together where a class may have one picture."""
    return np.zeros_like(labels) if mapped else labels


def parts_of(listing: Listing) -> Parts:
    listing = without_wrapper(as_challenge(listing))
    on_top = {file.place.name: file for file in listing.files if len(file.place.parts) == 1}
    beside = {name: file for name, file in on_top.items() if name in BESIDE}
    none = {file.place for file in beside.values()}
    files = [file for file in listing.files if file.place.name != JUDGE and file.place not in none]
    tops = {file.place.parts[0] for file in files}
    test = test_folder(files, tops)
    if test is None:
        return Parts(listing.name, files, listing.folders, None, beside, ())
    pictures = [file for file in files if file.place.parts[0] in (TRAIN, test)]
    folders = [place for place in listing.folders if place.parts[0] in (TRAIN, test)]
    return Parts(listing.name, pictures, folders, test, beside, tuple(sorted(tops - {TRAIN, test})))


def test_folder(files: Sequence[DataFile], tops: set[str]) -> str | None:
    """test/, or val/ where that is missing or has pictures without a class, as ImageNet's own; None where the
    data come in one part."""
    if TRAIN not in tops:
        return None
    sorted_out = any(file.place.parts[0] == TEST and len(file.place.parts) > 2 for file in files)
    if TEST in tops and (sorted_out or VAL not in tops):
        return TEST
    return VAL if VAL in tops else None


def as_challenge(listing: Listing) -> Listing:
    """What the ImageNet challenge unpacks to (ILSVRC/Data/CLS-LOC, ILSVRC/ImageSets/CLS-LOC, LOC_*.txt), as
    train/ and val/ with the lists beside; any other listing as it is."""
    roots = {place for file in listing.files for place in file.place.parents if place.parts[-2:] == CHALLENGE}
    if len(roots) != 1:
        return listing
    pictures = listing.below(roots.pop())
    lists = [f for f in listing.files if f.place.name in BESIDE and CHALLENGE != f.place.parts[-3:-1]]
    beside = [DataFile(PurePosixPath(file.place.name), file.read) for file in lists]
    inner = [file for file in pictures.files if file.place.name not in {f.place.name for f in beside}]
    return Listing(listing.name, [*inner, *beside], pictures.folders)


def used_of(parts: Parts, part: str) -> list[DataFile]:
    """The pictures of a part: those of its list where it has one."""
    files = [file for file in parts.pictures if file.place.parts[0] == part]
    known = listed_in(parts.beside, part)
    return files if known is None else only_listed(files, known, part)


def loose(parts: Parts, files: Sequence[DataFile]) -> dict[PurePosixPath, str | int]:
    """{place: class, by folder's name or number} of a test part's pictures that lie in no class folder."""
    if parts.test is None:
        return {}
    found = [file for file in files if file.place.parts[:-1] == (parts.test,)]
    if not found or not {*parts.beside} & {*image_lists.ALL}:
        return {}  # said by `class_names`, as of any other picture in no folder
    of = folders_of(parts.beside, found, parts.test)
    return {file.place: of[image_lists.key_of(str(file.place), parts.test)] for file in found}


def numbered(
    parts: Parts,
    files: Sequence[DataFile],
    flat: Mapping[PurePosixPath, str | int],
    given: LabelMap | None,
) -> tuple[tuple[str, ...], np.ndarray]:
    """Class names, and a class number a picture."""
    inside = [file for file in files if file.place not in flat]
    listing = Listing(parts.name, inside, parts.folders)
    folders = class_names(listing, depth=2 if parts.test is None else 3)
    classes = folders if given is None else given.classes
    number = {name: row for row, name in enumerate(folders)}

    def of(label: str | int) -> int:
        if isinstance(label, int):
            if label >= len(classes):
                raise ValueError(
                    f"a list of {parts.name} says class {label}; there are {len(classes):,}, from 0"
                )
            return label
        if given is not None:
            return given.number(label)
        if label not in number:
            raise ValueError(f"a list of {parts.name} says {label}, which is no folder of {TRAIN}; give it")
        return number[label]

    labels = [of(flat[file.place] if file.place in flat else file.place.parts[-2]) for file in files]
    return classes, np.array(labels, dtype=np.int64)


def must_be_trained(name: str, classes: Sequence[str], labels: np.ndarray):
    lacking = set(range(len(classes))) - set(labels.tolist())
    if lacking:
        raise ValueError(
            f"class {classes[min(lacking)]!r} of {name} has no training images; add some or remove its folder"
        )


def told(parts: Parts, given: LabelMap | None) -> tuple[str, ...]:
    messages = []
    if given is not None:
        messages.append(f"class numbers of {parts.name} are those of {given.source}: {len(given.classes):,}")
    if parts.test == VAL:
        messages.append(f"the test part of {parts.name} is its {VAL}")
    lists = [name for part in (TRAIN, parts.test or TRAIN) for name in image_lists.LISTS[part]]
    used = list(dict.fromkeys(name for name in lists if name in parts.beside and parts.test is not None))
    if used:
        messages.append(f"of {parts.name} only the pictures in {' and '.join(used)} are used")
    if parts.unused:
        messages.append(
            f"beside {TRAIN} and {parts.test}, {', '.join(parts.unused)} of {parts.name} is not used"
        )
    return tuple(messages)


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
    pictures = [file for file in listing.files if file.place.name not in BESIDE]
    deep = all(len(file.place.parts) > 2 for file in pictures)
    return listing.below(listing.wrapper) if deep else listing
