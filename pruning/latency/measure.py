"""Makes a network's LatencyTable: every layer alone at some widths, and the whole network cut in some ways.

Layers that do the same share their measurement: ResNet-56 has 56 of them and 7 grids. All times are the
fastest of some runs, since whatever else the machine does only ever adds to them; of one thread on a
processor only the time that it was given itself is counted.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.optimize import nnls
from torch.overrides import TorchFunctionMode

from pruning.channels.structure import Structure
from pruning.channels.tracer import evaluating
from pruning.cost import Plan
from pruning.devices import called
from pruning.latency import width_grid
from pruning.latency.freed_memory import keep_freed_memory
from pruning.latency.table import Form, Grid, LatencyTable, Machine
from pruning.latency.timing import milliseconds, own_clock
from pruning.progress import Watch, silent, timed
from pruning.surgery import cut

CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
TRANSPOSED = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
TAKES: dict[str, tuple[str, ...]] = {"linear": ("input", "weight", "bias")}
TAKES |= {f"conv{n}d": CONVOLUTION for n in (1, 2, 3)}
TAKES |= {f"conv_transpose{n}d": TRANSPOSED for n in (1, 2, 3)}
BLOCKS = {"AVX512": 16, "AVX2": 8, "DEFAULT": 4}  # float32 numbers in a register, by torch's own name
LARGEST = 32e9  # multiply-accumulates a batch; a larger network is measured on smaller batches
FASTEST_OF, QUICK = 5, 0.01  # runs of a layer, and seconds after which two are enough
WHOLE_RUNS = 6
SHARES = (0.0, 0.3, 0.5, 0.75)  # of every group, gone from the networks that the fit is made on


@dataclass(frozen=True, eq=False)
class Call:
    """One use of a weight. function: its name in torch.   given: its arguments but for the tensors.
    shape: of the weight.   reads: of the input."""

    weight: str
    function: Callable
    given: dict
    shape: tuple[int, ...]
    reads: tuple[int, ...]
    bias: bool

    def key(self, varies: tuple[bool, ...]) -> tuple:
        """What its time depends on."""
        return (self.function.__name__, str(self.given), self.shape, self.reads, self.bias, varies)

    def at(self, first: int, second: int, device: torch.device) -> Callable[[], object]:
        """The call at other widths of its weight's first two dimensions, on new tensors."""
        given, groups = dict(self.given), self.given.get("groups", 1)
        transposed = "transpose" in self.function.__name__
        if groups > 1 and groups * self.shape[1] == self.reads[1] == groups:  # depth-wise
            groups = max(1, round(groups * first / self.shape[0]))
        if groups > 1:
            first, given["groups"] = -(-first // groups) * groups, groups
        elif "groups" in given:
            given["groups"] = 1
        weight = torch.randn(first, second, *self.shape[2:], device=device)
        reads, channels = list(self.reads), first if transposed else second * groups
        reads[-1 if self.function.__name__ == "linear" else 1] = channels
        inputs = torch.randn(reads, device=device)
        writes = second * groups if transposed else first
        bias = torch.randn(writes, device=device) if self.bias else None
        return lambda: self.function(inputs, weight, bias, **given)


class Calls(TorchFunctionMode):
    """Inside, notes every convolution and linear layer that uses a parameter as it is."""

    def __init__(self, model, structure: Structure):
        super().__init__()
        known = {layer.weight for layer in structure.layers if layer.kind != "norm"}
        self.names = {id(p): name for name, p in model.named_parameters() if name in known}
        self.found: list[Call] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        takes = TAKES.get(getattr(func, "__name__", ""))
        given = dict(zip(takes, args, strict=False)) | (kwargs or {}) if takes else {}
        if id(given.get("weight")) in self.names:
            source, weight, bias = given.pop("input"), given.pop("weight"), given.pop("bias", None)
            shapes = (tuple(weight.shape), tuple(source.shape))
            self.found.append(Call(self.names[id(weight)], func, given, *shapes, bias is not None))
        return func(*args, **(kwargs or {}))


def latency_table(graph, *, batch: int | None = None, watch: Watch = silent) -> LatencyTable:
    """Measures the network of a ChannelGraph on this machine, with torch's threads as they are set.

    batch: images at once; unsaid 64, or fewer where that is more than some 32 thousand million
    multiply-accumulates. Seconds: 5 for ResNet-20, 15 for ResNet-56. The network is not changed."""
    keep_freed_memory()
    structure, model, watch = graph.structure, graph.model, timed(watch)
    batch = batch or batch_size(graph.macs)
    inputs = batch_of(graph.example, batch)
    device = inputs[0].device
    calls = Calls(model, structure)
    with evaluating(model), torch.no_grad(), calls:
        model(*inputs)
    table = LatencyTable(
        machine=machine(device),
        batch=batch,
        block=block_of(device),
        model_digest=structure.model_digest,
        input_shape=structure.input_shape,
        baseline_ms=0.0,
        **_grids(calls.found, structure, device, watch),
    )
    return _fitted(table, graph, inputs, watch)


def batch_size(macs: int) -> int:
    """Images of a batch that is timed: 64, or fewer of a network with so many multiply-accumulates an
    image."""
    return int(np.clip(LARGEST // max(1, macs), 1, 64))


def batch_of(example: tuple, batch: int) -> tuple:
    """The example's first image as often as asked for, in each of the network's inputs."""
    if isinstance(example, dict):
        raise ValueError("a network that takes its inputs by name has no latency table; give them in order")
    return tuple(x[:1].expand(batch, *x.shape[1:]).contiguous() for x in example)


def block_of(device: torch.device) -> int:
    """Channels that are computed at a time: float32 numbers in a register; on CUDA those of a tensor core."""
    if device.type == "cuda":
        return 8
    return BLOCKS.get(torch.backends.cpu.get_cpu_capability(), 4)


def machine(device: torch.device) -> Machine:
    return Machine(
        called(device), os.cpu_count() or 1, torch.get_num_threads(), device.type, torch.__version__
    )


def _grids(calls: list[Call], structure: Structure, device: torch.device, watch: Watch) -> dict:
    """The table's grids and calls."""
    numbers: dict[tuple, int] = {}
    grids, owners, block = [], {}, block_of(device)
    for done, call in enumerate(calls):
        watch("latency", done, len(calls) + WHOLE_RUNS)
        varies = tuple(bool(row[:-1].any()) for row in structure.occupancy[call.weight])
        key = call.key(varies)
        if key not in numbers:
            numbers[key] = len(grids)
            sides = [
                width_grid.widths(n, block) if side else (n,)
                for n, side in zip(call.shape[:2], varies, strict=True)
            ]
            still = partial(watch, "latency", done, len(calls) + WHOLE_RUNS)
            grids.append(_grid(call, sides[0], sides[1], device, still))
        owners[call.weight] = (*owners.get(call.weight, ()), numbers[key])
    return {"grids": tuple(grids), "calls": owners}


def _grid(call: Call, first, second, device: torch.device, still: Callable[[], None]) -> Grid:
    ms = np.zeros((len(first), len(second)))
    for i, n in enumerate(first):
        still()
        for j, m in enumerate(second):
            ms[i, j] = _fastest(call.at(n, m, device), device)
    return Grid(first, second, ms)


def _fastest(run: Callable[[], object], device: torch.device) -> float:
    """Milliseconds of the fastest of some runs after a warm-up, fewer of a slow one."""
    with torch.no_grad():
        run()
        start, times = time.perf_counter(), []
        while len(times) < 2 or (len(times) < FASTEST_OF and time.perf_counter() - start < QUICK):
            times.append(milliseconds(run, device, own_clock(device)))
    return round(min(times), 5)


def _fitted(table: LatencyTable, graph, inputs: tuple, watch: Watch) -> LatencyTable:
    """The table with the three numbers that whole networks determine, none of them negative."""
    structure, form = graph.structure, Form(table, graph.structure)
    rows, models = [], []
    for share in SHARES:
        widths = [max(1, group.size - int(share * group.size)) for group in structure.groups]
        models.append(_cut_to(graph, widths) if share else graph.model)
        n = np.append(widths, 1.0)
        rows.append([form.alone(n).sum(), form.elements @ n / 1e6, 1.0])
    calls = sum(map(len, table.calls.values()))
    times = _whole_ms(models, inputs, lambda done: watch("latency", calls + done, calls + WHOLE_RUNS))
    weights = np.where(np.array(SHARES) == 0, 10.0, 1.0) / times  # the whole network as it was
    (in_network, each, constant), _ = nnls(np.array(rows) * weights[:, None], times * weights)
    return replace(
        table,
        baseline_ms=round(float(times[0]), 4),
        in_network=float(in_network),
        each_ms=float(each),
        constant_ms=float(constant),
    )


def _cut_to(graph, widths: list[int]):
    """A copy with the first channels of every group."""
    structure = graph.structure
    kept = {group.name: np.arange(n) for group, n in zip(structure.groups, widths, strict=True)}
    counts: dict[str, Any] = {"macs": 0, "parameters": 0, "macs_before": 0, "parameters_before": 0}
    told: dict[str, Any] = {"measure": "channels", "requested": 0.0, "achieved": 0.0, "structure": structure}
    digest, shape = structure.model_digest, structure.input_shape
    return cut(graph.model, Plan(kept=kept, model_digest=digest, input_shape=shape, **told, **counts))


def _whole_ms(models: list, inputs: tuple, told: Callable[[int], None]) -> np.ndarray:
    """[models], the fastest of some runs after a first one; they take turns. told: after each turn."""
    times, device = np.zeros((WHOLE_RUNS, len(models))), inputs[0].device
    for turn in range(WHOLE_RUNS):
        for k, model in enumerate(models):
            with evaluating(model), torch.no_grad():
                times[turn, k] = milliseconds(partial(model, *inputs), device, own_clock(device))
        told(turn + 1)
    return times[1:].min(axis=0)
