"""The wall's pictures as one sheet: as they are, and below them the same as red duotones for those gone
wrong."""

import base64
import io

import numpy as np
from PIL import Image

DARK, BRIGHT = np.array([92, 0, 14]), np.array([255, 128, 128])  # the two ends of the duotone
COLUMNS = 12
LARGEST = 96  # pixels; a tile is drawn at this size, so more would only be sent


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


def sheet(images: np.ndarray) -> tuple[str, int]:
    """[N, H, W, 3] uint8 -> a PNG as a data URL, COLUMNS pictures a row, and the side of one picture in it in
    pixels."""
    images = np.stack([fit(image) for image in images]) if len(images) else np.zeros((0, 1, 1, 3), np.uint8)
    side, rows = images.shape[1], -(-len(images) // COLUMNS)
    empty = np.zeros((rows * COLUMNS - len(images), side, side, 3), np.uint8)
    halves = [
        np.concatenate([half, empty]) for half in (images, np.array([duotone(image) for image in images]))
    ]
    tiles = np.concatenate(halves).reshape(2 * rows, COLUMNS, side, side, 3)
    file = io.BytesIO()
    Image.fromarray(tiles.swapaxes(1, 2).reshape(2 * rows * side, COLUMNS * side, 3)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode(), side


def fit(image: np.ndarray) -> np.ndarray:
    """A square picture of at most LARGEST pixels a side: the middle of a larger or longer one."""
    height, width = image.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = image[top : top + short, left : left + short]
    if short <= LARGEST:
        return square
    return np.asarray(Image.fromarray(square).resize((LARGEST, LARGEST), Image.Resampling.BOX))
