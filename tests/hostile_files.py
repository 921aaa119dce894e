"""Files and texts that declare what they do not hold, made anew for a test: small, and harmless wherever they
are opened. Each shows one guard of the readers."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from tests.faults import arrays, png, zipped
from tests.front_door import REPOSITORY

WEIGHTS = REPOSITORY / "assets" / "resnet20-digits.safetensors"
SAVED = REPOSITORY / "tests" / "saved" / "0.1" / "plain"
FOLDERS = {f"{name}/{k}.png": png() for name in "ab" for k in range(3)}


@dataclass(frozen=True)
class Hostile:
    """write: makes it at a path.   door: how a user hands it over: data, weights, recipe, latency, report,
    saved or link.   told: words of the answer."""

    write: Callable[[Path], object]
    door: str
    told: str


HOSTILE: dict[str, Hostile] = {}  # filled below, only read afterwards


def hostile(name: str, door: str, told: str, write: Callable[[Path], object]):
    HOSTILE[name] = Hostile(write, door, told)


def npz(changed: dict[str, bytes] | None = None, how: int = zipfile.ZIP_STORED, **replaced):
    """A right data set but for some arrays, or for an array's bytes."""

    def write(path: Path):
        with zipfile.ZipFile(path, "w", how) as archive:
            for name, array in arrays(**replaced).items():
                content = io.BytesIO()
                np.lib.format.write_array(content, array, allow_pickle=True)
                archive.writestr(f"{name}.npy", (changed or {}).get(name, content.getvalue()))

    return write


def header(text: str, more: bytes = b"") -> dict[str, bytes]:
    """x_train as an array with this header."""
    return {"x_train": b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + more}


def shaped(shape: str, more: bytes = b"") -> dict[str, bytes]:
    return header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}\n", more)


def declaring(write: Callable[[Path], object], name: str, size: int):
    """The same .zip, which says of one of its entries that it unpacks to so many bytes."""

    def written(path: Path):
        write(path)
        with zipfile.ZipFile(path) as archive:
            start = archive.start_dir
        content = bytearray(path.read_bytes())
        place = content.index(name.encode(), start) - 46
        content[place + 24 : place + 28] = struct.pack("<L", size)
        path.write_bytes(content)

    return written


def cut_short(write: Callable[[Path], object], bytes_left: int):
    def written(path: Path):
        write(path)
        path.write_bytes(path.read_bytes()[:bytes_left])

    return written


DEFLATED = zipfile.ZIP_DEFLATED
COLUMNS = np.zeros((40, 300, 2, 3), np.uint8)
MANY = "declares another size than it has"
for name, told, write in (
    ("npz with a million million images", MANY, npz(shaped("(1000000000000, 32, 32, 3)"))),
    ("npz with sides below zero", MANY, npz(shaped("(-40, -8, 8, 3)", bytes(7680)))),
    ("npz whose header breaks off", "no NumPy array", npz(header("{'descr': '|u1', "))),
    ("npz with a header of brackets", "no NumPy array", npz(header("(" * 9000))),
    ("npz of a type that is none", "no NumPy array", npz(header("{'descr': 7, 'shape': (1,)}"))),
    ("npz that declares 3 GiB", "times its size", declaring(npz(how=DEFLATED), "x_train.npy", 3 * 2**30)),
    ("npz stored in more than it has", "another size", declaring(npz(), "x_train.npy", 10**6)),
    ("npz packed by bz2", "unusual way", npz(how=zipfile.ZIP_BZIP2)),
    ("npz of objects", "pickled objects", npz(x_train=np.array([{}], dtype=object))),
    ("npz cut short", "no whole .npz", cut_short(npz(), 3000)),
    ("npz of fractions", "uint8", npz(x_train=np.zeros((40, 8, 8, 3), np.float32))),
    ("npz of columns", "times as long", npz(x_train=COLUMNS[:, :, :1], x_test=COLUMNS[:10, :, :1])),
    ("npz with huge labels", "count the classes", npz(y_train=np.full(40, 2**64 - 1, np.uint64))),
    ("npz with fewer labels", "40 whole numbers", npz(y_train=np.zeros(3, int))),
    ("npz with a name like a book", "letters", npz(classes=np.array(["a" * 5000, "b"]))),
):
    hostile(name, "data", told, write)


