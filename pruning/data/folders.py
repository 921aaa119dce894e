"""Data sets of image files: a folder a class, below train/ and test/ if both are there; or pictures with
masks; or a .zip of either."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from pruning.data.class_folders import labelled, strata
from pruning.data.dataset import (
    HOLDOUT_SEED,
    HOLDOUT_SHARE,
    Dataset,
    Split,
    digest_of_rows,
    must_be_several,
    split_off,
)
from pruning.data.decoded_pictures import decode
from pruning.data.mask_folders import with_masks
from pruning.data.masked_pictures import load_pairs
from pruning.data.path_files import LARGEST, Listing, folder_listing, zip_listing
from pruning.progress import Watch, silent

LARGEST_HERE = 16 * 2**30  # bytes of decoded pictures and masks, of a folder on this machine


def load_folders(
    path: Path, *, size: int | None, seed: int, state: str | None = None, watch: Watch = silent
) -> Dataset:
    """Reads what a folder on this machine holds. state: see `decode`. Raises ValueError in one sentence on
    what is no data set."""
    listing = folder_listing(path)
    return load_listing(listing, size=size, seed=seed, most=LARGEST_HERE, state=state, watch=watch)


def load_zip(path: Path, *, size: int | None, seed: int, watch: Watch = silent) -> Dataset:
    """The same of a .zip."""
    with zip_listing(path) as listing:
        return load_listing(listing, size=size, seed=seed, most=LARGEST, state=None, watch=watch)


def load_listing(
    listing: Listing, *, size: int | None, seed: int, most: int, state: str | None, watch: Watch
) -> Dataset:
    """most: bytes that pictures with masks may take, decoded."""
    paired = with_masks(listing)
    if paired is None:
        return load_class_folders(listing, size=size, seed=seed, state=state, watch=watch)
    return load_pairs(paired, size=size, seed=seed, most=most, watch=watch)


def load_class_folders(
    listing: Listing, *, size: int | None, seed: int, state: str | None, watch: Watch
) -> Dataset:
    found = labelled(listing, seed)
    known = found.labels[found.known]
    kept, held = (known, known)
    if len(known):
        kept, held = split_off(strata(known, found.mapped), HOLDOUT_SHARE, HOLDOUT_SEED)
    order = np.concatenate([found.known[kept], found.known[held], found.test])
    place = np.argsort(order)  # of every file's picture: the parts lie one after another, and are not copied
    decoded = decode(found.name, found.files, place, size, state, watch)
    if not found.mapped:
        must_be_several(found.name, found.labels[found.known], found.classes)
    whole = Split(decoded.images, found.labels[order])
    edges = np.cumsum([0, len(kept), len(held), len(found.test)])
    train, holdout, test = (
        Split(whole.images[low:high], whole.labels[low:high]) for low, high in pairwise(edges)
    )
    digest = digest_of_rows(whole, place[found.known], place[found.test])
    messages = (*found.messages, *decoded.messages)
    return Dataset(found.name, train, holdout, test, found.classes, digest, messages=messages)
