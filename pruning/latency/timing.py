"""How long a network takes, and which of its layers."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from pruning.channels.structure import Structure
from pruning.devices import wait_for
from pruning.latency.freed_memory import keep_freed_memory
from pruning.models.module_modes import evaluating
from pruning.progress import Watch, silent, timed

WARM_UPS, TIMED = 5, 20
# Seconds for all networks together, where PRUNING_TIMING_SECONDS does not say another number of them; beyond
# that fewer runs are timed, at least LEAST, and every Timing says how many.
PATIENCE = 60.0
LEAST = 3
OTHER = "other"


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one pass. median: of `runs` passes.   spread: their 10th and 90th percentile.
    layers: {layer's weight, or OTHER: ms}, the fastest of the warm-ups after the first, by `own_clock`: what
    else the machine does only ever adds to so short a time."""

    median: float
    spread: tuple[float, float]
    runs: int
    layers: dict[str, float]


def timings(
    models: Sequence[nn.Module], inputs: tuple, structure: Structure, watch: Watch = silent
) -> list[Timing]:
    """Of every network on the same inputs, in evaluation mode: 5 warm-ups, in which layers are timed, then 20
    runs, taking turns, so that whatever else the machine does meets all of them.

    models: of one kind: `structure` names the weights of the first, and what is left of them in the others.
    Raises ValueError where PRUNING_TIMING_SECONDS is no number.
    """
    keep_freed_memory()
    patience = seconds_to_spend(os.environ.get("PRUNING_TIMING_SECONDS"))
    began, turns, watch = time.perf_counter(), WARM_UPS + TIMED, timed(watch)
    times, layers = [[] for _ in models], [[] for _ in models]
    for turn in range(turns):
        watch("evaluate", turn, turns, message="latency")
        for k, model in enumerate(models):
            with evaluating(model), torch.no_grad():
                if turn < WARM_UPS:
                    layers[k].append(_by_layer(model, inputs, structure))
                else:
                    times[k].append(milliseconds(partial(model, *inputs), inputs[0].device))
        if len(times[0]) >= LEAST and time.perf_counter() - began > patience:
            break
    watch("evaluate", turns, turns, message="latency")
    return [_timing(found, rows[1:]) for found, rows in zip(times, layers, strict=True)]


def seconds_to_spend(told: str | None) -> float:
    """What the environment says, or PATIENCE."""
    try:
        return float(told or PATIENCE)
    except ValueError:
        raise ValueError(f"PRUNING_TIMING_SECONDS is {told!r}; give seconds, such as 60") from None


def _timing(times: list[float], layers: list[dict[str, float]]) -> Timing:
    low, middle, high = (round(float(p), 3) for p in np.percentile(times, (10, 50, 90)))
    fastest = {name: round(min(row[name] for row in layers), 4) for name in layers[0]}
    return Timing(middle, (low, high), len(times), fastest)


def milliseconds(
    run: Callable[[], object], device: torch.device, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Of one call, until the device has done what it asked for."""
    start = clock()
    run()
    wait_for(device)
    return 1000 * (clock() - start)


def own_clock(device: torch.device) -> Callable[[], float]:
    """Seconds that only run while this program does, where that can be told: of one thread on a processor."""
    return time.thread_time if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter


def _by_layer(model: nn.Module, inputs: tuple, structure: Structure) -> dict[str, float]:
    """{weight of each layer, or OTHER: ms} of one pass."""
    device, found = inputs[0].device, _LayerClock(model, structure, inputs[0].device)
    with found:
        whole = milliseconds(partial(model, *inputs), device, own_clock(device))
    return found.ms | {OTHER: max(0.0, whole - sum(found.ms.values()))}


class _LayerClock(TorchFunctionMode):
    """Inside, every operation that uses a layer's weight is timed. ms: {weight: milliseconds, of all its
    calls}."""

    def __init__(self, model: nn.Module, structure: Structure, device: torch.device):
        super().__init__()
        known, self.device = {layer.weight for layer in structure.layers}, device
        self.clock = own_clock(device)
        self.names = {id(p): name for name, p in model.named_parameters() if name in known}
        self.ms = dict.fromkeys(self.names.values(), 0.0)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in ("__get__", "__set__"):
            return func(*args, **kwargs)
        name = next((self.names[id(t)] for t in (*args, *kwargs.values()) if id(t) in self.names), None)
        if name is None:
            return func(*args, **kwargs)
        answer = []
        self.ms[name] += milliseconds(lambda: answer.append(func(*args, **kwargs)), self.device, self.clock)
        return answer[0]
