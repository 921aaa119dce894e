"""A mask from its file: a class number for every pixel, 255 where it does not count."""

from dataclasses import dataclass

import numpy as np

from pruning.data.pascal_palette import classes_by_colour
from pruning.data.path_files import DataFile, opened
from pruning.data.picture_files import DAMAGED, STRIP

PNG = b"\x89PNG\r\n\x1a\n"
GREY, PALETTE = 0, 3  # in a PNG: how its pixels are meant
RIGHT = (
    "save masks as palette PNG (the index is the class) or as grey PNG (the value is the class), with 255 "
    "where a pixel does not count"
)


@dataclass(frozen=True, eq=False)
class Mask:
    """classes: uint8 [H, W].   by_colour: whether they were told from Pascal VOC's colours."""

    classes: np.ndarray
    by_colour: bool = False


def png_mask(file: DataFile) -> Mask:
    """Raises ValueError in one sentence for anything but a palette or grey PNG of at most 8 bits, or one in
    Pascal VOC's colours."""
    content = file.read()
    if not content.startswith(PNG) or len(content) < 26:
        raise ValueError(f"{file.place} is no PNG; {RIGHT}")
    bits, kind = content[24], content[25]
    if bits == 16:
        raise ValueError(f"{file.place} is a PNG of 16 bits, and a class is one of 8; {RIGHT}")
    pixels = png_pixels(content, file)
    if kind in (GREY, PALETTE):
        # Pillow stretches grey of 2 and 4 bits to 0 to 255, and hands out one bit as true and false.
        stretched = {2: 85, 4: 17}.get(bits, 1) if kind == GREY else 1
        return Mask(pixels.astype(np.uint8) // np.uint8(stretched))
    return coloured_mask(pixels, file)


def png_pixels(content: bytes, file: DataFile) -> np.ndarray:
    image = opened(file, content)
    try:
        return np.asarray(image)
    except DAMAGED:
        raise ValueError(f"{file.place} is a damaged PNG, cut short maybe; write it again") from None


def coloured_mask(pixels: np.ndarray, file: DataFile) -> Mask:
    """pixels: uint8 [H, W, 2] grey with alpha, [H, W, 3] RGB or [H, W, 4] RGB with alpha."""
    depth = pixels.shape[2]
    if depth in (2, 4) and pixels[..., -1].min() < 255:
        raise ValueError(f"{file.place} is transparent in places, which is no class; {RIGHT}")
    if depth == 2:
        return Mask(np.ascontiguousarray(pixels[..., 0]))
    rows = max(1, STRIP // pixels.shape[1])  # colours as numbers take eight times the memory of their classes
    parts = [classes_by_colour(pixels[top : top + rows, :, :3]) for top in range(0, len(pixels), rows)]
    if any(part is None for part in parts):
        raise ValueError(
            f"{file.place} is an RGB picture with other colours than those of Pascal VOC's classes; {RIGHT}"
        )
    return Mask(np.concatenate(parts), by_colour=True)