def folders(**more: bytes):
    """Class folders, and further entries: {name: content}."""
    return lambda path: zipped(path, FOLDERS | more)


def with_entry(entry: zipfile.ZipInfo, **changed):
    """Class folders, and an entry with some of its fields set."""

    def write(path: Path):
        zipped(path, FOLDERS)
        for field, value in changed.items():
            setattr(entry, field, value)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(entry, png())

    return write


def encrypted(path: Path):
    zipped(path, FOLDERS)
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
    content = bytearray(path.read_bytes())
    content[start + 8] |= 1
    path.write_bytes(content)


def long_list(path: Path):
    """A list of entries of 30 MiB, which is holes."""
    size = 30 * 2**20
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 60_000, 60_000, size, 0, 0))


def damaged(path: Path):
    zipped(path, {name: content + bytes(200) for name, content in FOLDERS.items()})
    content = bytearray(path.read_bytes())
    content[60:64] = b"\0\0\0\0"
    path.write_bytes(content)


def declared_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


OUT = "leads out of it"
for name, told, write in (
    ("zip that climbs out", OUT, folders(**{"../a/x.png": png()})),
    ("zip with a path of its own", OUT, folders(**{"/a/x.png": png()})),
    ("zip with a drive", OUT, folders(**{"C:/a/x.png": png()})),
    ("zip with the other slash", OUT, folders(**{"a\\..\\..\\x.png": png()})),
    ("zip with a link", "a link", with_entry(zipfile.ZipInfo("a/x.png"), external_attr=0o120777 << 16)),
    ("zip with a password", "encrypted", encrypted),
    ("zip with a list of 30 MiB", "200,000 files", long_list),
    ("zip that declares 4 GB", "times its size", declaring(folders(), "a/0.png", 4 * 10**9)),
    ("zip with a broken entry", "no whole .zip", damaged),
    ("zip cut short", "no whole .zip", cut_short(folders(), 500)),
    ("zip with a line in a name", "control characters", folders(**{"a/x\ny.png": png()})),
    ("zip with a name like a book", "letters", folders(**{f"a/{'x' * 5000}.png": png()})),
    ("zip with a letter for a picture", "no image", folders(**{"a/x.png": b"Dear Sir or Madam,"})),
    ("picture cut short", "no image", folders(**{"a/x.png": png()[:60]})),
    ("picture of 49 megapixels", "40 megapixels", folders(**{"a/x.png": declared_png(7000, 7000)})),
    ("picture of 2^62 pixels", "megapixels", folders(**{"a/x.png": declared_png(2**31 - 1, 2**31 - 1)})),
    ("picture like a hair", "times as long", folders(**{"a/x.png": declared_png(1, 10**6)})),
    ("picture of nothing", "no image", folders(**{"a/x.png": declared_png(0, 0)})),
):
    hostile(name, "data", told, write)


def safetensors(told: dict | bytes, body: bytes = b"", length: int | None = None):
    text = told if isinstance(told, bytes) else json.dumps(told).encode()
    return lambda path: path.write_bytes(struct.pack("<Q", length or len(text)) + text + body)


def one(shape: list, end: int, kind: str = "F32") -> dict:
    return {"conv1.weight": {"dtype": kind, "shape": shape, "data_offsets": [0, end]}}


def trained(name: str, change: Callable[[torch.Tensor], torch.Tensor]):
    """The bundled weights but for one tensor."""

    def write(path: Path):
        state = load_file(WEIGHTS)
        save_file(state | {name: change(state[name]).contiguous()}, path)

    return write


