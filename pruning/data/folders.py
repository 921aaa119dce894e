"""Data sets of image files: a folder a class, below train/ and test/ if both are there; or a .zip of that."""

import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from pruning.data.dataset import Dataset, Split, assemble, split_off
from pruning.data.picture_files import as_shown, in_words, not_an_image
from pruning.data.resizing import square

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "PPM", "TIFF", "GIF")
PARTS = ("train", "test")
TEST_SHARE = 0.2  # where the data comes in one part
OTHERWISE = 224  # pixels: side of the images where they differ in size and nothing else is asked for
LARGEST = 4 * 2**30  # bytes of all decoded images together
LARGEST_FILE = 64 * 2**20  # bytes of one image file
LARGEST_IMAGE = 2**26  # pixels of one image: 201 MB decoded
BY_SYSTEMS = {"Thumbs.db", "desktop.ini", "__MACOSX"}  # what systems leave in folders, beside hidden files


@dataclass(frozen=True)
class ImageFile:
    """An image that can be read: place is its path inside the data set."""

    place: PurePosixPath
    read: Callable[[], bytes]


def load_folders(path: Path, *, size: int | None, seed: int) -> Dataset:
    """Reads class folders on this machine, links followed. Raises ValueError in one sentence on what is no
    data set."""
    places = [(PurePosixPath(file.relative_to(path).as_posix()), file) for file in walked(path)]
    folders = [place for place, file in places if file.is_dir()]
    files = [ImageFile(place, file.read_bytes) for place, file in places if file.is_file()]
    return load_files(path.name, files, folders, size=size, seed=seed)


def walked(folder: Path, around: tuple[Path, ...] = ()) -> Iterator[Path]:
    """All files and folders below one that are a user's, sorted, through links. around: the folders that
    this one is in. Raises ValueError for a link that leads nowhere or back."""
    around = (*around, folder.resolve())
    for entry in sorted(folder.iterdir()):
        if not is_ours(PurePosixPath(entry.name)):
            continue
        if not entry.exists():
            raise ValueError(f"{entry} is a link to what is not there; mend or remove it")
        yield entry
        if entry.is_dir():
            if entry.is_symlink() and entry.resolve() in around:
                raise ValueError(f"{entry} is a link to a folder that it lies in; remove it")
            yield from walked(entry, around)


def load_zip(path: Path, *, size: int | None, seed: int) -> Dataset:
    """Reads class folders out of a .zip, entry by entry: nothing is unpacked anywhere.

    Raises ValueError in one sentence if names lead out of it, entries are links, encrypted or far too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            check_entries(path.name, entries)
            places = [(PurePosixPath(entry.filename), entry) for entry in entries]
            ours = sorted((pair for pair in places if is_ours(pair[0])), key=lambda pair: pair[0])
            folders = [place for place, entry in ours if entry.is_dir()]
            files = [
                ImageFile(place, partial(archive.read, entry)) for place, entry in ours if not entry.is_dir()
            ]
            return load_files(path.name, files, folders, size=size, seed=seed)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, zlib.error):
        raise ValueError(f"{path.name} is no whole .zip file; give a .zip of class folders") from None


def check_entries(source: str, entries: Iterable[zipfile.ZipInfo]) -> None:
    total = 0
    for entry in entries:
        name, place = entry.filename, PurePosixPath(entry.filename)
        if place.is_absolute() or ".." in place.parts or "\\" in name or PureWindowsPath(name).drive:
            raise ValueError(
                f"{source} has an entry {name!r} that leads out of it; give a .zip of class folders"
            )
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ValueError(f"{source} has a link, {name!r}; give a .zip with the images themselves")
        if entry.flag_bits & 1:
            raise ValueError(f"{source} is encrypted; give a .zip without a password")
        if entry.file_size > LARGEST_FILE:
            raise ValueError(
                f"{name!r} in {source} is larger than {LARGEST_FILE // 2**20} MiB; give smaller images"
            )
        total += entry.file_size
    if total > LARGEST:
        raise ValueError(
            f"{source} unpacks to more than {LARGEST // 2**30} GiB; give fewer or smaller images"
        )


def is_ours(place: PurePosixPath) -> bool:
    return not any(part.startswith(".") or part in BY_SYSTEMS for part in place.parts)


def load_files(
    name: str, files: list[ImageFile], folders: list[PurePosixPath], *, size: int | None, seed: int
) -> Dataset:
    """files: sorted by place.   folders: those that are there, so that an empty one is noticed."""
    files, folders = without_wrapper(files, folders)
    tops = {file.place.parts[0] for file in files}
    parted = set(PARTS) <= tops
    others = sorted(tops - set(PARTS)) if parted else []
    if parted:
        files = [file for file in files if file.place.parts[0] in PARTS]
        folders = [place for place in folders if place.parts[0] in PARTS]
    of_test = np.array([parted and file.place.parts[0] == "test" for file in files])
    classes = class_names(name, files, folders, depth=3 if parted else 2)
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


def class_names(
    name: str, files: list[ImageFile], folders: list[PurePosixPath], *, depth: int
) -> tuple[str, ...]:
    """The names of the folders that hold images `depth` deep, and of empty ones there, sorted."""
    wrong = [file.place for file in files if len(file.place.parts) != depth]
    if wrong or not files:
        found = f"{wrong[0]} is in none" if wrong else "there are no images"
        raise ValueError(
            f"{name} is no set of class folders: {found}; give class/image.png, or train/ and test/ of these"
        )
    with_images = {file.place.parts[-2] for file in files}
    return tuple(sorted(with_images | {place.name for place in folders if len(place.parts) == depth - 1}))


def without_wrapper(
    files: list[ImageFile], folders: list[PurePosixPath]
) -> tuple[list[ImageFile], list[PurePosixPath]]:
    """Takes off one folder around everything, as packing a folder leaves it: set/class/image."""
    tops = {file.place.parts[0] for file in files}
    if len(tops) != 1 or not all(len(file.place.parts) > 2 for file in files):
        return files, folders
    inner = [ImageFile(PurePosixPath(*file.place.parts[1:]), file.read) for file in files]
    return inner, [PurePosixPath(*place.parts[1:]) for place in folders if len(place.parts) > 1]


@dataclass(frozen=True, eq=False)
class Decoded:
    """images: uint8 [N, size, size, 3].   messages: what of them is not as in the files."""

    images: np.ndarray
    messages: tuple[str, ...]


def decode(name: str, files: list[ImageFile], size: int | None) -> Decoded:
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


def opened(file: ImageFile):
    """A Pillow image whose header was read and whose size is within limits."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(BytesIO(file.read()), formats=FORMATS)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError):
        raise not_an_image(file.place) from None
    if image.width * image.height > LARGEST_IMAGE:
        raise ValueError(
            f"{file.place} has {image.width} x {image.height} pixels; give images of at most 67 megapixels"
        )
    return image
