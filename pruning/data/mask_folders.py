"""Where pictures and their masks lie: in images/ and masks/, or as Pascal VOC has them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pruning.data.mask_files import Mask, png_mask
from pruning.data.pascal_palette import CLASSES
from pruning.data.path_files import DataFile, Listing

Place = Callable[[PurePosixPath], PurePosixPath]

IMAGES, MASKS = "images", "masks"
NAMES = "classes.txt"
VOC_IMAGES, VOC_MASKS, VOC_LISTS = "JPEGImages", "SegmentationClass", ("ImageSets", "Segmentation")
VOC_MORE_MASKS = "SegmentationClassAug"  # where the augmented list is used, its masks are mostly kept here


@dataclass(frozen=True)
class Pair:
    """A picture and its mask. test: whether it is of the test part; None where there are no parts."""

    picture: DataFile
    mask: DataFile
    test: bool | None
    read_mask: Callable[[DataFile], Mask] = png_mask


@dataclass(frozen=True)
class Paired:
    """What a folder of pictures with masks holds. classes: their names, or None: by numbers."""

    name: str
    pairs: list[Pair]
    classes: tuple[str, ...] | None
    messages: tuple[str, ...] = ()


def with_masks(listing: Listing) -> Paired | None:
    """The pairs; None where this is neither layout. Raises ValueError in one sentence where a picture or a
    mask is alone."""
    if (root := voc_root(listing)) is not None:
        return voc_pairs(listing.below(root), root)
    for inner in (listing, listing.below(listing.wrapper)):
        folders = {place for file in inner.files for place in file.place.parents} | set(inner.folders)
        if {PurePosixPath(IMAGES), PurePosixPath(MASKS)} <= folders:
            return folder_pairs(inner)
        if {PurePosixPath("train", IMAGES), PurePosixPath("train", MASKS)} <= folders:
            return folder_pairs(inner, kind_first)
    return None


def as_it_is(place: PurePosixPath) -> PurePosixPath:
    return place


def kind_first(place: PurePosixPath) -> PurePosixPath:
    """train/images/a.png as images/train/a.png."""
    parts = place.parts
    turned = len(parts) > 1 and parts[1] in (IMAGES, MASKS)
    return PurePosixPath(parts[1], parts[0], *parts[2:]) if turned else place


def other_of(place: PurePosixPath, kind: str, other: str, ending: str) -> PurePosixPath:
    """Where the mask of a picture has to lie, or the picture of a mask."""
    parts = list(place.with_suffix(ending).parts)
    parts[parts.index(kind)] = other
    return PurePosixPath(*parts)


def folder_pairs(listing: Listing, seen_as: Place = as_it_is) -> Paired:
    """seen_as: from a file's place to what it would be with images/ and masks/ on top."""
    name = listing.name
    pictures, masks = (by_stem(listing, top, seen_as) for top in (IMAGES, MASKS))
    for stem, file in pictures.items():
        if stem not in masks:
            wanted = other_of(file.place, IMAGES, MASKS, ".png")
            raise ValueError(f"{file.place} of {name} has no mask; give {wanted}, or leave the picture out")
    for stem, file in masks.items():
        if stem not in pictures:
            wanted = other_of(file.place, MASKS, IMAGES, ".jpg")
            raise ValueError(
                f"{file.place} of {name} has no picture; give {wanted}, say, or leave the mask out"
            )
    if not pictures:
        raise ValueError(f"{name} has no pictures in {IMAGES}/; give {IMAGES}/a.png with {MASKS}/a.png")
    parts = {stem.parts[0] for stem in pictures if len(stem.parts) > 1}
    held = next((part for part in ("test", "val") if {"train", part} <= parts), None)
    used = [stem for stem in pictures if held is None or stem.parts[0] in ("train", held)]
    pairs = [Pair(pictures[s], masks[s], None if held is None else s.parts[0] == held) for s in used]
    beside = {seen_as(f.place).parts[0] for f in listing.files} - {IMAGES, MASKS, NAMES}
    if held is not None:
        beside |= {str(pictures[stem].place.parent) for stem in set(pictures) - set(used)}
    told = (f"{', '.join(sorted(beside))} of {name} is not used",) if beside else ()
    return Paired(name, pairs, names_in(listing), told)


