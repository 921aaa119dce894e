"""Pictures of any size with their masks, decoded one by one into arrays of one size, in three parts."""

from dataclasses import dataclass, replace

import numpy as np

from pruning.data.class_balance import pixels_of
from pruning.data.dataset import (
    HOLDOUT_SEED,
    HOLDOUT_SHARE,
    Dataset,
    Split,
    digest_of,
    split_off,
)
from pruning.data.mask_files import Mask
from pruning.data.mask_folders import NAMES, Pair, Paired
from pruning.data.path_files import opened
from pruning.data.picture_files import Picture, as_shown, in_words
from pruning.data.resizing import fit_within
from pruning.progress import Watch, silent, timed
from pruning.tasks import IGNORED, PIXELWISE
from pruning.terms import plural

LARGEST_SIDE = 513  # pixels: where sizes differ and nothing else is asked for, as DeepLab has it on VOC
TEST_SHARE = 0.2  # where the data comes in one part
TOLD = 2 * 2**30  # bytes from which memory is worth a message
ORIENTATION = 0x0112  # EXIF
TOLD_EVERY = 8  # pictures between two words on how far it is


def load_pairs(paired: Paired, *, size: int | None, seed: int, most: int, watch: Watch = silent) -> Dataset:
    """size: None is the pictures' own where all share one square size, else the least that holds all, at most
    513.   seed: of the split where there are no parts.   most: bytes that the arrays may take.

    Raises ValueError in one sentence on what is damaged, does not agree, or is too little or too much."""
    name = paired.name
    order, counts = in_parts(paired, seed)
    size = size or side_for(paired)
    memory = len(order) * size * size * 4
    shown = f"{len(order):,} pictures of {size} x {size} pixels with their masks"
    if memory > most:
        raise ValueError(
            f"{name} takes {memory / 2**30:.1f} GiB of memory, {shown}, and {most // 2**30} GiB are allowed; "
            "give a smaller size, or fewer pictures"
        )
    decoded = decode([paired.pairs[row] for row in order], size, paired.classes, timed(watch))
    classes = paired.classes or tuple(map(str, range(decoded.highest + 1)))
    edges = np.cumsum([0, *counts])
    train, holdout, test, known = (
        Split(decoded.images[low:high], decoded.masks[low:high], PIXELWISE)
        for low, high in (*zip(edges[:-1], edges[1:], strict=True), (0, edges[2]))
    )
    must_have_classes(name, known, test)
    told = (f"{name} takes {memory / 2**30:.1f} GiB of memory: {shown}",) if memory > TOLD else ()
    messages = (*paired.messages, *told, *decoded.in_words(name), *without_pixels(name, known, classes))
    digest = digest_of(known, test)
    return Dataset(name, train, holdout, test, classes, digest, flips=True, messages=messages)


def in_parts(paired: Paired, seed: int) -> tuple[np.ndarray, list[int]]:
    """Row numbers of the pairs in the order training, hold-out, test, and how many each has."""
    rows = np.arange(len(paired.pairs))
    of_test = np.array([pair.test is True for pair in paired.pairs])
    known, test = rows[~of_test], rows[of_test]
    if paired.pairs[0].test is None and len(rows) > 2:
        known, test = split_off(np.zeros(len(rows), int), TEST_SHARE, seed)
    if len(known) < 2 or not len(test):
        raise ValueError(
            f"{paired.name} has {plural(len(rows), 'picture')} with {plural(len(rows), 'mask')}; give three "
            "or more: two to train with, one of which is held out, and one for the test"
        )
    kept, held = split_off(np.zeros(len(known), int), HOLDOUT_SHARE, HOLDOUT_SEED)
    return np.concatenate([known[kept], known[held], test]), [len(kept), len(held), len(test)]


def side_for(paired: Paired) -> int:
    sizes = {opened(pair.picture).size for pair in paired.pairs}  # turned or not, the longest is the same
    longest = max(max(size) for size in sizes)
    return longest if sizes == {(longest, longest)} else min(longest, LARGEST_SIDE)


@dataclass(eq=False)
class Decoded:
    """images: uint8 [N, size, size, 3].   masks: uint8 [N, size, size].   pictures: what is to be said of
    each.   highest: the highest class number.   turned: pictures whose masks were turned with them.
    coloured: masks told from VOC's colours.   uncounted: masks that are 255 all over."""

    images: np.ndarray
    masks: np.ndarray
    pictures: list[Picture]
    highest: int = 0
    turned: int = 0
    coloured: int = 0
    uncounted: int = 0

    def in_words(self, name: str) -> tuple[str, ...]:
        said = []
        if self.turned:
            said.append(f"{plural(self.turned, 'mask')} of {name} turned as EXIF turns the pictures")
        if self.coloured:
            said.append(f"{plural(self.coloured, 'RGB mask')} of {name} read by the colours of Pascal VOC")
        if self.uncounted:
            said.append(f"{plural(self.uncounted, 'mask')} of {name} without a pixel that counts")
        return (*in_words(name, self.pictures), *said)


