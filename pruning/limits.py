"""What whoever runs a server lets its visitors take: told before a job is started, and held where it runs.

A limit is an environment variable, PRUNING_LIMIT_MINUTES and so on, and a flag of `python -m pruning app`,
such as `--limit-minutes`. Only those on the queue and on uploads hold unless they are set.
"""

import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from pruning.data.mask_folders import IMAGES, MASKS, VOC_IMAGES, VOC_MASKS, VOC_MORE_MASKS
from pruning.experiment.recipe import Recipe
from pruning.experiment.uploaded_files import located
from pruning.models import own_code
from pruning.terms import plural

PREFIX = "PRUNING_LIMIT_"
ARRAYS = ("x_train.npy", "x_test.npy")
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
        if self.images is None:
            return ""
        if recipe.calibration > self.images:
            return too_much(f"{recipe.calibration:,} images to calibrate with", self.images, "that", "fewer")
        if (found := images_given(recipe.data)) > self.images:
            return too_much(f"A data set of {found:,} images", self.images, "a data set", "a smaller one")
        return ""

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


def too_much(asked: str, most: float, of: str, instead: str) -> str:
    return f"{asked}: this server allows at most {most:,g} for {of}; choose {instead}."


def refuse(sentence: str):
    if sentence:
        raise ValueError(sentence)


def images_given(data: str) -> int:
    """How many images there are in a data set of one's own, without reading them; 0 for one known by name, or
    gone."""
    try:
        path = Path(located(data, "--data"))
    except ValueError:
        return 0  # an upload that is gone: whoever loads it says so
    if path.is_dir():
        return pictures_among(file.relative_to(path) for file in path.rglob("*"))
    if not zipfile.is_zipfile(path):
        return 0
    with zipfile.ZipFile(path) as file:
        names = file.namelist()
        arrays = [name for name in names if name in ARRAYS]
        return sum(length(file, name) for name in arrays) or pictures_among(map(PurePosixPath, names))


def pictures_among(places: Iterable[PurePath]) -> int:
    """How many files are pictures; masks beside pictures are none."""
    pictures = [place for place in places if place.suffix.lower() in PICTURES]
    masks = {MASKS, VOC_MASKS, VOC_MORE_MASKS, "SegmentationObject"}
    masked = any({IMAGES, VOC_IMAGES} & set(place.parts) for place in pictures)
    return sum(not (masked and masks & set(place.parts)) for place in pictures)


def length(file: zipfile.ZipFile, name: str) -> int:
    """Of an array in an .npz, by its header."""
    from numpy.lib import format

    with file.open(name) as array:
        version = format.read_magic(array)
        read = format.read_array_header_1_0 if version == (1, 0) else format.read_array_header_2_0
        shape = read(array)[0]
        return shape[0] if shape else 0
