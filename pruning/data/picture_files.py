"""A picture of any kind as viewers show it: upright, 8 bits, red, green and blue."""

import struct
import zlib
from collections.abc import Iterable
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
DARK = 2**13  # a brightest pixel below this uses an eighth of the range
PHOTOMETRIC, SAMPLE_FORMAT, WHITE_IS_ZERO, SIGNED = 262, 339, 0, 2  # in TIFF


@dataclass(frozen=True)
class Picture:
    """image: Pillow's, in RGB.   brightest: of a 16-bit grey one, 0 to 65535; else None.   frames: how many
    there are, of which this is the first.   clear: whether parts are transparent, which are white here."""

    image: Any
    brightest: int | None = None
    frames: int = 1
    clear: bool = False


def as_shown(opened, place) -> Picture:
    """opened: Pillow's image.   place: its name, for messages.

    16-bit grey is read over the full range of its type, floats from 0 to 1. Raises ValueError in one sentence
    on damaged files, other numbers, and colour spaces that have no one way to red, green and blue."""
    from PIL import ImageOps

    try:
        frames = 1 if opened.format == "MPO" else getattr(opened, "n_frames", 1)
        opened.seek(0)
        opened.load()
        tags = dict(getattr(opened, "tag_v2", {}))
        upright = ImageOps.exif_transpose(opened)
        if upright.mode not in (*DEEP, "I", "F"):
            if tags.get(SAMPLE_FORMAT, (1,))[0:1] == (SIGNED,):
                raise not_these(place, "signed whole numbers")
            clear = see_through(upright)
            return Picture(on_white(upright) if clear else upright.convert("RGB"), None, frames, clear)
    except DAMAGED as error:
        if isinstance(error, NotThese):
            raise
        raise not_an_image(place) from None
    return grey(upright, opened.format, tags, place, frames)


def see_through(image) -> bool:
    if "transparency" not in image.info and image.mode not in ("RGBA", "LA", "PA", "La", "RGBa"):
        return False
    return image.convert("RGBA").getchannel("A").getextrema()[0] < 255


def on_white(image):
    from PIL import Image

    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def grey(image, form: str, tags: dict, place, frames: int) -> Picture:
    """Of a grey image whose pixels are no bytes."""
    from PIL import Image

    pixels, brightest = np.asarray(image), None
    if image.mode == "F":
        if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
            raise not_these(place, f"fractions from {pixels.min():g} to {pixels.max():g}")
        shares = pixels.astype(np.float64)
    elif image.mode in DEEP or form == "PPM":  # which Pillow reads as whole numbers, scaled to 16 bits
        shares, brightest = pixels.astype(np.float64) / FULL, int(pixels.max())
    else:
        raise not_these(place, "32-bit or signed whole numbers")
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:  # which Pillow heeds with 8 bits alone
        shares = 1 - shares
    shown = Image.fromarray(np.round(shares * 255).astype(np.uint8)).convert("RGB")
    return Picture(shown, brightest, frames)


class NotThese(ValueError):
    """A picture that can be read, with pixels that cannot."""


def not_these(place, what: str) -> NotThese:
    return NotThese(f"{place} has pixels that are {what}; give bytes, 16-bit grey, or fractions from 0 to 1")


def not_an_image(place) -> ValueError:
    return ValueError(f"{place} is no image that can be read; give PNG or JPEG files")


def in_words(name: str, pictures: Iterable[Picture]) -> tuple[str, ...]:
    """What whoever uses a data set should know of its pictures. name: the data set's."""
    pictures = list(pictures)
    moving = sum(picture.frames > 1 for picture in pictures)
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
