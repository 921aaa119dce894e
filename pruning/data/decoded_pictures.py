"""Pictures of class folders as one array: in memory, or in a file of the cache folder where they are many.

Such a file goes, as uploads do, once nobody has used it for a while: this is looked at whenever pictures are
mapped.
Where the disk has no room for another one, those unused for longest go first."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pruning.data.cache_folder import cache_folder
from pruning.data.path_files import LARGEST, DataFile, opened
from pruning.data.picture_files import Picture, as_shown, in_words
from pruning.data.resizing import square
from pruning.progress import Watch, timed
from pruning.terms import plural

OTHERWISE = 224  # pixels: side of the images where they differ in size and nothing else is asked for
TOLD_EVERY = 16  # images between two words on how far it is
DAYS = 30  # that a file stays without being used
UNFINISHED = 7  # days after which a file that was not finished is nobody's any more


@dataclass(frozen=True, eq=False)
class Decoded:
    """images: uint8 [N, size, size, 3], in memory or mapped from a file.   messages: what of them is not as
    in the files."""

    images: np.ndarray
    messages: tuple[str, ...]


def decode(
    name: str, files: Sequence[DataFile], place: np.ndarray, size: int | None, state: str | None, watch: Watch
) -> Decoded:
    """place: the row of every file's picture.   size: None is the shorter side where all images have the
    same, else 224.   state: what changes when a file of a folder on this machine does; with it, what takes
    more than 4 GiB is decoded once into the cache folder and mapped. Without, it raises ValueError."""
    if size is None:
        sides = {min(opened(file).size) for file in files}
        size = sides.pop() if len(sides) == 1 else OTHERWISE
    shape = (len(files), size, size, 3)
    if len(files) * size * size * 3 <= LARGEST:
        images = np.empty(shape, np.uint8)
        return Decoded(images, in_words(name, filled(images, files, place, watch)))
    if state is None:
        raise ValueError(
            f"{len(files)} images of {name} at {size} pixels take more than {LARGEST // 2**30} GiB; "
            "give fewer, or a smaller size"
        )
    told = hashlib.sha256(f"{state} {shape} ".encode() + np.asarray(place, np.int64).tobytes())
    return mapped(name, files, place, shape, cache_folder() / "decoded" / told.hexdigest()[:32], watch)


def filled(images: np.ndarray, files: Sequence[DataFile], place: np.ndarray, watch: Watch) -> list[Picture]:
    said, report = [], timed(watch)
    for number, (file, row) in enumerate(zip(files, place, strict=True)):
        if number % TOLD_EVERY == 0:
            report("images", number, len(files))
        picture = as_shown(opened(file), file.place)
        images[row] = square(picture.image, images.shape[1])
        said.append(replace(picture, image=None))
    report("images", len(files), len(files))
    return said


def mapped(
    name: str,
    files: Sequence[DataFile],
    place: np.ndarray,
    shape: tuple[int, ...],
    kept: Path,
    watch: Watch,
) -> Decoded:
    """kept: where the array stands, with .npy behind it, and the messages, with .json."""
    array, words = kept.with_suffix(".npy"), kept.with_suffix(".json")
    if words.is_file():
        os.utime(words)  # its last use
    drop_unused(kept.parent)
    if not words.is_file():  # written last
        kept.parent.mkdir(parents=True, exist_ok=True)
        make_room(kept.parent, name, shape)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".writing-") as scratch:
            half = Path(scratch) / "images.npy"
            images = np.lib.format.open_memmap(half, mode="w+", dtype=np.uint8, shape=shape)
            said = in_words(name, filled(images, files, place, watch))
            images.flush()
            del images
            os.replace(half, array)
        words.write_text(json.dumps(said))
    size = plural(round(array.stat().st_size / 2**30), "GiB", "GiB")
    told = f"the pictures of {name} are kept decoded in {array} ({size}) until they are {DAYS} days unused"
    return Decoded(np.load(array, mmap_mode="r"), (*json.loads(words.read_text()), told))


def drop_unused(folder: Path):
    """Deletes the arrays that nobody has used for DAYS days, and what an ended process left unfinished. Where
    one is mapped elsewhere, it stays readable there."""
    now = time.time()
    for words in folder.glob("*.json"):
        if now - words.stat().st_mtime > DAYS * 24 * 3600:
            drop(words)
    for left in folder.glob(".writing-*"):
        if now - left.stat().st_mtime > UNFINISHED * 24 * 3600:
            shutil.rmtree(left, ignore_errors=True)


def drop(words: Path):
    """An array and its messages; these first, since an array without them does not count."""
    words.unlink(missing_ok=True)
    words.with_suffix(".npy").unlink(missing_ok=True)


def make_room(folder: Path, name: str, shape: tuple[int, ...]):
    """Deletes the longest unused arrays while the disk has too little room for another; raises ValueError
    where that is not enough."""
    needed = int(np.prod(shape))
    unused = sorted(folder.glob("*.json"), key=lambda words: words.stat().st_mtime)
    room = shutil.disk_usage(folder).free + sum(w.with_suffix(".npy").stat().st_size for w in unused)
    while shutil.disk_usage(folder).free < needed <= room and unused:
        drop(unused.pop(0))
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ValueError(
            f"{shape[0]:,} images of {name} at {shape[1]} pixels take {needed / 2**30:.0f} GiB in {folder}, "
            f"where {free / 2**30:.0f} are free; name another folder by PRUNING_CACHE, or list fewer "
            "pictures in train.txt"
        )