NONE = "no whole safetensors"
for name, told, write in (
    ("weights that are not there", NONE, safetensors(one([10**6], 4 * 10**6), bytes(100))),
    ("weights of 2^64 bytes", NONE, safetensors(one([2**62, 4], 0))),
    ("weights with a shape below zero", NONE, safetensors(one([-1], 4), bytes(4))),
    ("weights of a type that is none", NONE, safetensors(one([1], 4, "Q9"), bytes(4))),
    ("weights with a header of brackets", NONE, safetensors(b'{"a":' + b"[" * 5000)),
    ("weights with a header longer than the file", "no PyTorch file", safetensors(b"{}", length=2**40)),
    (
        "weights with a name like a book",
        "letters",
        safetensors({"w" * 5000: one([1], 4)["conv1.weight"]}, bytes(4)),
    ),
    (
        "weights of NaN",
        "27 are NaN",
        trained("conv1.weight", lambda w: w.index_fill(0, torch.tensor([0]), torch.nan)),
    ),
    ("weights without end", "are infinite", trained("bn1.weight", lambda w: w * torch.inf)),
    ("variances below zero", "variances below 0", trained("bn1.running_var", lambda v: -v)),
    ("weights in whole numbers", "floating point", trained("conv1.weight", lambda w: w.long())),
    (
        "weights of another shape",
        "16 x 3 x 5 x 5",
        trained("conv1.weight", lambda w: torch.zeros(16, 3, 5, 5)),
    ),
    (
        "PyTorch weights cut short",
        "no PyTorch file",
        cut_short(lambda p: torch.save({"w": torch.zeros(999)}, p), 2000),
    ),
):
    hostile(name, "weights", told, write)


def text(content: str):
    return lambda path: path.write_text(content)


DEEP = "[" * 100_000
for name, told, write in (
    ("recipe of brackets", "100 deep", text('{"cut": ' + DEEP)),
    ("recipe with NaN", "holds NaN", text('{"cut": NaN}')),
    ("recipe with a number like a book", "too large", text('{"seed": ' + "9" * 50_000 + "}")),
    ("recipe with a list for a number", "give a share", text('{"cut": [0.5]}')),
    ("recipe with a list for a name", "give a name", text('{"repair": ["match"]}')),
    ("recipe with a number for a file", "a file of weights", text('{"checkpoint": 7}')),
    ("recipe for images of a million pixels", "8 to 8,192", text('{"size": 1000000}')),
    ("recipe for a million threads", "1 to 1,024", text('{"threads": 1000000}')),
):
    hostile(name, "recipe", told, write)

hostile("times of brackets", "latency", "no latency table", text(DEEP))
hostile("times of NaN", "latency", "no latency table", text('{"version": 1, "batch": NaN}'))
hostile("report of brackets", "report", "100 deep", text(DEEP))
hostile("report that is a list", "report", "no report of a run", text("[1, 2]"))
hostile("link with a name like a book", "link", "no name", text("data=" + "x" * 5000))
hostile("link with a number like a book", "link", "whole number", text("seed=" + "9" * 5000))
hostile("link for images of a million pixels", "link", "8 to 8,192", text("size=1000000"))


def changed_plan(change: Callable[[dict], object]):
    """A saved network's plan with something in it changed."""

    def write(path: Path):
        plan = json.loads((SAVED / "plan.json").read_text())
        change(plan)
        path.write_text(json.dumps(plan))

    return write


def of_first(value):
    return lambda plan: plan["by_tensor"].update({"layer1.0.conv1.weight": {"0": value}})


for name, told, write in (
    ("plan of brackets", "no plan", text(DEEP)),
    ("plan with channels that are not there", "does not have", changed_plan(of_first([10**6]))),
    ("plan with channels again and again", "does not have", changed_plan(of_first([0] * 100_000))),
    ("plan with words for channels", "no plan", changed_plan(of_first(["all"]))),
    (
        "plan with a list for its changes",
        "no plan",
        changed_plan(lambda plan: plan.update(changes=[["bits"]])),
    ),
):
    hostile(name, "saved", told, write)
