"""Which class number a folder's name stands for: label maps as ImageNet has them, beside the class folders.

Without one, classes are the folders' names in their order, which for all 1,000 of ImageNet is its own order.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pruning.data.path_files import DataFile
from pruning.error_messages import choose
from pruning.untrusted.json_texts import parsed

INDEX = "imagenet_class_index.json"  # {"0": ["n01440764", "tench"], ...}
WORDS = ("LOC_synset_mapping.txt", "synset_words.txt", "synsets.txt")  # a line a class: n01440764 tench, ...
NAMES = "classes.txt"  # a line a class, as data with masks have it
LABEL_MAPS = (INDEX, *WORDS, NAMES)
MOST = 100_000  # classes


@dataclass(frozen=True)
class LabelMap:
    """classes: a name a class number, for people.   numbers: {folder's name: class number}."""

    source: str
    classes: tuple[str, ...]
    numbers: Mapping[str, int]

    def number(self, folder: str) -> int:
        """Raises ValueError for a folder that the map does not name."""
        if folder not in self.numbers:
            choose(folder, list(self.numbers), f"class of {self.source}")
        return self.numbers[folder]


def label_map(files: Mapping[str, DataFile]) -> LabelMap | None:
    """Of the files beside the class folders, by name; None where none is a label map."""
    present = [name for name in LABEL_MAPS if name in files]
    if not present:
        return None
    name, *others = present
    folders, told = entries_of(name, files[name])
    if not 2 <= len(folders) <= MOST or len(set(folders)) < len(folders):
        raise ValueError(
            f"{name} names {len(set(folders)):,} classes in {len(folders):,} entries; give two or more, each "
            "once"
        )
    numbers = {folder: number for number, folder in enumerate(folders)}
    for other in others:
        must_agree(name, numbers, other, files[other])
    return LabelMap(name, unique(told, folders), numbers)


def must_agree(name: str, numbers: Mapping[str, int], other: str, file: DataFile):
    """Raises ValueError where another label map gives one of the folders another number. One that cannot be
    read, or has other names, says nothing of them."""
    try:
        folders, _ = entries_of(other, file)
    except ValueError:
        return
    for number, folder in enumerate(folders):
        if numbers.get(folder, number) != number:
            raise ValueError(
                f"{folder!r} is class {numbers[folder]} by {name} and class {number} by {other}; leave "
                "the one file there that is right"
            )


def entries_of(name: str, file: DataFile) -> tuple[list[str], list[str]]:
    """Folders' names and class names, in the order of class numbers."""
    content = file.read()
    return from_index(name, content) if name == INDEX else from_lines(name, content)


def from_index(name: str, content: bytes) -> tuple[list[str], list[str]]:
    """Folders' names and class names, in the order of class numbers."""
    right = 'give {"0": ["n01440764", "tench"], ...}'
    try:
        told = parsed(content)
        pairs = [told[str(number)] for number in range(len(told))]
        folders, names = (list(part) for part in zip(*pairs, strict=True))
    except (KeyError, TypeError, ValueError) as error:
        why = f"number {error} is missing" if isinstance(error, KeyError) else "it is of another form"
        raise ValueError(f"{name} is no label map ({why}); {right}") from None
    if not all(isinstance(text, str) and text for text in (*folders, *names)):
        raise ValueError(f"{name} is no label map (a name is no text); {right}")
    return folders, names


def from_lines(name: str, content: bytes) -> tuple[list[str], list[str]]:
    """The same of a line a class: the folder's name, then words for people up to the first comma. classes.txt
    has the folder's name alone."""
    lines = lines_of(name, content)
    if name == NAMES:
        return lines, lines
    parts = [re.split(r"[\s,]+", line, maxsplit=1) for line in lines]
    return [part[0] for part in parts], [part[-1].partition(",")[0].strip() or part[0] for part in parts]


def lines_of(name: str, content: bytes) -> list[str]:
    """The lines that are not empty. Raises ValueError where it is no text."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{name} is no UTF-8 text; give one entry a line") from None
    return [line.strip() for line in lines if line.strip()]


def unique(names: Sequence[str], folders: Sequence[str]) -> tuple[str, ...]:
    """Class names, with the folder's where several classes share one: ImageNet has two cranes."""
    counts = Counter(names)
    pairs = zip(names, folders, strict=True)
    return tuple(name if counts[name] == 1 else f"{name} ({folder})" for name, folder in pairs)
