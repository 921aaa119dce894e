"""`scenes`: images that methods of pruning differ on, made from scikit-learn's digits and a seed;
`scenes_masks`, the same images with a class for every pixel; and `scenes_colours`, to be translated.

12,000 training and 2,000 test images of 32 x 32 pixels. The largest of one to three digits is the class; test
images show digits that no training image shows. Which digit each pixel belongs to and the class digit's
colour come along.
"""

import os
import zipfile
from pathlib import Path

import numpy as np

from pruning.data.cache_folder import cache_folder
from pruning.data.dataset import Dataset, Split, assemble, digest_of, split_off
from pruning.data.domains import asked_by
from pruning.data.glyphs import load_glyphs
from pruning.data.registry import dataset
from pruning.data.scene_drawing import DOMAINS, FINE, Drawn, draw, interpolation
from pruning.tasks import PIXELWISE, TRANSLATED

SEED = 2
COUNTS = {"train": 12_000, "test": 2_000}
FIELDS = ("images", "labels", "pixels", "domain")
BATCH = 500  # images drawn at once; part of what makes them what they are
DIGEST = "13b3e0834bc9e33446044f6b57110eec6f3cb000a151249bc9fed6c26554d209"


@dataset("scenes", meaning="14,000 colour images of digits among distractors, 32 x 32.", offline=True)
def scenes() -> Dataset:
    """Which digit is the largest of each image."""
    parts, messages = drawn_parts()
    train, test = (Split(parts[part].images, parts[part].labels) for part in COUNTS)
    extras = {
        "pixels": {part: parts[part].pixels for part in COUNTS},
        "domain": {part: parts[part].domain for part in COUNTS},
    }
    names = tuple(str(digit) for digit in range(10))
    return assemble("scenes", train, test, names, messages=messages, extras=extras)


@dataset(
    "scenes_masks",
    meaning="The images of scenes, with the digit that every pixel belongs to, 32 x 32.",
    offline=True,
    task=PIXELWISE,
)
def scenes_masks() -> Dataset:
    """Which digit each pixel is of: 11 classes, the first where no digit is seen."""
    parts, messages = drawn_parts()
    train, test = (Split(parts[part].images, parts[part].pixels, PIXELWISE) for part in COUNTS)
    names = ("background", *(str(digit) for digit in range(10)))
    return assemble("scenes_masks", train, test, names, messages=messages)


@dataset(
    "scenes_colours",
    meaning="The images of scenes, to be shown with their largest digit in another of six colours, 32 x 32.",
    offline=True,
    task=TRANSLATED,
)
def scenes_colours() -> Dataset:
    """The colour of the largest digit as the domain; every image is asked for in another one."""
    parts, messages = drawn_parts()
    train, test = (Split(parts[part].images, parts[part].domain) for part in COUNTS)
    return asked_by(assemble("scenes_colours", train, test, DOMAINS, messages=messages), TRANSLATED)


def drawn_parts() -> tuple[dict[str, Drawn], tuple[str, ...]]:
    """The images as kept in the cache folder, made there, in about 10 s, if missing; and what there is to
    say about that."""
    kept, messages = cache_folder() / f"scenes-{DIGEST[:10]}.npz", []
    parts = read(kept)
    if parts is None:
        parts = make()
        if digest(parts) != DIGEST:
            messages.append(f"the images of scenes made here differ from the recorded ones ({DIGEST[:10]})")
        messages += keep(kept, parts)
    return parts, tuple(messages)


def make() -> dict[str, Drawn]:
    """Draws both parts, in about 10 s."""
    glyphs, digits = load_glyphs()
    rest, held = split_off(digits, 0.2, SEED)  # a fifth of the digits is for the test images alone
    large = enlarge(glyphs)
    made = {}
    for part, own in (("train", rest), ("test", held)):
        labels = np.arange(COUNTS[part]) % 10
        labels = np.random.Generator(np.random.PCG64([SEED, len(labels)])).permutation(labels)
        made[part] = joined(
            [
                draw(large[own], digits[own], labels[first : first + BATCH], generator(part, first))
                for first in range(0, COUNTS[part], BATCH)
            ]
        )
    return made


def generator(part: str, first: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([SEED, COUNTS[part], first]))


def enlarge(glyphs: np.ndarray) -> np.ndarray:
    """[G, 8, 8], ink 0 to 16 -> [G, 24, 24], 0 to 1, with its edges made steeper."""
    weights = interpolation(glyphs.shape[1], FINE)
    fine = np.einsum("is,nst,jt->nij", weights, glyphs / 16, weights, optimize=True)
    return np.clip((fine - 0.2) / 0.45, 0, 1)


def joined(batches: list[Drawn]) -> Drawn:
    return Drawn(*(np.concatenate([getattr(batch, name) for batch in batches]) for name in FIELDS))


def digest(parts: dict[str, Drawn]) -> str:
    return digest_of(*(Split(parts[part].images, parts[part].labels) for part in COUNTS))


def read(path: Path) -> dict[str, Drawn] | None:
    """The kept images, or None where there are none or not these."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            parts = {part: Drawn(*(arrays[f"{part}_{name}"] for name in FIELDS)) for part in COUNTS}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return parts if digest(parts) == DIGEST else None


def keep(path: Path, parts: dict[str, Drawn]) -> list[str]:
    """Writes the images for the next time; says so where it cannot."""
    arrays = {f"{part}_{name}": getattr(drawn, name) for part, drawn in parts.items() for name in FIELDS}
    partial = path.with_name(f"{path.stem}-{os.getpid()}.partial.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(partial, **arrays)
        partial.replace(path)
    except OSError as error:
        return [
            f"the images of scenes cannot be kept in {path.parent} ({error.strerror}), so they are "
            "made each time"
        ]
    finally:
        partial.unlink(missing_ok=True)
    return []
