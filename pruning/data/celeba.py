"""CelebA with hair colours as domains: downloaded by torchvision when asked for by name, and kept.

Liu et al. 2015. StarGAN's paper has hair colours, sex and age as domains at once; here a picture is of one
domain, so those are taken that show exactly one of three hair colours.
"""

from pathlib import Path

import numpy as np

from pruning.data.cache_folder import cache_folder
from pruning.data.dataset import Dataset, Split, assemble
from pruning.data.domains import asked_by
from pruning.data.downloads import downloading
from pruning.data.registry import dataset
from pruning.tasks import TRANSLATED

DOMAINS = ("black hair", "blond hair", "brown hair")
ATTRIBUTES = ("Black_Hair", "Blond_Hair", "Brown_Hair")
MOST = {"train": 20_000, "test": 2_000}  # pictures: 1 GB at 128 pixels
PARTS = {"train": 0, "test": 2}  # as the list of CelebA's parts has them
SIDE, CENTRE = 128, 178  # pixels: of what is kept, and of the middle of each picture, as the paper crops it
INSTEAD = "the path of a folder with one folder of pictures a domain"


@dataset(
    "celeba",
    meaning="22,000 faces with black, blond or brown hair, to be shown with another, downloaded once.",
    offline=False,
    sized=True,
    task=TRANSLATED,
)
def celeba(size: int | None = None) -> Dataset:
    """Pictures of CelebA's own training and test part, as many of each hair colour, in the order listed."""
    folder = cache_folder() / "celeba"
    if not (folder / "celeba" / "list_attr_celeba.txt").is_file():
        from torchvision.datasets import CelebA

        with downloading("celeba", folder, instead=INSTEAD):
            CelebA(folder, split="train", download=True)
    return read(folder / "celeba", size or SIDE)


def read(folder: Path, size: int) -> Dataset:
    """What torchvision leaves in the folder. Raises ValueError where a list or a picture is missing."""
    try:
        found = listed(folder)
        parts = {name: chosen(found, number, MOST[name]) for name, number in PARTS.items()}
        splits = {
            name: Split(
                pictures(folder, [file for file, _ in rows], size), np.array([own for _, own in rows])
            )
            for name, rows in parts.items()
        }
    except (OSError, IndexError, KeyError) as error:
        raise ValueError(
            f"{folder} holds no whole CelebA ({error}); delete it, so that it is downloaded again"
        ) from None
    told = ("only pictures of exactly one hair colour are used",)
    whole = assemble("celeba", splits["train"], splits["test"], DOMAINS, flips=True, messages=told)
    return asked_by(whole, TRANSLATED)


def listed(folder: Path) -> list[tuple[str, int, int]]:
    """(file, part, domain) of every picture of exactly one hair colour."""
    part = dict(
        line.split() for line in (folder / "list_eval_partition.txt").read_text().splitlines() if line
    )
    lines = (folder / "list_attr_celeba.txt").read_text().splitlines()
    columns = [lines[1].split().index(name) + 1 for name in ATTRIBUTES]
    found = []
    for line in filter(None, lines[2:]):
        cells = line.split()
        own = [k for k, column in enumerate(columns) if cells[column] == "1"]
        if len(own) == 1:
            found.append((cells[0], int(part[cells[0]]), own[0]))
    return found


def chosen(found: list[tuple[str, int, int]], part: int, most: int) -> list[tuple[str, int]]:
    """(file, domain): of every domain as many, in the order listed."""
    own = [[row for row in found if row[1] == part and row[2] == k] for k in range(len(DOMAINS))]
    each = min(most // len(DOMAINS), *map(len, own))
    return sorted((file, k) for rows in own for file, _, k in rows[:each])


def pictures(folder: Path, files: list[str], size: int) -> np.ndarray:
    """uint8 [N, size, size, 3]: the middle of each."""
    from PIL import Image

    images = np.empty((len(files), size, size, 3), np.uint8)
    for row, file in enumerate(files):
        with Image.open(folder / "img_align_celeba" / file) as picture:
            left, top = ((side - CENTRE) // 2 for side in picture.size)
            middle = picture.convert("RGB").crop((left, top, left + CENTRE, top + CENTRE))
            images[row] = middle.resize((size, size), Image.Resampling.BOX)
    return images
