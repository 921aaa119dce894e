"""Makes a network's LatencyTable: every layer alone at some widths, and the whole network cut in some ways.

Layers that do the same share their measurement: ResNet-56 has 56 of them and 7 grids. All times are the
fastest of some runs, since whatever else the machine does only ever adds to them; of one thread on a
processor only the time that it was given itself is counted. A layer is taken to be no slower than a wider one
of its kind of widths, which was then disturbed less.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.optimize import nnls

from pruning.channels.structure import Structure
from pruning.cost import Plan
from pruning.latency import width_grid
from pruning.latency.calls import Call, Calls
from pruning.latency.freed_memory import keep_freed_memory
from pruning.latency.in_torch import InTorch, Runtime, Timed, block_of
from pruning.latency.table import Form, Grid, LatencyTable
from pruning.latency.timing import milliseconds
from pruning.models.module_modes import evaluating
from pruning.number_checks import of_python, whole
from pruning.progress import Watch, silent, timed
from pruning.surgery import cut

LARGEST = 32e9  # multiply-accumulates a batch; a larger network is measured on smaller batches
FASTEST_OF, QUICK = 5, 0.01  # runs of a layer, and seconds after which two are enough
WHOLE_RUNS = 6
RAGGED = (0.75, 1.0)  # shares of every group that are drawn for the network with ragged widths
BELIEVED = 0.3  # how much a relative error of a layer's own time weighs beside one of a cut network's


def latency_table(
    graph, *, batch: int | None = None, runtime: Runtime | None = None, watch: Watch = silent
) -> LatencyTable:
    """Measures the network of a ChannelGraph on this machine, with torch's number of threads.

    batch: images at once; unsaid 64, or fewer where that is more than some 32 thousand million
    multiply-accumulates.   runtime: None: torch itself. Seconds there: 5 for ResNet-20, 15 for ResNet-56. The
    network is not changed. Raises ValueError in one sentence where the runtime can't compute it."""
    if batch is not None:
        whole(of_python(batch), "batch", 1)
    keep_freed_memory()
    structure, model, watch = graph.structure, graph.model, timed(watch)
    batch, runtime = batch or batch_size(graph.macs), InTorch() if runtime is None else runtime
    inputs = batch_of(graph.example, batch)
    calls = Calls(model, structure)
    with evaluating(model), torch.no_grad(), calls:
        model(*inputs)
    device = runtime.place(inputs[0].device)
    table = LatencyTable(
        machine=runtime.machine(device),
        batch=batch,
        block=block_of(device),
        aligned=runtime.aligned,
        model_digest=structure.model_digest,
        input_shape=structure.input_shape,
        baseline_ms=0.0,
        **_Grids(runtime, device, watch).of(calls.found, structure),
    )
    return _fitted(table, graph, tuple(x.to(device) for x in inputs), runtime, watch)


