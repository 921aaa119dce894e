"""Reading weights from files that nobody vouches for, and writing them.

Safetensors hold nothing but tensors and are read here. Everything else is unpickled by a child process that
may take a limited amount of memory and may build tensors only, and hands them over one by one
(`read_state_dict.py`). Either process holds them once.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pruning.error_messages import first_line
from pruning.untrusted.zips import shortened

if TYPE_CHECKING:
    from torch import Tensor

READER = Path(__file__).with_name("read_state_dict.py")
SECONDS = 120  # a state dict of a gigabyte takes a few
LARGEST = 4 * 2**30  # bytes; the largest of torchvision's classifiers has 1.3 GB
HEADER = 16 * 2**20  # bytes of a list of tensors; torchvision's longest has 0.1 MB
TENSORS, LETTERS = 100_000, 400  # how many there may be, and how long their names
SIDES = 8, 8192  # of images, in pixels
SENTENCE = 1000  # bytes that are read of what the child says


@dataclass(frozen=True)
class Checkpoint:
    """state: tensors by the names that the file gives them.   metadata: texts from a safetensors header.
    taken: under which name a PyTorch file holds them, empty where they are all that it is.   others: names of
    further weights in it."""

    state: "Mapping[str, Tensor]"
    metadata: Mapping[str, str]
    taken: str = ""
    others: tuple[str, ...] = ()


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Reads a safetensors file or a PyTorch state dict, in the zip or the older format.

    Raises ValueError in one sentence if there is no such file, or it holds anything but tensors, or tensors
    that take more than their share of memory.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder; give one file with the weights, not in shards")
    if not os.path.isfile(path):  # also for a name that no file can have
        raise ValueError(f"there is no checkpoint {path}; give a safetensors file or a PyTorch state dict")
    if path.stat().st_size > LARGEST:
        raise ValueError(
            f"{path.name} is larger than {LARGEST // 2**30} GiB; give a file with the weights alone"
        )
    found = Checkpoint(*read_safetensors(path)) if is_safetensors(path) else read_in_child(path)
    if not found.state:
        raise ValueError(
            f"{path.name} holds no tensors; give a state dict, as torch.save(model.state_dict(), file) does"
        )
    if len(found.state) > TENSORS:
        raise ValueError(
            f"{path.name} holds {len(found.state):,} tensors; a network's weights are at most {TENSORS:,}"
        )
    if longest := next((name for name in found.state if len(name) > LETTERS), ""):
        raise ValueError(
            f"{path.name} has a tensor {shortened(longest)}; give names of at most {LETTERS} letters"
        )
    return found


def is_safetensors(path: Path) -> bool:
    """A safetensors file begins with the length of its header in 8 bytes, and the header with a brace."""
    with path.open("rb") as file:
        start = file.read(9)
    return (
        len(start) == 9 and start[8:] == b"{" and int.from_bytes(start[:8], "little") <= path.stat().st_size
    )


def header_size(path: Path) -> int:
    """Bytes of a safetensors file's list of tensors, as it says itself."""
    with path.open("rb") as file:
        return int.from_bytes(file.read(8), "little")


def read_safetensors(path: Path) -> "tuple[dict[str, Tensor], dict[str, str]]":
    from safetensors import SafetensorError, safe_open

    if header_size(path) > HEADER:
        raise ValueError(
            f"{path.name} lists its tensors in more than {HEADER // 2**20} MiB; give weights alone"
        )
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name).clone() for name in file.keys()}, dict(file.metadata() or {})
    except (SafetensorError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path.name} is no whole safetensors file ({first_line(error)}); give one that was written "
            "completely"
        ) from None


def header_of(path: Path) -> dict[str, str]:
    """What a safetensors file says beside its tensors, which are not read; nothing of any other file."""
    from safetensors import SafetensorError, safe_open

    if not is_safetensors(path) or header_size(path) > HEADER:
        return {}
    try:
        with safe_open(path, framework="np") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError):
        return {}


def recorded_size(metadata: "Mapping[str, str]") -> int | None:
    """The side of the images that a file says its weights were trained on; None where it says none that
    images have."""
    told = metadata.get("size", "")
    known = told.isascii() and told.isdigit() and len(told) < 6
    return int(told) if known and SIDES[0] <= int(told) <= SIDES[1] else None


def read_in_child(path: Path) -> Checkpoint:
    """Has a child process unpickle the file. -P: modules are not looked for beside the child's script."""
    command = [sys.executable, "-P", str(READER), str(path.resolve())]
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
        ) as child:
            watchdog = threading.Timer(SECONDS, child.kill)
            watchdog.start()
            found = handed_over(child.stdout)
        late = not watchdog.is_alive()
        watchdog.cancel()
        said.seek(0)
        sentence = said.read(SENTENCE).decode(errors="replace").strip()
    if late:
        raise ValueError(f"{path.name} took over {SECONDS} s to read; give a file with the weights alone")
    if child.returncode == 2:
        raise ValueError(f"{path.name} {sentence}")
    if child.returncode != 0 or found is None:
        raise ValueError(
            f"{path.name} cannot be read within the memory its size allows; "
            "give a state dict of dense tensors"
        )
    return found


def handed_over(stream: IO[bytes]) -> Checkpoint | None:
    """What the child writes; None where it broke off."""
    import torch

    line = stream.readline(HEADER)
    if not line.endswith(b"\n"):
        return None
    told = json.loads(line)
    state = {}
    for name, kind, shape in told["tensors"]:
        state[name] = torch.empty(shape, dtype=getattr(torch, kind))
        stored = torch.empty(0, dtype=torch.uint8).set_(state[name].untyped_storage())
        if stream.readinto(memoryview(stored.numpy())) != len(stored):  # type: ignore[attr-defined] # it is buffered
            return None
    return Checkpoint(state, {}, told["taken"], tuple(told["others"]))


def write_checkpoint(path: str | Path, state: "Mapping[str, Tensor]", metadata: Mapping[str, str]) -> Path:
    """Writes safetensors with `metadata` in the header; only a whole file replaces one of that name."""
    from safetensors.torch import save_file

    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent}; make it, or write {path.name} elsewhere")
    partial = path.with_name(path.name + ".partial")
    try:
        save_file(
            {name: tensor.cpu().contiguous() for name, tensor in state.items()}, partial, dict(metadata)
        )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
