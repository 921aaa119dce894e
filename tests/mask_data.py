"""Pictures with masks, written as people have them: images/ and masks/, or as Pascal VOC."""

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from pruning.data.pascal_palette import IGNORED, palette

SIZES = ((60, 45), (45, 60), (64, 64))  # width, height


def drawn(number: int, size: tuple[int, int] = (32, 32), classes: int = 3) -> tuple[Image.Image, np.ndarray]:
    """A grey picture with a coloured rectangle of class 1, 2 and so on, and its mask with a border of 255."""
    width, height = size
    random = np.random.default_rng(number)
    mask = np.zeros((height, width), np.uint8)
    label = 1 + number % (classes - 1)
    top, left = random.integers(2, height // 3), random.integers(2, width // 3)
    bottom, right = top + height // 2, left + width // 2
    mask[top - 1 : bottom + 1, left - 1 : right + 1] = IGNORED
    mask[top:bottom, left:right] = label
    pixels = random.integers(90, 130, (height, width, 3)).astype(np.uint8)
    pixels[mask == label] = np.array([40, 40, 40]) + 150 * np.eye(3, dtype=int)[label % 3]
    return Image.fromarray(pixels), mask


def palette_png(mask: np.ndarray) -> Image.Image:
    image = Image.fromarray(mask).convert("P")
    image.putpalette(palette().ravel().tolist())
    image.putdata(mask.ravel().tolist())
    return image


def grey_of_two_bits(mask):
    """Written by hand, since Pillow writes no such PNG: classes 0 to 3, the border among class 3."""
    rows = np.where(mask == IGNORED, 3, mask).reshape(len(mask), -1, 4)
    packed = (rows @ np.array([64, 16, 4, 1])).astype(np.uint8)
    lines = b"".join(b"\0" + line.tobytes() for line in packed)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", *mask.shape[::-1], 2, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines)),
    )
    chunks = (
        struct.pack(">I", len(b)) + n + b + struct.pack(">I", zlib.crc32(n + b))
        for n, b in (*parts, (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def save(picture: Image.Image, mask: Image.Image, images: Path, masks: Path, name: str):
    for folder, image, ending in ((images, picture, "jpg"), (masks, mask, "png")):
        folder.mkdir(parents=True, exist_ok=True)
        image.save(folder / f"{name}.{ending}")


def write_masks(folder: Path, number: int = 10, *, size=(32, 32), kind=Image.fromarray) -> Path:
    """images/ and masks/. kind: how a mask is a picture."""
    for k in range(number):
        picture, mask = drawn(k, size)
        save(picture, kind(mask), folder / "images", folder / "masks", f"{k:02}")
    return folder


def write_voc(folder: Path, number: int = 20, sizes=SIZES) -> Path:
    """A folder as Pascal VOC has it: pictures of several sizes, 12 of 20 in train.txt, the others in
    val.txt."""
    names = [f"2026_{k:06}" for k in range(number)]
    for k, name in enumerate(names):
        picture, mask = drawn(k, sizes[k % len(sizes)], classes=5)
        save(picture, palette_png(mask), folder / "JPEGImages", folder / "SegmentationClass", name)
    lists = folder / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    for part, own in (("train", names[: number * 3 // 5]), ("val", names[number * 3 // 5 :])):
        (lists / f"{part}.txt").write_text("\n".join(own) + "\n")
    return folder


def packed(folder: Path, path: Path, wrapper: str = "") -> Path:
    """All files of a folder in a .zip."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            archive.write(file, wrapper + file.relative_to(folder).as_posix())
    return path