def batch_size(macs: int) -> int:
    """Images of a batch that is timed: 64, or fewer of a network with so many multiply-accumulates an
    image."""
    return int(np.clip(LARGEST // max(1, macs), 1, 64))


def batch_of(example: tuple, batch: int) -> tuple:
    """The example's first image as often as asked for, in each of the network's inputs."""
    if isinstance(example, dict):
        raise ValueError("a network that takes its inputs by name has no latency table; give them in order")
    return tuple(x[:1].expand(batch, *x.shape[1:]).contiguous() for x in example)


@dataclass(frozen=True)
class _Grids:
    """Layers alone, timed in a runtime at some widths."""

    runtime: Runtime
    device: torch.device
    watch: Watch

    @property
    def steps(self) -> tuple[int, int]:
        """Channels that are computed at a time, and what else makes a kind of widths."""
        return block_of(self.device), self.runtime.aligned

    def of(self, calls: list[Call], structure: Structure) -> dict:
        """The table's grids and calls."""
        numbers: dict[tuple, int] = {}
        grids, owners = [], {}
        for done, call in enumerate(calls):
            still = partial(self.watch, "latency", done, len(calls) + WHOLE_RUNS)
            still()
            varies = tuple(bool(row[:-1].any()) for row in structure.occupancy[call.weight])
            key = call.key(varies)
            if key not in numbers:
                numbers[key] = len(grids)
                first, second = self._widths(call, varies)
                grids.append(self._grid(call, first, second, still))
            owners[call.weight] = (*owners.get(call.weight, ()), numbers[key])
        return {"grids": tuple(grids), "calls": owners}

    def _widths(self, call: Call, varies: tuple[bool, ...]) -> list[tuple[int, ...]]:
        """Of both sides."""
        return [
            width_grid.widths(n, *self.steps) if side else (n,)
            for n, side in zip(call.shape[:2], varies, strict=True)
        ]

    def _grid(self, call: Call, first, second, still: Callable[[], None]) -> Grid:
        ms = np.zeros((len(first), len(second)))
        for i, n in enumerate(first):
            still()
            for j, m in enumerate(second):
                ms[i, j] = self._fastest(self.runtime.layer(call.at(n, m), self.device))
        for side, known in enumerate((first, second)):
            width_grid.never_longer_than_wider(ms, known, side, *self.steps)
        return Grid(first, second, ms)

    def _fastest(self, run: Timed) -> float:
        """Milliseconds of the fastest of some runs after a warm-up, fewer of a slow one."""
        clock = self.runtime.clock(self.device)
        with torch.no_grad():
            run()
            start, times = clock(), []
            while len(times) < 2 or (len(times) < FASTEST_OF and clock() - start < QUICK):
                times.append(milliseconds(run, self.device, clock))
        return round(min(times), 5)


def _fitted(table: LatencyTable, graph, inputs: tuple, runtime: Runtime, watch: Watch) -> LatencyTable:
    """The table with the four numbers that whole networks determine, none of them negative."""
    form = Form(table, graph.structure)
    asked = _fitted_widths(graph.structure, runtime.shares)
    models = [graph.model, *(_cut_to(graph, widths) for widths in asked[1:])]
    calls = sum(map(len, table.calls.values()))
    passes = runtime.networks(models, inputs, watch)
    clock = runtime.clock(inputs[0].device)
    told = partial(watch, "latency")
    times = whole_ms(passes, inputs[0].device, clock, lambda n: told(calls + n, calls + WHOLE_RUNS))
    rows = [_terms(form, np.append(widths, 1.0)) for widths in asked]
    weights = np.where(np.arange(len(rows)) == 0, 10.0, 1.0) / times  # the whole network as it was
    # Where widths all shrink alike, norms' work and layers' can't be told apart: then layers take in the
    # network what they take alone.
    alone = BELIEVED * np.eye(2, 4)
    system = np.vstack([np.array(rows) * weights[:, None], alone])
    (in_network, in_ragged, each, constant), _ = nnls(system, np.append(times * weights, [BELIEVED] * 2))
    return replace(
        table,
        baseline_ms=round(float(times[0]), 4),
        in_network=float(in_network),
        ragged=float(in_ragged / in_network) if in_network else 1.0,
        each_ms=float(each),
        constant_ms=float(constant),
    )


def _fitted_widths(structure: Structure, shares: Sequence[float]) -> list[list[int]]:
    """Of the networks that the numbers are fitted on: the whole one, some cut alike, and one whose groups
    have widths of every kind."""
    sizes = [group.size for group in structure.groups]
    alike = [[max(1, size - int(share * size)) for size in sizes] for share in shares]
    drawn = np.random.default_rng(0).uniform(*RAGGED, len(sizes))
    return [*alike, [max(1, round(size * share)) for size, share in zip(sizes, drawn, strict=True)]]


def _terms(form: Form, n: np.ndarray) -> list[float]:
    """What the four numbers are multiplied with. n: [G + 1], widths and a one."""
    alone, ragged = form.alone(n), form.ragged(n)
    return [alone[~ragged].sum(), alone[ragged].sum(), form.elements @ n / 1e6, 1.0]


def _cut_to(graph, widths: list[int]):
    """A copy with the first channels of every group."""
    structure = graph.structure
    kept = {group.name: np.arange(n) for group, n in zip(structure.groups, widths, strict=True)}
    counts: dict[str, Any] = {"macs": 0, "parameters": 0, "macs_before": 0, "parameters_before": 0}
    told: dict[str, Any] = {"measure": "channels", "requested": 0.0, "achieved": 0.0, "structure": structure}
    digest, shape = structure.model_digest, structure.input_shape
    return cut(graph.model, Plan(kept=kept, model_digest=digest, input_shape=shape, **told, **counts))


def whole_ms(
    passes: Sequence[Timed],
    device: torch.device,
    clock: Callable[[], float],
    told: Callable[[int], None],
) -> np.ndarray:
    """[passes], the fastest of some runs after a first one; they take turns. told: after each turn."""
    times = np.zeros((WHOLE_RUNS, len(passes)))
    for turn in range(WHOLE_RUNS):
        for k, run in enumerate(passes):
            times[turn, k] = milliseconds(run, device, clock)
        told(turn + 1)
    return times[1:].min(axis=0)
