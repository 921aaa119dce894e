"""Small data sets of handwritten digits, written as a user would have them: an .npz, or a folder a class."""

from pathlib import Path

import numpy as np
from PIL import Image

import pruning


def arrays(train: int = 6, test: int = 3, classes: int = 10) -> dict[str, np.ndarray]:
    """x_train, y_train, x_test, y_test with so many images of each class."""
    digits = pruning.load_data("digits")
    found = {}
    for name, part, each in (("train", digits.train, train), ("test", digits.test, test)):
        rows = np.concatenate([np.flatnonzero(part.labels == label)[:each] for label in range(classes)])
        found |= {f"x_{name}": part.images[rows], f"y_{name}": part.labels[rows]}
    return found


def write_npz(path: Path, **sizes: int) -> Path:
    np.savez(path, **arrays(**sizes))
    return path


def write_folders(folder: Path, *, parts: bool = True, side: int = 32) -> Path:
    """Three classes of PNG files, below train/ and test/ or all together."""
    made = arrays(classes=3)
    for part in ("train", "test"):
        for row, (image, label) in enumerate(zip(made[f"x_{part}"], made[f"y_{part}"], strict=True)):
            place = folder / (part if parts else "") / f"digit {label}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).resize((side, side)).save(place / f"{part}-{row}.png")
    return folder