def by_stem(listing: Listing, top: str, seen_as: Place = as_it_is) -> dict[PurePosixPath, DataFile]:
    """{path below the folder `top`, without its ending: file}."""
    found: dict[PurePosixPath, DataFile] = {}
    for file in listing.files:
        place = seen_as(file.place)
        if place.parts[0] == top and len(place.parts) > 1:
            stem = PurePosixPath(*place.parts[1:]).with_suffix("")
            if stem in found:
                raise ValueError(
                    f"{found[stem].place} and {file.place} of {listing.name} have one name; give each its own"
                )
            found[stem] = file
    return found


def names_in(listing: Listing) -> tuple[str, ...] | None:
    """The class names in classes.txt, one a line; None where there is no such file."""
    file = next((file for file in listing.files if file.place == PurePosixPath(NAMES)), None)
    if file is None:
        return None
    try:
        names = tuple(line.strip() for line in file.read().decode("utf-8-sig").strip().splitlines())
    except UnicodeDecodeError:
        raise ValueError(f"{NAMES} of {listing.name} is no UTF-8 text; give a class name a line") from None
    if len(names) < 2 or "" in names or len(set(names)) < len(names):
        raise ValueError(
            f"{NAMES} of {listing.name} names {len(set(names) - {''})} classes in {len(names)} lines; give "
            "two or more names, one a line, the first for class 0"
        )
    return names


# ------------------------------------------------------------------------------------------- as Pascal VOC


def voc_root(listing: Listing) -> PurePosixPath | None:
    """The folder in which JPEGImages and SegmentationClass lie; None where there is none."""
    folders = {place for file in listing.files for place in file.place.parents} | set(listing.folders)
    roots = sorted(p.parent for p in folders if p.name == VOC_MASKS and p.parent / VOC_IMAGES in folders)
    if len(roots) > 1:
        told = ", ".join(map(str, roots))
        raise ValueError(f"{listing.name} holds {len(roots)} sets like Pascal VOC, {told}; give one of them")
    return roots[0] if roots else None


def voc_pairs(listing: Listing, root: PurePosixPath) -> Paired:
    """By the lists in ImageSets/Segmentation: trainaug.txt where it is there, else train.txt; and val.txt,
    which is the test part, since nobody has the masks of VOC's own. root: where in the data set this lies."""
    ids = {
        file.place.stem: ids_in(file)
        for file in listing.files
        if file.place.parts[:-1] == VOC_LISTS and file.place.suffix == ".txt"
    }
    train = next((name for name in ("trainaug", "train") if ids.get(name)), "train")
    for part in (train, "val"):
        if not ids.get(part):
            place = "/".join((*VOC_LISTS, f"{part}.txt"))
            raise ValueError(f"{listing.name} lacks {place}; give it, with the name of a picture a line")
    if both := sorted(set(ids[train]) & set(ids["val"])):
        raise ValueError(
            f"{both[0]} of {listing.name} is in {train}.txt and in val.txt; a picture is trained on or tested"
        )
    pictures, own, more = (by_stem(listing, top) for top in (VOC_IMAGES, VOC_MASKS, VOC_MORE_MASKS))
    pairs = []
    for part, masks in ((train, more | own), ("val", own)):
        for stem in map(PurePosixPath, ids[part]):
            for kind, found in ((VOC_IMAGES, pictures), (VOC_MASKS, masks)):
                if stem not in found:
                    ending = "jpg" if found is pictures else "png"
                    raise ValueError(
                        f"{stem} is in {part}.txt of {listing.name}; give {kind}/{stem}.{ending}"
                    )
            pairs.append(Pair(pictures[stem], masks[stem], part == "val"))
    lists = f"{train}.txt for training, val.txt for the test"
    told = f"{PurePosixPath(listing.name) / root} is read as Pascal VOC: {lists}"
    return Paired(listing.name, pairs, names_in(listing) or CLASSES, (told,))


def ids_in(file: DataFile) -> Sequence[str]:
    """The names of pictures, one a line."""
    try:
        lines = file.read().decode().splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{file.place} is no text; give the name of a picture a line") from None
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))
