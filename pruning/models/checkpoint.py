"""Reading weights from files that nobody vouches for, and writing them.

Safetensors hold nothing but tensors and are read here. Everything else is unpickled by a child process that
may take a limited amount of memory and may build tensors only; what it hands back is safetensors again
(`read_state_dict.py`).
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

READER = Path(__file__).with_name("read_state_dict.py")
SECONDS = 120  # a state dict of a gigabyte takes a few
LARGEST = 4 * 2**30  # bytes; the largest of torchvision's classifiers has 1.3 GB


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
    if not path.is_file():
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
    return found


def is_safetensors(path: Path) -> bool:
    """A safetensors file begins with the length of its header in 8 bytes, and the header with a brace."""
    with path.open("rb") as file:
        start = file.read(9)
    return (
        len(start) == 9 and start[8:] == b"{" and int.from_bytes(start[:8], "little") <= path.stat().st_size
    )


def read_safetensors(path: Path) -> "tuple[dict[str, Tensor], dict[str, str]]":
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name).clone() for name in file.keys()}, dict(file.metadata() or {})
    except (SafetensorError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path.name} is no whole safetensors file ({error}); give one that was written completely"
        ) from None


def read_in_child(path: Path) -> Checkpoint:
    """Has a child process unpickle the file. -P: modules are not looked for beside the child's script."""
    from safetensors.torch import load

    command = [sys.executable, "-P", str(READER), str(path.resolve())]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise ValueError(
            f"{path.name} took over {SECONDS} s to read; give a file with the weights alone"
        ) from None
    if done.returncode == 2:
        raise ValueError(f"{path.name} {done.stderr.decode(errors='replace').strip()}")
    if done.returncode != 0:
        raise ValueError(
            f"{path.name} cannot be read within the memory its size allows; "
            "give a state dict of dense tensors"
        )
    length = int.from_bytes(done.stdout[:8], "little")  # of the header, which torch's own reader passes over
    told = json.loads(done.stdout[8 : 8 + length])["__metadata__"]
    return Checkpoint(load(done.stdout), {}, told["taken"], tuple(json.loads(told["others"])))


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
