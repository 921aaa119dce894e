"""Where torch computes: which devices a machine has, how one is chosen, and what differs between them.

Importing this loads no torch.
"""

import ctypes
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

AUTO = "auto"
FIRST = ("cuda", "mps")  # what AUTO takes before the processor, where there is one
DRIVERS = {"Linux": ("libcuda.so.1",), "Windows": ("nvcuda.dll",)}  # without which torch finds no CUDA device
AMD = Path("/dev/kfd")  # what torch's builds for AMD, whose devices are called cuda too, compute through
WITHOUT_DOUBLE = ("mps",)  # device types without float64


def chosen(name: str) -> str:
    """The name itself; for AUTO the one it stands for on this machine: cuda, else mps, else cpu.

    Torch is asked only where there is a sign of a device: the app's first paint goes without it."""
    if name != AUTO:
        return name
    if "torch" not in sys.modules and not _sign():
        return "cpu"
    import torch

    found = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    return next((name for name in FIRST if found[name]()), "cpu")


@cache
def _sign() -> bool:
    """Whether this machine may have a device that AUTO takes before the processor."""
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return False
    for library in DRIVERS.get(platform.system(), ()):
        try:
            ctypes.CDLL(library)
            return True
        except OSError:
            pass
    return AMD.exists()


def usable(name: str) -> "torch.device":
    """The device of that name. Raises ValueError that says which there are, where this one is not."""
    import torch

    there = ", ".join(present())
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"there is no device {name!r}; give device=auto, or one of {there}") from None
    known = {torch.device(other).type for other in present()}
    if device.type not in known or (device.index or 0) >= _count(device.type):
        raise ValueError(f"there is no device {name!r} on this machine; give device=auto, or one of {there}")
    return device


def present() -> list[str]:
    """The devices of this machine, by name: cpu, and what torch can compute on beside it."""
    import torch

    beside = torch.accelerator.current_accelerator(check_available=True)
    if beside is None:
        return ["cpu"]
    number = _count(beside.type)
    return ["cpu", *([f"{beside.type}:{k}" for k in range(number)] if number > 1 else [beside.type])]


def _count(kind: str) -> int:
    import torch

    return 1 if kind == "cpu" else torch.get_device_module(kind).device_count()


def in_words(name: str) -> str:
    """A device by name, with what computes there; a processor is the one that everybody knows of. Raises
    ValueError where there is no such device."""
    device = usable(name)
    return name if device.type == "cpu" else f"{name} ({called(device)})"


def called(device: "torch.device") -> str:
    """The name of what computes there: a processor's or a device's own."""
    import torch

    name = getattr(torch.get_device_module(device), "get_device_name", None)
    if device.type != "cpu" and name is not None:
        return name(device)
    told = Path("/proc/cpuinfo")  # Linux; elsewhere the processor has the name that Python knows
    lines = told.read_text().splitlines() if told.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def of_network(model: "nn.Module") -> "tuple[torch.device, torch.dtype]":
    """Where a network's parameters are, and the precision of its weights; where it has none, what torch would
    make a new tensor of."""
    import torch

    device = next((p.device for p in model.parameters()), torch.get_default_device())
    floats = (p.dtype for p in model.parameters() if p.is_floating_point())
    return device, next(floats, torch.get_default_dtype())


def wait_for(device: "torch.device"):
    """Until the device has done what it was asked for; a processor always has."""
    import torch

    if device.type != "cpu":
        torch.get_device_module(device).synchronize(*_which(device))


@contextmanager
def seeded(seed: int, device: "torch.device | str") -> Iterator[None]:
    """Inside, torch's random numbers follow from the seed, the processor's and the device's; afterwards the
    caller's go on where they were."""
    import torch

    before = random_states(device)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        set_random_states(before, device)


def random_states(device: "torch.device | str") -> "dict[str, Tensor]":
    """Where torch's random numbers are: the processor's, and where it is another one the device's."""
    import torch

    found, device = {"torch's random numbers": torch.get_rng_state()}, torch.device(device)
    if device.type != "cpu":
        found["the device's random numbers"] = torch.get_device_module(device).get_rng_state(*_which(device))
    return found


def set_random_states(states: "Mapping[str, Tensor]", device: "torch.device | str"):
    """Goes back to what `random_states` told. What is not told stays."""
    import torch

    device = torch.device(device)
    torch.set_rng_state(states["torch's random numbers"])
    if device.type != "cpu" and (own := states.get("the device's random numbers")) is not None:
        torch.get_device_module(device).set_rng_state(own, *_which(device))


def _which(device: "torch.device") -> tuple:
    """How torch is told which device of its kind: of MPS there is one, and it takes no word for it."""
    return () if device.type == "mps" else (device,)


def for_double(values: "Tensor") -> "Tensor":
    """The values where float64 can be computed: themselves, or a copy on the processor where their device has
    none, as Apple's (MPS)."""
    return values.cpu() if values.device.type in WITHOUT_DOUBLE else values
