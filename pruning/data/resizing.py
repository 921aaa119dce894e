"""Images of any size made square and of one size: the shorter side resized, then the centre cropped; and
where the pixels of one that is moved come from."""

import numpy as np


def fit_to(images: np.ndarray, size: int | None) -> np.ndarray:
    """uint8 [N, H, W, 3] -> uint8 [N, size, size, 3]; size None is the shorter side as it is."""
    size = size or min(images.shape[1:3])
    if images.shape[1:3] == (size, size):
        return images
    from PIL import Image

    return np.stack([square(Image.fromarray(image), size) for image in images])


def square(image, size: int) -> np.ndarray:
    """A Pillow image -> uint8 [size, size, 3]. Pillow resizes in integers: the same pixels everywhere."""
    from PIL import Image

    width, height = image.size
    scale = size / min(width, height)
    width, height = max(size, round(width * scale)), max(size, round(height * scale))
    resized = image.resize((width, height), Image.Resampling.BILINEAR) if scale != 1 else image
    left, top = (width - size) // 2, (height - size) // 2
    return np.asarray(resized.crop((left, top, left + size, top + size)))


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
