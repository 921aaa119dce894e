"""Files that are not what they say, made anew for a test: what a user, or somebody worse, may hand over."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

NOISE = np.random.default_rng(0).bytes(5000)
FAULTY: dict[str, Callable[[Path], None]] = {}  # file name -> writes it; filled below, only read afterwards


def faulty(name: str):
    def register(write):
        FAULTY[name] = write
        return write

    return register


class RunsCode:
    """Unpickled, it leaves a file named `ran` in the folder it was made for."""

    def __init__(self, folder: Path):
        self.command = f"touch {folder / 'ran'}"

    def __reduce__(self):
        return os.system, (self.command,)


def arrays(**changed) -> dict[str, np.ndarray]:
    """A right .npz data set of 40 tiny images in two classes, but for what is changed."""
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(40, dtype=np.int64) % 2
    right = {"x_train": images, "y_train": labels, "x_test": images[:10], "y_test": labels[:10]}
    return {name: value for name, value in (right | changed).items() if value is not None}


def png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(arrays()["x_train"][0]).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(path: Path, members: dict[str, bytes]):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


for ending in ("safetensors", "pth", "npz", "zip", "json"):
    faulty(f"noise.{ending}")(lambda path: path.write_bytes(NOISE))


@faulty("code.pth")
def _(path):
    path.write_bytes(pickle.dumps({"conv1.weight": RunsCode(path.parent)}, protocol=2))


@faulty("code.npz")
def _(path):
    np.savez(path, **arrays(x_train=np.array([RunsCode(path.parent)], dtype=object)))


@faulty("other-network.safetensors")
def _(path):
    save_file({"features.0.weight": np.zeros((8, 3, 3, 3), np.float32)}, path)


@faulty("no-x-test.npz")
def _(path):
    np.savez(path, **arrays(x_test=None))


@faulty("floats.npz")
def _(path):
    np.savez(path, **arrays(x_train=np.zeros((40, 8, 8, 3), np.float32)))


@faulty("channels-first.npz")
def _(path):
    np.savez(path, **arrays(x_train=np.zeros((40, 3, 8, 8), np.uint8)))


@faulty("one-class.npz")
def _(path):
    np.savez(path, **arrays(y_train=np.zeros(40, np.int64), y_test=np.zeros(10, np.int64)))


@faulty("climbs-out.zip")
def _(path):
    zipped(path, {"cat/1.png": png(), "dog/1.png": png(), "../escaped.png": png()})


@faulty("no-image.zip")
def _(path):
    zipped(path, {"cat/1.png": png(), "dog/1.png": b"this is a letter, not a picture"})


@faulty("empty-class.zip")
def _(path):
    zipped(path, {"cat/1.png": png(), "dog/": b""})


@faulty("bomb.zip")
def _(path):
    zipped(path, {"cat/1.png": png(), "dog/1.png": bytes(300_000_000)})


@faulty("list.json")
def _(path):
    path.write_text("[1, 2]")


@faulty("unknown-field.json")
def _(path):
    path.write_text('{"model": "resnet20", "cutt": 0.5}')
