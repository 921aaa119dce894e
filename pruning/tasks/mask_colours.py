"""Masks as pictures: a colour a class."""

import colorsys

import numpy as np

FEW = (  # ten hues that stay apart, as charts have them, between a dark and a light background
    "#1f77b4 #ff7f0e #2ca02c #d62728 #9467bd #8c564b #e377c2 #bcbd22 #17becf #aec7e8".split()
)
GOLDEN = 0.618034  # of a turn from one further hue to the next, so that near numbers differ most


def class_colours(classes: int = 256) -> np.ndarray:
    """uint8 [classes, 3]: class 0, mostly the background, black; then ten hues, then more of them. The last
    of 256 is light grey: pixels that do not count."""
    named = [tuple(int(text[at : at + 2], 16) for at in (1, 3, 5)) for text in FEW]
    more = [
        tuple(round(255 * part) for part in colorsys.hsv_to_rgb(GOLDEN * k % 1, 0.45 + 0.15 * (k % 4), 0.9))
        for k in range(max(0, classes - 11))
    ]
    table = np.array([(0, 0, 0), *named, *more][:classes], np.uint8)
    if classes == 256:
        table[255] = 224
    return table


def coloured(mask: np.ndarray) -> np.ndarray:
    """uint8 [H, W] class numbers -> uint8 [H, W, 3]."""
    return class_colours()[mask]


def marked(mask: np.ndarray, other: np.ndarray, side: int = 160) -> np.ndarray:
    """The first of two masks, uint8 [h, w] each, as a picture of `side` pixels or more, at least five for
    each of the mask; wherever the other one says something else there is a square, white within black.
    Returns uint8 [s h, s w, 3]."""
    each = max(5, side // max(mask.shape))  # pixels of the picture for one of the mask
    picture = coloured(mask).repeat(each, axis=0).repeat(each, axis=1)
    differs = (mask != other).repeat(each, axis=0).repeat(each, axis=1)
    place = np.minimum(np.arange(each), np.arange(each)[::-1])  # of every pixel from the edge of its square
    inwards = np.minimum(place[:, None], place[None, :])
    inwards = np.tile(inwards, mask.shape)
    edge = max(1, each // 4)
    picture[differs & (inwards >= edge)] = 0
    picture[differs & (inwards > edge) | differs & (inwards >= (each - 1) // 2)] = 255
    return picture
