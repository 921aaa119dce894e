"""Images of any size made square and of one size: the shorter side resized, then the centre cropped; or,
with masks, the longer side scaled down and the rest filled; and where the pixels of one that is moved come
from."""

import numpy as np

from pruning.tasks import IGNORED

LARGEST = 16 * 2**30  # bytes of resized images, as of a folder on this machine


def fit_to(images: np.ndarray, size: int | None) -> np.ndarray:
    """uint8 [N, H, W, 3] -> uint8 [N, size, size, 3]; size None is the shorter side as it is."""
    size = size or min(images.shape[1:3])
    if images.shape[1:3] == (size, size):
        return images
    if 3 * len(images) * size**2 > LARGEST:
        raise ValueError(
            f"{len(images):,} images of {size} x {size} pixels take more than {LARGEST // 2**30} GiB; give "
            "a smaller size, or fewer images"
        )
    from PIL import Image

    resized = np.empty((len(images), size, size, 3), np.uint8)
    for row, image in enumerate(images):
        resized[row] = square(Image.fromarray(image), size)
    return resized


def square(image, size: int) -> np.ndarray:
    """A Pillow image -> uint8 [size, size, 3]. Pillow resizes in integers: the same pixels everywhere."""
    from PIL import Image

    width, height = image.size
    scale = size / min(width, height)
    width, height = max(size, round(width * scale)), max(size, round(height * scale))
    resized = image.resize((width, height), Image.Resampling.BILINEAR) if scale != 1 else image
    left, top = (width - size) // 2, (height - size) // 2
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def nearest_from(size: tuple[int, int], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows [side] and columns [side] of images of a size (H, W) that `square` has nearest to each pixel of
    its result: for what must not be mixed, such as class numbers."""
    height, width = size
    scale = side / min(height, width)
    found = []
    for own in (height, width):
        scaled = max(side, round(own * scale))
        halves = 2 * (np.arange(side) + (scaled - side) // 2) + 1  # twice the middle of a pixel: exact
        found.append(halves * own // (2 * scaled))
    return found[0], found[1]


def fit_within(image, mask: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A Pillow image in RGB and its mask, uint8 [H, W] -> uint8 [size, size, 3] and [size, size], as DeepLab
    has them: where its longer side is above `size`, scaled down to it (the mask by nearest pixels); then
    filled up to the right and below, the image with its mean colour, the mask with what does not count."""
    from PIL import Image

    longer = max(image.size)
    if longer > size:
        scaled = tuple(max(1, round(side * size / longer)) for side in image.size)
        image = image.resize(scaled, Image.Resampling.BILINEAR)
        mask = np.asarray(Image.fromarray(mask).resize(scaled, Image.Resampling.NEAREST))
    pixels = np.asarray(image)
    height, width = mask.shape
    filled = np.empty((size, size, 3), np.uint8)
    filled[:] = np.round(pixels.mean((0, 1)))
    filled[:height, :width] = pixels
    counted = np.full((size, size), IGNORED, np.uint8)
    counted[:height, :width] = mask
    return filled, counted


def moved_from(
    random: np.random.Generator, number: int, size: tuple[int, int], *, shift: int, flips: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Rows [N, H] and columns [N, W] that each image takes its own from: moved by up to `shift` pixels either
    way, its edge repeated where it left, and mirrored every second time where `flips`. size: H, W."""
    height, width = size
    down, right = random.integers(-shift, shift + 1, (2, number, 1))
    rows = np.clip(np.arange(height) + down, 0, height - 1)
    columns = np.clip(np.arange(width) + right, 0, width - 1)
    if flips:
        columns = np.where(random.random((number, 1)) < 0.5, columns[:, ::-1], columns)
    return rows, columns
