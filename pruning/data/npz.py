"""Data sets in one NumPy file: x_train, y_train, x_test, y_test; images as uint8 [N, height, width, 3], a
class number each, or a mask."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from pruning.data.dataset import Dataset, Split, assemble
from pruning.data.masked_pictures import LARGEST_SIDE, must_have_classes, without_pixels
from pruning.data.resizing import fit_to, fit_within
from pruning.tasks import IGNORED, PIXELWISE

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
LARGEST = 4 * 2**30  # bytes of all arrays together


def load_npz(path: Path, *, size: int | None) -> Dataset:
    """Reads the four arrays; `classes`, an array of texts in the same file, names the classes if it is there.

    Raises ValueError in one sentence if the file is no .npz, lacks an array, or holds another type or shape.
    """
    arrays = read_arrays(path)
    masked = arrays["y_train"].ndim == 3
    for part in ("train", "test"):
        check_part(path.name, part, arrays[f"x_{part}"], arrays[f"y_{part}"], masked=masked)
    if masked:
        return with_masks(path.name, arrays, size)
    train, test = (
        Split(fit_to(arrays[f"x_{part}"], size), arrays[f"y_{part}"].astype(np.int64))
        for part in ("train", "test")
    )
    classes = class_names(path.name, arrays.get("classes"), max(train.labels.max(), test.labels.max()) + 1)
    return assemble(path.name, train, test, classes)


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


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The named arrays, each read only after its header was found to declare no more than the file holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            missing = [name for name in ARRAYS if name not in entries]
            if missing:
                raise ValueError(f"{path.name} lacks {missing[0]}; give an .npz with {', '.join(ARRAYS)}")
            names = [name for name in (*ARRAYS, "classes") if name in entries]
            if sum(entries[name].file_size for name in names) > LARGEST:
                raise ValueError(
                    f"{path.name} holds more than {LARGEST // 2**30} GiB; give fewer or smaller images"
                )
            return {name: read_array(archive, entries[name], path.name) for name in names}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, zlib.error):
        raise ValueError(f"{path.name} is no whole .npz file; give one that numpy.savez wrote") from None


def read_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, source: str) -> np.ndarray:
    name = entry.filename.removesuffix(".npy")
    with archive.open(entry) as file:
        try:
            version = np.lib.format.read_magic(file)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, by_columns, dtype = read(file)
        except ValueError:
            raise ValueError(
                f"{name} in {source} is no NumPy array; give one that numpy.savez wrote"
            ) from None
        if dtype.hasobject or dtype.itemsize == 0:
            kind = "pickled objects" if dtype.hasobject else "nothing"
            raise ValueError(f"{name} in {source} holds {kind}; give numbers (uint8 images, integer labels)")
        count = int(np.prod(shape, dtype=object))
        if count * dtype.itemsize != entry.file_size - file.tell():
            raise ValueError(
                f"{name} in {source} declares another size than it has; give one that numpy.savez wrote"
            )
        flat = np.frombuffer(file.read(), dtype=dtype, count=count)
        return flat.reshape(shape, order="F" if by_columns else "C")


def check_part(source: str, part: str, images: np.ndarray, labels: np.ndarray, *, masked: bool) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or min(images.shape) < 1:
        raise ValueError(
            f"x_{part} in {source} is {images.dtype} {list(images.shape)}; "
            "give uint8 [N, height, width, 3] (RGB)"
        )
    (check_masks if masked else check_labels)(f"y_{part} in {source}", images, labels)


def check_labels(name: str, images: np.ndarray, labels: np.ndarray) -> None:
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),):
        raise ValueError(
            f"{name} is {labels.dtype} {list(labels.shape)}; "
            f"give {len(images)} whole numbers, one per image, or a mask per image"
        )
    if labels.min() < 0 or labels.max() >= 100_000:
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
    if given.dtype.kind != "U" or given.ndim != 1 or len(given) < count:
        raise ValueError(
            f"classes in {source} is {given.dtype} {list(given.shape)}; give {count} texts, one a class"
        )
    return tuple(str(name) for name in given)
