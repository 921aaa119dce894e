"""Pascal VOC's classes and the colours that its masks show them in."""

import numpy as np

CLASSES = tuple(
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike "
    "person pottedplant sheep sofa train tvmonitor".split()
)
IGNORED = 255  # the border of objects, in light grey


def palette() -> np.ndarray:
    """uint8 [256, 3]: bit 0 of a class number is the highest bit of red, bit 1 that of green, bit 2 that of
    blue, bit 3 the second highest of red, and so on."""
    numbers = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for place in range(8):
        for channel in range(3):
            colours[:, channel] |= ((numbers >> (3 * place + channel) & 1) << (7 - place)).astype(np.uint8)
    return colours


def classes_by_colour(pixels: np.ndarray) -> np.ndarray | None:
    """uint8 [H, W] class numbers of a mask that was saved by its colours, uint8 [H, W, 3]; None where one of
    them is no colour of VOC's 21 classes or of what does not count."""
    numbers = np.array([*range(len(CLASSES)), IGNORED], np.uint8)
    known = as_number(palette()[numbers])
    order = np.argsort(known)
    seen = as_number(pixels)
    place = np.searchsorted(known[order], seen).clip(max=len(numbers) - 1)
    found = order[place]
    return numbers[found] if (known[found] == seen).all() else None


def as_number(colours: np.ndarray) -> np.ndarray:
    """uint8 [..., 3] -> int64 [...], another number for every colour."""
    return colours.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