def decode(pairs: list[Pair], size: int, classes: tuple[str, ...] | None, watch: Watch) -> Decoded:
    """Of every picture and mask nothing stays but their row in the arrays."""
    images, masks = (np.empty((len(pairs), size, size, *more), np.uint8) for more in ((3,), ()))
    decoded = Decoded(images, masks, [])
    for row, pair in enumerate(pairs):
        if row % TOLD_EVERY == 0:
            watch("images", row, len(pairs))
        picture, mask = both_upright(pair, decoded)
        must_be_known(pair, mask.classes, classes)
        images[row], masks[row] = fit_within(picture.image, mask.classes, size)
        counted = masks[row][masks[row] != IGNORED]
        decoded.highest = max(decoded.highest, int(counted.max(initial=0)))
        decoded.uncounted += not len(counted)
        decoded.coloured += mask.by_colour
        decoded.pictures.append(replace(picture, image=None))
    watch("images", len(pairs), len(pairs))
    return decoded


def both_upright(pair: Pair, decoded: Decoded) -> tuple[Picture, Mask]:
    """The picture as EXIF turns it. Its mask is turned with it where its size is the unturned picture's:
    whoever drew it saw the picture so. Notes the turned ones."""
    image, mask = opened(pair.picture), pair.read_mask(pair.mask)
    stored, turn = image.size, turn_of(image)  # before it is turned
    picture = as_shown(image, pair.picture.place)
    if turn is not None and mask.classes.shape[::-1] == stored:
        from PIL import Image

        mask = replace(mask, classes=np.asarray(Image.fromarray(mask.classes).transpose(turn)))
        decoded.turned += 1
    if mask.classes.shape[::-1] != picture.image.size:
        own, other = (f"{w} x {h}" for w, h in (picture.image.size, mask.classes.shape[::-1]))
        raise ValueError(
            f"{pair.picture.place} has {own} pixels and {pair.mask.place} {other}; give a mask of the "
            "picture's size"
        )
    return picture, mask


def turn_of(image):
    """How EXIF has a picture turned, as Pillow's method; None where it stays."""
    from PIL import Image

    names = "FLIP_LEFT_RIGHT ROTATE_180 FLIP_TOP_BOTTOM TRANSPOSE ROTATE_270 TRANSVERSE ROTATE_90"
    turns = {number: Image.Transpose[name] for number, name in enumerate(names.split(), start=2)}
    return turns.get(image.getexif().get(ORIENTATION, 1))


# --------------------------------------------------------------------------------------- what has to be so


def must_be_known(pair: Pair, mask: np.ndarray, classes: tuple[str, ...] | None):
    counted = mask[mask != IGNORED]
    if classes is not None and len(counted) and counted.max() >= len(classes):
        raise ValueError(
            f"{pair.mask.place} has class {counted.max()}, and there are {len(classes)} classes, 0 to "
            f"{len(classes) - 1} ({classes[-1]}); name all of them in {NAMES}, one a line, or mend the mask"
        )


def must_have_classes(name: str, known: Split, test: Split):
    """Raises ValueError where no pixel of a part counts, or all that count are of one class."""
    counts = {part: pixels_of(split.labels) for part, split in (("training", known), ("test", test))}
    for part, found in counts.items():
        if not found[:IGNORED].any():
            raise ValueError(
                f"the {part} masks of {name} are all {IGNORED}, which does not count; give class numbers "
                "from 0 on"
            )
    seen = np.flatnonzero(np.sum([*counts.values()], axis=0)[:IGNORED])
    if len(seen) < 2:
        beside = any(found[IGNORED] for found in counts.values())
        hint = f", beside {IGNORED}, which does not count" if beside else ""
        raise ValueError(
            f"the masks of {name} have one class only, {seen[0]}{hint}; give two or more classes, with 1 for "
            "what stands out from a background of 0, say"
        )


def without_pixels(name: str, known: Split, classes: tuple[str, ...]) -> tuple[str, ...]:
    """A message that names the classes which no training mask shows."""
    lacking = [classes[k] for k in np.flatnonzero(pixels_of(known.labels)[: len(classes)] == 0)]
    if not lacking:
        return ()
    more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
    return (f"no training mask of {name} shows {', '.join(lacking[:5])}{more}",)
