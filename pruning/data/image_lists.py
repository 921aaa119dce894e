"""Lists beside class folders: which pictures a part consists of, and the classes of those in no class
folder.

As Caffe and the ImageNet challenge have them: train.txt and val.txt name a picture a line, mostly with a
number behind it; LOC_val_solution.csv says the folder's name of every validation picture.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from pruning.data.label_maps import lines_of
from pruning.data.path_files import DataFile

LISTS = {"train": ("train.txt", "train_cls.txt"), "val": ("val.txt",), "test": ("test.txt",)}
SOLUTION = "LOC_val_solution.csv"  # ILSVRC2012_val_00048981,n03995372 85 1 499 272 ...
SYNSETS = "imagenet_2012_validation_synset_labels.txt"  # a folder's name a line, in the pictures' order
DEVKIT = "ILSVRC2012_validation_ground_truth.txt"  # numbers of another order than everybody's
WITH_CLASSES = (SOLUTION, SYNSETS)
ALL = (*(name for names in LISTS.values() for name in names), *WITH_CLASSES, DEVKIT)


def listed_in(files: Mapping[str, DataFile], part: str) -> dict[str, str] | None:
    """{picture: what stands behind it}, a picture by its path below the part's folder, without its ending;
    None where the part has no list."""
    name = next((name for name in LISTS[part] if name in files), None)
    if name is None:
        return None
    entries = [line.rsplit(maxsplit=1) for line in lines_of(name, files[name].read())]
    pairs = [(entry[0], entry[1]) if told_apart(entry) else (" ".join(entry), "") for entry in entries]
    return {key_of(path, part): behind for path, behind in pairs}


def told_apart(entry: Sequence[str]) -> bool:
    """Whether a line is a picture with a number behind it."""
    return len(entry) == 2 and entry[1].isdecimal()


def key_of(path: str, part: str) -> str:
    """A picture as lists name it: below the part's folder, without the ending of an image file."""
    place = PurePosixPath(path)
    inner = PurePosixPath(*place.parts[1:]) if place.parts[:1] == (part,) else place
    return re.sub(r"\.(jpe?g|png|bmp|webp|ppm|tiff?|gif)$", "", str(inner), flags=re.IGNORECASE)


def only_listed(files: Sequence[DataFile], known: Mapping[str, str], part: str) -> list[DataFile]:
    """The pictures that a list names. Raises ValueError for one that is not there."""
    by_key = {key_of(str(file.place), part): file for file in files}
    if missing := next((key for key in known if key not in by_key), None):
        raise ValueError(f"{missing} is in the list of {part} and not in its folder; give it, or take it off")
    return [file for key, file in by_key.items() if key in known]


def folders_of(
    files: Mapping[str, DataFile], pictures: Iterable[DataFile], part: str
) -> dict[str, str | int]:
    """{picture: its class}, by a folder's name or by a class number, of pictures that lie in no class folder.

    Raises ValueError where no list says it."""
    keys = sorted(key_of(str(file.place), part) for file in pictures)
    found: dict[str, str | int] = {}
    if SOLUTION in files:
        rows = (line.split(",", 1) for line in lines_of(SOLUTION, files[SOLUTION].read()))
        found = {row[0]: row[1].split()[0] for row in rows if len(row) == 2 and row[1].strip()}
    elif SYNSETS in files:
        names = lines_of(SYNSETS, files[SYNSETS].read())
        if len(names) != len(keys):
            raise ValueError(
                f"{SYNSETS} has {len(names):,} lines for {len(keys):,} pictures; give one a picture, in order"
            )
        found = dict(zip(keys, names, strict=True))
    elif (listed := listed_in(files, part)) and not running(list(listed.values())):
        found = {key: int(behind) for key, behind in listed.items() if behind}
    missing = next((key for key in keys if key not in found), None)
    if missing is not None:
        raise ValueError(unlabelled(missing, part, DEVKIT in files))
    return found


def running(numbers: Sequence[str]) -> bool:
    """Whether the numbers behind pictures only count them, as in the lists of the challenge."""
    return list(numbers) == [str(number + 1) for number in range(len(numbers))]


def unlabelled(picture: str, part: str, devkit: bool) -> str:
    why = f"; {DEVKIT} counts classes in an order of its own" if devkit else ""
    return (
        f"{picture} of {part} is in no class folder and no list says its class{why}; give {SOLUTION}, "
        f"{SYNSETS}, a {part}.txt with a class number behind each picture, or class folders"
    )
