"""The wall's pictures as one sheet: as they are, and below them the same as red duotones for those gone
wrong; and, a sheet a cut, the masks that lie over them or the pictures that they became."""

import base64
import io

import numpy as np
from PIL import Image

from pruning.tasks.mask_colours import class_colours

DARK, BRIGHT = np.array([92, 0, 14]), np.array([255, 128, 128])  # the two ends of the duotone
COLUMNS = 12
LARGEST = 96  # pixels; a tile is drawn at this size, so more would only be sent
MASK = 48  # pixels a side of a mask: forty sheets are sent of a wall


def duotone(image: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8 -> the same in reds, along the picture's own main colour axis and with its contrast
    stretched.

    A plain tint would hide a digit that differs from its background in colour and not in brightness."""
    pixels = image.reshape(-1, 3).astype(float)
    centred = pixels - pixels.mean(axis=0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    values = centred @ (axis if axis.sum() >= 0 else -axis)
    low, high = np.percentile(values, [3, 97])
    share = np.clip((values - low) / (high - low + 1e-6), 0, 1).reshape(*image.shape[:2], 1)
    return (DARK * (1 - share) + BRIGHT * share).astype(np.uint8)


def sheet(images: np.ndarray, masks: bool = False) -> tuple[str, int]:
    """[N, H, W, 3] uint8 -> a PNG as a data URL, COLUMNS pictures a row, and the side of one picture in it in
    pixels: below them the same in reds; or, where masks will lie over them, in greys alone, so that colours
    are classes."""
    images = np.stack([fit(image) for image in images]) if len(images) else np.zeros((0, 1, 1, 3), np.uint8)
    halves = [np.array([grey(image) for image in images])] if masks else [images]
    halves += [] if masks else [np.array([duotone(image) for image in images])]
    tiled = np.concatenate([tiles(half) for half in halves])
    return address(Image.fromarray(tiled)), images.shape[1]


def picture_sheet(pictures: np.ndarray) -> str:
    """uint8 [N, h, w, 3] -> a JPEG as a data URL, laid out as `sheet`."""
    return address(Image.fromarray(tiles(np.stack([fit(one) for one in pictures]))), "JPEG", quality=90)


def grey(image: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8 -> [H, W]: brightness as the eye has it, without the darkest and the brightest."""
    return (40 + image @ np.array([0.299, 0.587, 0.114]) * 0.75).astype(np.uint8)


def mask_sheet(masks: np.ndarray) -> str:
    """uint8 [N, h, w], class numbers -> a PNG as a data URL, laid out as `sheet`, in the classes' colours;
    the first class, mostly the background, is transparent."""
    picture = Image.fromarray(tiles(np.stack([fit_mask(mask) for mask in masks])), "P")
    colours = class_colours()[: int(masks.max(initial=0)) + 1]
    picture.putpalette(colours.ravel().tolist())
    return address(picture, transparency=0, optimize=True)


def tiles(pictures: np.ndarray) -> np.ndarray:
    """[N, s, s, ...] -> [rows s, COLUMNS s, ...]: COLUMNS pictures a row, zeros behind the last."""
    side, rows = pictures.shape[1], -(-len(pictures) // COLUMNS)
    empty = np.zeros((rows * COLUMNS - len(pictures), *pictures.shape[1:]), np.uint8)
    filled = np.concatenate([pictures, empty]).reshape(rows, COLUMNS, *pictures.shape[1:])
    return filled.swapaxes(1, 2).reshape(rows * side, COLUMNS * side, *pictures.shape[3:])


def address(picture: Image.Image, kind: str = "PNG", **how) -> str:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return f"data:image/{kind.lower()};base64," + base64.b64encode(file.getvalue()).decode()


def square(picture: np.ndarray) -> np.ndarray:
    """The middle of a longer one."""
    height, width = picture.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    return picture[top : top + short, left : left + short]


def fit(image: np.ndarray) -> np.ndarray:
    """A square picture of at most LARGEST pixels a side: the middle of a larger or longer one."""
    image = square(image)
    if len(image) <= LARGEST:
        return image
    return np.asarray(Image.fromarray(image).resize((LARGEST, LARGEST), Image.Resampling.BOX))


def fit_mask(mask: np.ndarray) -> np.ndarray:
    """As `fit`, of at most MASK pixels a side, with no class that was not there."""
    mask = square(mask)
    if len(mask) <= MASK:
        return mask
    places = (np.arange(MASK) + 0.5) * len(mask) // MASK
    return mask[np.ix_(places.astype(int), places.astype(int))]
