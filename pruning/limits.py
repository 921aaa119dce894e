"""What whoever runs a server lets its visitors take: told before a job is started, and held where it runs.

A limit is an environment variable, PRUNING_LIMIT_MINUTES and so on, and a flag of `python -m pruning app`,
such as `--limit-minutes`. Only those on the queue and on uploads hold unless they are set.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from pruning.data.class_folders import parts_of
from pruning.data.decoded_pictures import OTHERWISE
from pruning.data.load import state_of
from pruning.data.mask_folders import with_masks
from pruning.data.npz import shapes_of
from pruning.data.path_files import Listing, folder_listing, zip_listing
from pruning.data.registry import DATA
from pruning.experiment.loading import image_size
from pruning.experiment.recipe import Recipe
from pruning.experiment.uploaded_files import place_of
from pruning.models import own_code
from pruning.terms import plural

PREFIX = "PRUNING_LIMIT_"
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".tif", ".tiff", ".gif"}


def limit(text: str, default: float | None = None) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Limits:
    """What one visitor may take; None: as much as he likes. Raises ValueError for what is no limit."""

    minutes: float | None = limit("Minutes that a job may work; then it is ended.")
    memory: float | None = limit("GiB of memory that a worker may use; one that needs more is ended.")
    images: float | None = limit("Images of a data set that is given, and images to calibrate with.")
    epochs: float | None = limit("Epochs of one run.")
    runs: float | None = limit("Runs of one comparison, its controls not counted.")
    jobs: float | None = limit("Jobs, measurements and comparisons of one visitor that have not ended.", 50)
    waiting: float | None = limit("Jobs, measurements and comparisons of all visitors that wait.", 200)
    uploads: float | None = limit("MiB of one visitor's files.", 1024)
    file: float | None = limit("MB of one .npz or .zip of data; weights have 200.", 128)
    data: float | None = limit("MiB that the images of an .npz or .zip may take in memory.", 1024)
    away: float | None = limit("Minutes without a page open after which a visitor's jobs are ended.")

    def __post_init__(self):
        for name, value in vars(self).items():
            if value is not None and not value > 0:
                raise ValueError(
                    f"{PREFIX}{name.upper()} is {value:g}; give a number above 0, or leave it out"
                )

    @classmethod
    def from_environment(cls) -> "Limits":
        told = {one.name: os.environ.get(variable(one.name)) for one in fields(cls)}
        given: dict[str, Any] = {name: number(name, text) for name, text in told.items() if text}
        return cls(**given)

    # ---------------------------------------------------------------------------------- one sentence, or none

    def refusal(self, recipe: Recipe, *, trains: bool = True) -> str:
        """Why a recipe asks for too much, or for code that this server does not run; empty where it does not.
        trains: whether it is run as a whole, not only looked at."""
        if sentence := own_code.refusal(recipe.model):
            return sentence
        if trains and self.epochs is not None and recipe.epochs > self.epochs:
            return too_much(f"{recipe.epochs} epochs", self.epochs, "a run", "fewer")
        if self.images is not None and recipe.calibration > self.images:
            return too_much(f"{recipe.calibration:,} images to calibrate with", self.images, "that", "fewer")
        return self.refusal_of_data(recipe)

    def refusal_of_data(self, recipe: Recipe) -> str:
        """Why data of one's own are too much; empty where they are not. Their images are not read for it."""
        found, smaller = given_data(recipe.data), "a smaller one"
        if sentence := self.refusal_of_file(display_name(recipe.data), found.size):
            return sentence
        if self.images is not None and found.images > self.images:
            return too_much(f"A data set of {found.images:,} images", self.images, "a data set", smaller)
        if self.data is not None and found.size and (taken := found.decoded(recipe) / 2**20) > self.data:
            return too_much(
                f"A data set that takes {taken:,.0f} MiB", self.data, "a file's images", smaller, "MiB"
            )
        return ""

    def refusal_of_file(self, name: str, size: int) -> str:
        """Why a file of data is too large, by its size alone; empty where it is not. size: bytes."""
        if self.file is None or size <= self.file * 2**20:
            return ""
        told = f"{name} has {size / 2**20:,.0f} MB"
        return too_much(told, self.file, "a file of data", "a smaller one, or smaller images", "MB")

    def refusal_of_runs(self, number: int) -> str:
        """Why a comparison has too many runs; empty where it has not."""
        if self.runs is None or number <= self.runs:
            return ""
        return too_much(plural(number, "run"), self.runs, "a comparison", "fewer values")

    def must_allow(self, arguments: Iterable, *, trains: bool = True):
        """Raises ValueError where a call's arguments, recipes or comparisons among them, ask for too much."""
        for given in arguments:
            if isinstance(given, Recipe):
                refuse(self.refusal(given, trains=trains))
            elif hasattr(given, "representatives"):  # a Comparison
                refuse(self.refusal_of_runs(given.size))
                for recipe in given.representatives():
                    refuse(self.refusal(recipe))


def variable(name: str) -> str:
    """The environment variable of a limit."""
    return PREFIX + name.upper()


def number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{variable(name)} is {text!r}; give a number, such as 30") from None


def too_much(asked: str, most: float, of: str, instead: str, unit: str = "") -> str:
    allowed = f"{most:,g} {unit}".rstrip()
    return f"{asked}: this server allows at most {allowed} for {of}; choose {instead}."


def display_name(data: str) -> str:
    """The file's name of a recipe's field."""
    return (data.partition("#")[2] or data).rpartition("/")[2]


def refuse(sentence: str):
    if sentence:
        raise ValueError(sentence)


@dataclass(frozen=True)
class Given:
    """What a data set of one's own is, without reading its images. size: bytes of its file; 0 of a folder.
    images: how many are used.   side: of all of them in pixels, where the file says so.   masks: whether each
    has one."""

    size: int = 0
    images: int = 0
    side: int | None = None
    masks: bool = False

    def decoded(self, recipe: Recipe) -> int:
        """Bytes that its images take in memory as the recipe's network has them."""
        side = image_size(recipe) or self.side or OTHERWISE
        return self.images * side**2 * (4 if self.masks else 3)


def given_data(data: str) -> Given:
    """What is given in a recipe's field; nothing where it is known by name, or gone."""
    path = None if data in DATA else place_of(data)
    if path is None:
        return Given()
    return found_at(path, state_of(path))


@lru_cache(maxsize=32)
def found_at(path: Path, state: tuple[int, ...]) -> Given:
    """state: of the files there. Of what is no data set only its size: whoever loads it says why."""
    size = path.stat().st_size if path.is_file() else 0
    try:
        if path.is_dir():
            return pictures_of(folder_listing(path), size)
        if path.suffix.lower() == ".npz":
            return arrays_of(path, size)
        with zip_listing(path) as listing:
            return pictures_of(listing, size)
    except ValueError:
        return Given(size)


def pictures_of(listing: Listing, size: int) -> Given:
    paired = with_masks(listing)
    if paired is not None:
        return Given(size, len(paired.pairs), masks=True)
    used = [file.place for file in parts_of(listing).pictures]
    return Given(size, sum(place.suffix.lower() in PICTURES for place in used))


def arrays_of(path: Path, size: int) -> Given:
    shapes = shapes_of(path)
    first = shapes["x_train"]
    square = len(first) == 4 and first[1] == first[2]
    images = sum(shapes[name][0] for name in ("x_train", "x_test") if shapes[name])
    return Given(size, images, first[1] if square else None, len(shapes["y_train"]) == 3)
