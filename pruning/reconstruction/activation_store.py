"""What forward passes that pause hold of their activations: in memory within a budget, the rest on disk.

A paused pass keeps its Python frames, and with them its tensors. Beyond the budget the bytes behind these
tensors are written to a file as they are, in full precision, and read back before the pass goes on: views
and tensors that share memory stay what they are. Nothing is rounded, so the budget changes no result.
"""

import ctypes
import os
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil
import torch
from torch import Tensor

from pruning.latency.freed_memory import give_back_freed_memory
from pruning.number_checks import share

BUDGET = "PRUNING_ACTIVATION_MIB"  # environment variable: MiB that may be held in memory
LIMIT = "PRUNING_LIMIT_MEMORY"  # environment variable: GiB that a worker of the app may use in all
SHARE = 0.1  # of the memory that is free: workers beside this one take theirs
OF_LIMIT = 0.25  # of what a worker may use
LEAST = 64 * 2**20
MOST = 2.0**30  # MiB
TRIM = 2**28, 2**31  # bytes parked after which what is free goes back to the system: the budget, within these
SMALL = 2**16  # bytes: what is smaller stays in memory


def budget(device: torch.device | str = "cpu") -> int:
    """Bytes of activations that paused passes may hold in memory: as the environment says, else a tenth of
    what is free now where the network computes, and at most a quarter of what a worker may use. Raises
    ValueError for a number that is none."""
    if told := os.environ.get(BUDGET):
        try:
            share(mib := float(told), BUDGET, most=MOST)
            return int(mib * 2**20)
        except ValueError:
            raise ValueError(f"{BUDGET} is {told!r}; give a number of MiB, such as 512") from None
    most = int(SHARE * free_memory(device))
    if limit := os.environ.get(LIMIT):  # a number: the app has looked at it
        most = min(most, int(OF_LIMIT * float(limit) * 2**30))
    return max(LEAST, most)


def free_memory(device: torch.device | str = "cpu") -> int:
    """Bytes that can be had: of the device, or of the machine and of the control group that it runs in."""
    if torch.device(device).type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = psutil.virtual_memory().available
    group = Path("/sys/fs/cgroup")
    try:
        most = int((group / "memory.max").read_text())
        return min(free, max(0, most - int((group / "memory.current").read_text())))
    except (OSError, ValueError):  # no such group, or one without a limit
        return free


@dataclass(eq=False)
class Parked:
    """What a paused pass left.   stays: all of it in memory.   away: what lies in the file, with its size."""

    bytes: int
    stays: bool
    away: list[tuple[torch.UntypedStorage, int]] = field(default_factory=list)


class ActivationStore:
    """budget: bytes that stay in memory.   protected: tensors that are never written away, a network's own.

    held, written: bytes that are in memory and on disk now. Usable from several threads. Raises ValueError
    where the disk has no room."""

    def __init__(self, budget: int, protected: Iterable[Tensor]):
        self.budget, self.lock = budget, threading.Lock()
        self.trim = min(max(TRIM[0], budget), TRIM[1])
        self.protected = {place for tensor in protected if (place := _place(tensor))}
        self.held = self.written = self.most = self.most_written = self.since = 0

    def park(self, tensors: Iterable[Tensor], file: "Scratch") -> Parked:
        """Takes account of what lives, and writes it to the file where it does not fit."""
        found: dict[int, torch.UntypedStorage] = {}
        for tensor in tensors:
            place = _place(tensor)
            if place and place not in self.protected:
                found[place] = tensor.untyped_storage()
        sizes = {place: storage.nbytes() for place, storage in found.items()}
        total = sum(sizes.values())
        with self.lock:
            parked = Parked(total, stays=self.held + total <= self.budget)
            if parked.stays:
                self.held += parked.bytes
            else:
                self.written += parked.bytes
            self.most = max(self.most, self.held + self.written)
            self.most_written = max(self.most_written, self.written)
        if not parked.stays:
            parked.away = [
                (storage, sizes[place])
                for place, storage in found.items()
                if sizes[place] >= SMALL and storage.resizable()
            ]
            file.write(storage for storage, _ in parked.away)
            for storage, _ in parked.away:
                storage.resize_(0)
        self._trim(parked.bytes)
        return parked

    def told(self) -> list[str]:
        """A sentence where something was written."""
        if not self.most_written:
            return []
        most, written = (round(number / 2**20) for number in (self.most, self.most_written))
        return [
            f"activations of both networks took up to {most:,} MiB at once, of which {written:,} lay in "
            f"temporary files ({BUDGET} says how many may stay in memory)"
        ]

    def _trim(self, freed: int):
        """Every so many bytes that passes have made and let go of, what is free goes back to the system: it
        lies between what stays, in pieces that the next activations do not fit into."""
        with self.lock:
            self.since += freed
            if self.since < self.trim:
                return
            self.since = 0
        give_back_freed_memory()

    def fetch(self, parked: Parked, file: "Scratch"):
        """Everything is in memory again."""
        with self.lock:
            if parked.stays:
                self.held -= parked.bytes
            else:
                self.written -= parked.bytes
        for storage, size in parked.away:
            storage.resize_(size)
        if parked.away:
            file.read(storage for storage, _ in parked.away)


class Scratch:
    """A file of one paused pass, made when it is first needed; gone when it is closed."""

    def __init__(self):
        self.file: IO[bytes] | None = None

    def write(self, storages: Iterable[torch.UntypedStorage]):
        try:
            if self.file is None:
                self.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (lives as long as the pass)
            self.file.seek(0)
            for storage in storages:
                held = _on_processor(storage)
                left = _view(held)
                while left:
                    left = left[self.file.write(left) :]
        except OSError as error:
            raise ValueError(
                f"activations do not fit into memory, nor on disk in {tempfile.gettempdir()} ({error}); use "
                f"fewer images, or more memory by {BUDGET}"
            ) from error

    def read(self, storages: Iterable[torch.UntypedStorage]):
        assert self.file is not None
        self.file.seek(0)
        for storage in storages:
            here = storage.device.type == "cpu"
            held = storage if here else torch.UntypedStorage(storage.nbytes())
            left = _view(held)
            while left:
                left = left[self.file.readinto(left) :]  # type: ignore[attr-defined]
            if not here:
                storage.copy_(held)

    def close(self):
        if self.file is not None:
            self.file.close()


def _on_processor(storage: torch.UntypedStorage) -> torch.UntypedStorage:
    return storage if storage.device.type == "cpu" else storage.cpu()


def _view(storage: torch.UntypedStorage) -> memoryview:
    """Its bytes. Not by NumPy: a storage that it has seen can't be resized any more."""
    return memoryview((ctypes.c_char * storage.nbytes()).from_address(storage.data_ptr())).cast("B")


def _place(tensor: Tensor) -> int:
    """Where its memory begins; 0 where it has none of the plain kind."""
    try:
        return tensor.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):  # sparse and other layouts
        return 0
