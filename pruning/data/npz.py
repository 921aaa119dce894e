"""Data sets in one NumPy file: x_train, y_train, x_test, y_test; images as uint8 [N, height, width, 3], a
class number each, or a mask."""

import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from pruning.data.dataset import Dataset, Split, assemble
from pruning.data.masked_pictures import LARGEST_SIDE, must_have_classes, without_pixels
from pruning.data.path_files import LONGEST_SIDE
from pruning.data.resizing import fit_to, fit_within
from pruning.progress import Watch, silent
from pruning.tasks import IGNORED, PIXELWISE
from pruning.untrusted.zips import opened_zip

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
LARGEST = 4 * 2**30  # bytes of all arrays together
CLASSES, LETTERS = 100_000, 200  # fewer than so many classes, with names of at most so many letters
AT_ONCE = 2**22  # bytes that are read of one at a time


def load_npz(path: Path, *, size: int | None, watch: Watch = silent) -> Dataset:
    """Reads the four arrays; `classes`, an array of texts in the same file, names the classes if it is there.

    Raises ValueError in one sentence if the file is no .npz, lacks an array, or holds another type or shape.
    """
    arrays = read_arrays(path, watch)
    masked = arrays["y_train"].ndim == 3
    for part in ("train", "test"):
        check_part(path.name, part, arrays[f"x_{part}"], arrays[f"y_{part}"], masked=masked)
    if masked:
        return with_masks(path.name, arrays, size)
    sides = [arrays[f"x_{part}"].shape[1:3] for part in ("train", "test")]
    wanted = size or min(sides[0])
    train, test = (
        Split(fit_to(arrays[f"x_{part}"], wanted), arrays[f"y_{part}"].astype(np.int64))
        for part in ("train", "test")
    )
    classes = class_names(path.name, arrays.get("classes"), max(train.labels.max(), test.labels.max()) + 1)
    messages = reshaped(path.name, sides, wanted) if size is None else ()
    return assemble(path.name, train, test, classes, own=True, messages=messages)


def reshaped(source: str, sides: list[tuple[int, ...]], size: int) -> tuple[str, ...]:
    """What is said where pictures do not stay as they are."""
    other = dict.fromkeys(side for side in sides if side != (size, size))
    told = " and ".join(f"{height} x {width}" for height, width in other)
    return (f"{source} has pictures of {told} pixels, scaled and cut to {size} x {size}",) if other else ()


def with_masks(source: str, arrays: dict[str, np.ndarray], size: int | None) -> Dataset:
    """The data set of checked arrays whose labels are masks."""
    sides = {side for part in ("train", "test") for side in arrays[f"x_{part}"].shape[1:3]}
    size = size or (max(sides) if len(sides) == 1 else min(max(sides), LARGEST_SIDE))
    number = sum(len(arrays[f"x_{part}"]) for part in ("train", "test"))
    if 4 * number * size**2 > LARGEST:  # three colours and a mask
        raise ValueError(
            f"{number:,} images of {size} x {size} pixels and their masks take more than "
            f"{LARGEST // 2**30} GiB; give fewer of them, or a smaller size"
        )
    train, test = (
        Split(*all_within(arrays[f"x_{part}"], arrays[f"y_{part}"].astype(np.uint8), size), PIXELWISE)
        for part in ("train", "test")
    )
    given = arrays.get("classes")
    seen = [np.unique(split.labels) for split in (train, test)]
    highest = max((int(numbers[numbers != IGNORED].max(initial=0)) for numbers in seen), default=0)
    classes = class_names(source, given, highest + 1)
    must_have_classes(source, train, test)
    if len(train) < 2:
        raise ValueError(f"x_train in {source} is one image; give two or more, one of which is held out")
    return assemble(source, train, test, classes, messages=without_pixels(source, train, classes))


