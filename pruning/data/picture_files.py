"""A picture of any kind as viewers show it: upright, 8 bits, red, green and blue."""

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.terms import plural

DAMAGED: tuple[type[Exception], ...] = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
)  # what Pillow raises
DAMAGED += (TypeError, KeyError, IndexError, ZeroDivisionError)
DEEP = ("I;16", "I;16B", "I;16L", "I;16N")  # Pillow's names for 16-bit grey, by the order of bytes
FULL = 2**16 - 1
STRIP = 2**20  # pixels that are worked on at a time
DARK = 2**13  # a brightest pixel below this uses an eighth of the range
PHOTOMETRIC, SAMPLE_FORMAT, WHITE_IS_ZERO, SIGNED = 262, 339, 0, 2  # in TIFF


@dataclass(frozen=True)
class Picture:
    """image: Pillow's, in RGB.   brightest: of a 16-bit grey one, 0 to 65535; else None.   several: whether
    there are more in the file, and this is the first.   clear: whether parts are transparent, which are white
    here."""

    image: Any
    brightest: int | None = None
    several: bool = False
    clear: bool = False


def as_shown(opened, place) -> Picture:
    """opened: Pillow's image.   place: its name, for messages.

    16-bit grey is read over the full range of its type, floats from 0 to 1. Raises ValueError in one sentence
    on damaged files, other numbers, and colour spaces that have no one way to red, green and blue."""
    from PIL import ImageOps

    try:
        several = opened.format != "MPO" and bool(getattr(opened, "is_animated", False))
        opened.seek(0)
        opened.load()
        tags = dict(getattr(opened, "tag_v2", {}))
        ImageOps.exif_transpose(opened, in_place=True)
        if opened.mode not in (*DEEP, "I", "F"):
            if tags.get(SAMPLE_FORMAT, (1,))[0:1] == (SIGNED,):
                raise not_these(place, "signed whole numbers")
            clear = see_through(opened)
            whole = opened if opened.mode == "RGB" else on_white(opened) if clear else opened.convert("RGB")
            return Picture(whole, None, several, clear)
    except DAMAGED as error:
        if isinstance(error, NotThese):
            raise
        raise not_an_image(place) from None
    return grey(opened, tags, place, several)


def see_through(image) -> bool:
    if "transparency" not in image.info and image.mode not in ("RGBA", "LA", "PA", "La", "RGBa"):
        return False
    return any(part.convert("RGBA").getchannel("A").getextrema()[0] < 255 for _, part in strips(image))


def strips(image) -> Iterator[tuple[int, Any]]:
    """An image in parts of some rows, each with its first row: what is made of the whole at once takes
    several times its memory."""
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(image.height, top + rows)))


def in_strips(image, made_of: Callable[[Any], Any]):
    """An RGB image of what is made of each of the image's strips."""
    from PIL import Image

    whole = Image.new("RGB", image.size)
    for top, part in strips(image):
        whole.paste(made_of(part), (0, top))
    return whole


def on_white(image):
    from PIL import Image

    def laid(part):
        part = part.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", part.size, "white"), part).convert("RGB")

    return in_strips(image, laid)


def grey(image, tags: dict, place, several: bool) -> Picture:
    """Of a grey image whose pixels are no bytes."""
    from PIL import Image

    ends = [(pixels.min(), pixels.max()) for _, part in strips(image) for pixels in (np.asarray(part),)]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if image.mode == "F":
        if not 0 <= low <= high <= 1:  # nor NaN
            raise not_these(place, f"fractions from {low:g} to {high:g}")
        full, brightest = 1, None
    elif image.mode in DEEP or image.format == "PPM":  # whole numbers, which Pillow has scaled to 16 bits
        full, brightest = FULL, int(high)
    else:
        raise not_these(place, "32-bit or signed whole numbers")
    inverted = tags.get(PHOTOMETRIC) == WHITE_IS_ZERO  # which Pillow heeds with 8 bits alone

    def shown(part):
        shares = np.asarray(part).astype(np.float64) / full
        return Image.fromarray(np.round((1 - shares if inverted else shares) * 255).astype(np.uint8)).convert(
            "RGB"
        )

    return Picture(in_strips(image, shown), brightest, several)


class NotThese(ValueError):
    """A picture that can be read, with pixels that cannot."""


def not_these(place, what: str) -> NotThese:
    return NotThese(f"{place} has pixels that are {what}; give bytes, 16-bit grey, or fractions from 0 to 1")


def not_an_image(place) -> ValueError:
    return ValueError(f"{place} is no image that can be read; give PNG or JPEG files")


def in_words(name: str, pictures: Iterable[Picture]) -> tuple[str, ...]:
    """What whoever uses a data set should know of its pictures. name: the data set's."""
    pictures = list(pictures)
    moving = sum(picture.several for picture in pictures)
    clear = sum(picture.clear for picture in pictures)
    deep = [picture.brightest for picture in pictures if picture.brightest is not None]
    messages = []
    if moving:
        messages.append(f"{plural(moving, 'file')} of {name} with several pictures: the first one is used")
    if clear:
        messages.append(f"{plural(clear, 'picture')} of {name} transparent in places, which are white here")
    if deep and max(deep) < DARK:
        messages.append(
            f"the 16-bit pictures of {name} are dark: no pixel is above {max(deep):,} of {FULL:,}"
        )
    return tuple(messages)
