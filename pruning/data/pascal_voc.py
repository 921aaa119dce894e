"""Pascal VOC 2012 with its masks, and with those of SBD besides: downloaded by torchvision when asked for by
name, and kept.

Everingham et al. 2015 and Hariharan et al. 2011.
"""

import shutil
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np

from pruning.data.cache_folder import cache_folder
from pruning.data.dataset import Dataset
from pruning.data.downloads import downloading
from pruning.data.folders import LARGEST_HERE
from pruning.data.mask_files import Mask
from pruning.data.mask_folders import Pair, Paired, ids_in, with_masks
from pruning.data.masked_pictures import LARGEST_SIDE, load_pairs
from pruning.data.path_files import DataFile, folder_listing
from pruning.data.registry import dataset
from pruning.tasks import PIXELWISE

INSTEAD = "the path of a folder that holds JPEGImages, SegmentationClass and ImageSets"


@dataset(
    "voc2012",
    meaning="2,913 photographs with a class for every pixel, of 20 kinds of things, downloaded once.",
    offline=False,
    sized=True,
    task=PIXELWISE,
)
def voc2012(size: int | None = None) -> Dataset:
    """1,464 pictures for training, 1,449 (VOC's own val) for the test."""
    return loaded(voc_pairs("voc2012"), size)


@dataset(
    "voc2012_sbd",
    meaning="The same test photographs, and 10,582 to train with: VOC's and those of SBD, downloaded once.",
    offline=False,
    sized=True,
    task=PIXELWISE,
)
def voc2012_sbd(size: int | None = None) -> Dataset:
    """The augmented training list: all pictures of VOC's train.txt and of SBD's two lists but those of VOC's
    val.txt. Where a picture has both masks, VOC's is taken, which leaves out the borders of objects."""
    own = voc_pairs("voc2012_sbd")
    known = {pair.picture.place.stem for pair in own.pairs}
    more = [pair for pair in sbd_pairs("voc2012_sbd") if pair.picture.place.stem not in known]
    told = f"{len(more):,} training masks of voc2012_sbd are SBD's, the others Pascal VOC's"
    return loaded(replace(own, name="voc2012_sbd", pairs=[*own.pairs, *more], messages=(told,)), size)


def loaded(paired: Paired, size: int | None) -> Dataset:
    return load_pairs(paired, size=size or LARGEST_SIDE, seed=0, most=LARGEST_HERE)


def voc_pairs(name: str) -> Paired:
    """What torchvision's VOCSegmentation leaves in the cache folder, downloaded there if it is missing."""
    folder = cache_folder() / "voc2012"
    if not (folder / "VOCdevkit").is_dir():
        from torchvision.datasets import VOCSegmentation

        with downloading(name, folder, instead=INSTEAD):
            VOCSegmentation(folder, year="2012", image_set="train", download=True)
    found = with_masks(replace(folder_listing(folder), name=name))
    if found is None:
        raise ValueError(f"{folder} holds no whole Pascal VOC; delete it, so that it is downloaded again")
    return replace(found, messages=())


def sbd_pairs(name: str) -> list[Pair]:
    """All of SBD, as torchvision's SBDataset leaves it; not those that it lists twice."""
    folder = cache_folder() / "sbd"
    if not (folder / "val.txt").is_file():
        from torchvision.datasets import SBDataset

        if (folder / "cls").is_dir():  # a download that was ended while its files were moved into place
            shutil.rmtree(folder)
        with downloading(name, folder, instead=INSTEAD):
            SBDataset(folder, image_set="train", mode="segmentation", download=True)
    ids = [one for part in ("train", "val") for one in ids_in(file_in(folder, f"{part}.txt"))]
    return [
        Pair(file_in(folder, f"img/{one}.jpg"), file_in(folder, f"cls/{one}.mat"), False, sbd_mask)
        for one in dict.fromkeys(ids)
    ]


def file_in(folder: Path, place: str) -> DataFile:
    return DataFile(PurePosixPath(place), partial((folder / place).read_bytes))


def sbd_mask(file: DataFile) -> Mask:
    """Of a .mat file of SBD, with VOC's class numbers; nothing in it is left out."""
    from scipy.io import loadmat

    content = loadmat(BytesIO(file.read()))
    return Mask(np.asarray(content["GTcls"][0]["Segmentation"][0], np.uint8))
