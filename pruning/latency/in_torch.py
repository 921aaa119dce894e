"""How layers and whole networks are timed in torch itself, and what a runtime is to be timed like it."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import torch

from pruning.devices import called
from pruning.latency.calls import Call
from pruning.latency.table import Machine
from pruning.latency.timing import own_clock
from pruning.models.module_modes import evaluating
from pruning.progress import Watch

BLOCKS = {"AVX512": 16, "AVX2": 8, "DEFAULT": 4}  # float32 numbers in a register, by torch's own name
Timed = Callable[[], object]  # one pass


class Runtime(Protocol):
    """shares: of every group, gone from networks that a table's four numbers are fitted on; the first is
    0.   aligned: as a table has it."""

    shares: tuple[float, ...]
    aligned: int

    def place(self, device: torch.device) -> torch.device:
        """Where it computes, for a network on this device."""

    def machine(self, device: torch.device) -> Machine: ...

    def clock(self, device: torch.device) -> Callable[[], float]:
        """Seconds, as its passes are timed."""

    def layer(self, call: Call, device: torch.device) -> Timed:
        """Raises ValueError in one sentence where it can't compute such a layer."""

    def networks(self, models: Sequence, inputs: tuple, watch: Watch) -> list[Timed]:
        """On these inputs, ready to be timed in turns."""


class InTorch:
    """As PyTorch computes without being told more, on the device that the network is on."""

    shares: tuple[float, ...] = (0.0, 0.3, 0.5, 0.75)
    aligned = 1

    def place(self, device: torch.device) -> torch.device:
        return device

    def machine(self, device: torch.device) -> Machine:
        return machine(device)

    def clock(self, device: torch.device) -> Callable[[], float]:
        return own_clock(device)

    def layer(self, call: Call, device: torch.device) -> Timed:
        return call.on(device)

    def networks(self, models: Sequence, inputs: tuple, watch: Watch) -> list[Timed]:
        return [partial(_pass, model, inputs) for model in models]


def _pass(model, inputs: tuple):
    with evaluating(model), torch.no_grad():
        return model(*inputs)


def machine(device: torch.device, runtime: str = "") -> Machine:
    """runtime: name and version of another one than torch."""
    where = (called(device), os.cpu_count() or 1, torch.get_num_threads(), device.type, torch.__version__)
    return Machine(*where, runtime)


def block_of(device: torch.device) -> int:
    """Channels that are computed at a time: float32 numbers in a register; on CUDA those of a tensor core."""
    if device.type == "cuda":
        return 8
    return BLOCKS.get(torch.backends.cpu.get_cpu_capability(), 4)