def all_within(images: np.ndarray, masks: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """[N, H, W, 3] and [N, H, W] -> [N, size, size, 3] and [N, size, size]."""
    if images.shape[1:3] == (size, size):
        return images, masks
    from PIL import Image

    pairs = [fit_within(Image.fromarray(one), mask, size) for one, mask in zip(images, masks, strict=True)]
    return np.stack([image for image, _ in pairs]), np.stack([mask for _, mask in pairs])


@contextmanager
def opened_arrays(path: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """The file and its entries by the arrays' names, the four among them."""
    try:
        with opened_zip(path, LARGEST) as archive:
            entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            missing = [name for name in ARRAYS if name not in entries]
            if missing:
                raise ValueError(f"{path.name} lacks {missing[0]}; give an .npz with {', '.join(ARRAYS)}")
            yield archive, entries
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, zlib.error):
        raise ValueError(f"{path.name} is no whole .npz file; give one that numpy.savez wrote") from None


def read_arrays(path: Path, watch: Watch) -> dict[str, np.ndarray]:
    """The named arrays, each read only after its header was found to declare no more than the file holds."""
    found: dict[str, np.ndarray] = {}
    with opened_arrays(path) as (archive, entries):
        names = [name for name in (*ARRAYS, "classes") if name in entries]
        total = sum(entries[name].file_size for name in names)
        for name in names:
            watch("images", sum(array.nbytes for array in found.values()), total)
            found[name] = read_array(archive, entries[name], path.name)
    watch("images", total, total)
    return found


def shapes_of(path: Path) -> dict[str, tuple[int, ...]]:
    """Of the four arrays, by their headers. Raises ValueError as reading them does."""
    found = {}
    with opened_arrays(path) as (archive, entries):
        for name in ARRAYS:
            with archive.open(entries[name]) as file:
                found[name] = checked_header(file, entries[name], path.name)[0]
    return found


def read_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, source: str) -> np.ndarray:
    with archive.open(entry) as file:
        shape, by_columns, dtype = checked_header(file, entry, source)
        size = math.prod(shape) * dtype.itemsize
        stored = np.empty(size, np.uint8)  # filled in place: nothing is there twice
        for start in range(0, size, AT_ONCE):
            part = file.read(min(AT_ONCE, size - start))
            stored[start : start + len(part)] = np.frombuffer(part, np.uint8)
        return stored.view(dtype).reshape(shape, order="F" if by_columns else "C")


def checked_header(
    file: IO[bytes], entry: zipfile.ZipInfo, source: str
) -> tuple[tuple[int, ...], bool, np.dtype]:
    """As `read_header`. Raises ValueError where it declares another size than the entry has, or other things
    than numbers."""
    name = entry.filename.removesuffix(".npy")
    try:
        shape, by_columns, dtype = read_header(file)
    except (ValueError, TypeError, tokenize.TokenError, RecursionError, MemoryError):
        raise ValueError(f"{name} in {source} is no NumPy array; give one that numpy.savez wrote") from None
    if dtype.hasobject or dtype.itemsize == 0:
        kind = "pickled objects" if dtype.hasobject else "nothing"
        raise ValueError(f"{name} in {source} holds {kind}; give numbers (uint8 images, integer labels)")
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or size != entry.file_size - file.tell():
        raise ValueError(
            f"{name} in {source} declares another size than it has; give one that numpy.savez wrote"
        )
    return shape, by_columns, dtype


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether it is stored column by column, and type. Raises what NumPy raises where it is none."""
    first = np.lib.format.read_magic(file) == (1, 0)
    return (np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0)(file)


def check_part(source: str, part: str, images: np.ndarray, labels: np.ndarray, *, masked: bool) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or min(images.shape) < 1:
        raise ValueError(
            f"x_{part} in {source} is {images.dtype} {list(images.shape)}; "
            "give uint8 [N, height, width, 3] (RGB)"
        )
    if max(images.shape[1:3]) > LONGEST_SIDE * min(images.shape[1:3]):
        raise ValueError(
            f"x_{part} in {source} is {list(images.shape)}; give images that are at most "
            f"{LONGEST_SIDE} times as long as wide"
        )
    (check_masks if masked else check_labels)(f"y_{part} in {source}", images, labels)


def check_labels(name: str, images: np.ndarray, labels: np.ndarray) -> None:
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),):
        raise ValueError(
            f"{name} is {labels.dtype} {list(labels.shape)}; "
            f"give {len(images)} whole numbers, one per image, or a mask per image"
        )
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise ValueError(f"{name} has labels {labels.min()} to {labels.max()}; count the classes from 0")


def check_masks(name: str, images: np.ndarray, masks: np.ndarray) -> None:
    if masks.dtype.kind not in "iu" or masks.shape != images.shape[:3]:
        raise ValueError(
            f"{name} is {masks.dtype} {list(masks.shape)}; give whole numbers {list(images.shape[:3])}, a "
            "mask per image"
        )
    if not 0 <= masks.min() <= masks.max() <= IGNORED:
        raise ValueError(
            f"{name} has classes {masks.min()} to {masks.max()}; give 0 to {IGNORED - 1}, and {IGNORED} "
            "where a pixel does not count"
        )


def class_names(source: str, given: np.ndarray | None, count: int) -> tuple[str, ...]:
    """The names in the file, else the class numbers. Raises ValueError if there are fewer than classes."""
    if given is None:
        return tuple(str(label) for label in range(count))
    if given.dtype.kind != "U" or given.ndim != 1 or not count <= len(given) < CLASSES:
        raise ValueError(
            f"classes in {source} is {given.dtype} {list(given.shape)}; give {count} texts, one a class"
        )
    if (letters := given.dtype.itemsize // 4) > LETTERS:
        raise ValueError(f"classes in {source} has names of {letters:,} letters; give at most {LETTERS}")
    return tuple(str(name) for name in given)
