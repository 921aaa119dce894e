"""A network's time at any widths, from the measured times of its layers: no torch, no model, some
microseconds.

    ms(n) = in_network * sum over layers of r_l(n_l) ms_l(n_l) + each_ms * elements(n) + constant_ms

ms_l is bilinear between what was measured of that layer alone at some widths of its weight's first two
dimensions (what it writes and reads). r_l is `ragged` where the layer writes or reads a width that does not
fill its steps, else 1: among layers that stay in a runtime's blocked layout one is spared the turning that it
does alone, a ragged one is not (MobileNetV2 in onnxruntime: 0.66 and 1.00 of the time alone). elements
counts, in millions and for one image, what layers and norms write: the work of norms, activations and sums.
The four numbers fit the times of the whole network, measured as it is and cut in some ways.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pruning.channels.structure import Structure
from pruning.latency.width_grid import between
from pruning.terms import plural
from pruning.untrusted.json_texts import bounded_bytes, parsed

FILE = "latency.json"
DIGEST = "sha256:"


@dataclass(frozen=True)
class Machine:
    """What times depend on besides the network. name: of processor or device.   cores: of the machine.
    threads: that were computed with.   device: cpu, cuda.   torch: its version.   runtime: another one's name
    and version; empty: torch."""

    name: str
    cores: int
    threads: int
    device: str
    torch: str
    runtime: str = ""

    def in_words(self) -> str:
        threads, runtime = plural(self.threads, "thread"), self.runtime or f"torch {self.torch}"
        return f"{self.name} ({self.cores} cores, {threads}, {self.device}, {runtime})"

    def to_dict(self) -> dict[str, Any]:
        """Without what earlier versions did not have, where it says nothing: tables keep their digest."""
        return {name: value for name, value in asdict(self).items() if name != "runtime" or value}


@dataclass(frozen=True, eq=False)
class Grid:
    """One layer alone. first, second: measured widths of its weight's first two dimensions, ascending.
    ms: [first, second], the fastest of some runs."""

    first: tuple[int, ...]
    second: tuple[int, ...]
    ms: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class LatencyTable:
    """What was measured of one network in one runtime on one machine, in single precision.

    batch: images at once.   block: channels that the processor computes at a time.   aligned: multiples of it
    are a kind of widths of their own; 1: they are none.   baseline_ms: of the whole network, measured.
    grids: of layers that differ.   calls: {weight: its grids' numbers, one a
    call}.   in_network, ragged, each_ms, constant_ms: see the top of this file.
    """

    machine: Machine
    batch: int
    block: int
    model_digest: str
    input_shape: tuple[int, ...]
    baseline_ms: float
    grids: tuple[Grid, ...]
    calls: Mapping[str, tuple[int, ...]]
    in_network: float = 1.0
    each_ms: float = 0.0
    constant_ms: float = 0.0
    aligned: int = 1
    ragged: float = 1.0

    @property
    def step(self) -> int:
        """Widths that are no multiples of it are ragged."""
        return self.aligned if self.aligned > 1 else self.block

    @property
    def runtime(self) -> str:
        """As a recipe names it."""
        return self.machine.runtime.partition(" ")[0] or "torch"

    def estimate(self, structure: Structure, widths) -> float:
        """Milliseconds of a batch at these widths. widths: [G] channels kept in every group, or a mapping of
        group names to them. Raises ValueError for another network's structure."""
        if isinstance(widths, Mapping):
            widths = [widths.get(group.name, group.size) for group in structure.groups]
        return self.form(structure)(widths)

    def form(self, structure: Structure) -> "Form":
        """This network's time as a function of its widths."""
        return Form(self, structure)

    def fits(self, structure: Structure) -> bool:
        return (self.model_digest, self.input_shape) == (structure.model_digest, structure.input_shape)

    def must_fit(self, structure: Structure):
        if not self.fits(structure):
            raise ValueError(
                "the latency table is of another network or another image size; give one of this network, or "
                "none, so that it is measured"
            )

    # --------------------------------------------------------------------------------------------- as JSON

    @cached_property
    def digest(self) -> str:
        """What a recipe calls it: sha256: and 64 hexadecimal digits of its content."""
        return DIGEST + hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        content = {name: getattr(self, name) for name in self.__dataclass_fields__}
        content |= {"version": 1, "machine": self.machine.to_dict(), "input_shape": list(self.input_shape)}
        for name in ("aligned", "ragged"):  # tables of earlier versions keep their digest
            if content[name] == 1:
                del content[name]
        content["grids"] = [{"first": g.first, "second": g.second, "ms": g.ms.tolist()} for g in self.grids]
        content["calls"] = {weight: list(numbers) for weight, numbers in self.calls.items()}
        return json.dumps(content) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "LatencyTable":
        """Raises ValueError where the text is no table."""
        try:
            content = parsed(text)
            if content.pop("version") != 1:
                raise ValueError
            content["machine"] = Machine(**content["machine"])
            content["input_shape"] = tuple(content["input_shape"])
            content["grids"] = tuple(_grid(**grid) for grid in content["grids"])
            content["calls"] = {weight: tuple(numbers) for weight, numbers in content["calls"].items()}
            return cls(**content)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError("that is no latency table: give a latency.json written by run") from error

    @classmethod
    def read(cls, file: str | Path) -> "LatencyTable":
        """Raises ValueError in one sentence where there is no such file, or it is no table."""
        if not Path(file).is_file():
            raise ValueError(f"there is no latency table {file}; give a latency.json that run wrote")
        return cls.from_json(bounded_bytes(Path(file)))


def _grid(first, second, ms) -> Grid:
    times = np.asarray(ms, float)
    if times.shape != (len(first), len(second)) or not (times >= 0).all():
        raise ValueError("a grid's times are one number a pair of widths")
    return Grid(tuple(map(int, first)), tuple(map(int, second)), times)


class Form:
    """A network's time as a function of its widths, as a CostForm is its MACs: form([G]) -> ms."""

    def __init__(self, table: LatencyTable, structure: Structure):
        table.must_fit(structure)
        self.table = table
        self.weights = [weight for weight, numbers in table.calls.items() for _ in numbers]
        grids = [table.grids[k] for numbers in table.calls.values() for k in numbers]
        none = np.zeros((0, 2, len(structure.groups) + 1))
        rows = np.stack([structure.occupancy[weight] for weight in self.weights]) if grids else none
        self.rows = rows[:, 0], rows[:, 1]  # of the two dimensions: [calls, G + 1]
        self.varies = rows[:, 0, :-1].any(axis=1), rows[:, 1, :-1].any(axis=1)  # [calls] with any group
        sides = [grid.first for grid in grids], [grid.second for grid in grids]
        dense = [grid.second != (1,) for grid in grids]  # else depth-wise
        never = [False] * len(grids)
        self.grids = [_stacked(*side, table) for side in zip(sides, (dense, never), strict=True)]
        most = [max(map(len, measured), default=0) for measured in sides]
        self.ms = np.zeros((len(grids), *most))
        for k, grid in enumerate(grids):
            self.ms[k, : len(grid.first), : len(grid.second)] = grid.ms
        self.elements = elements(structure)
        self.sizes = [group.size for group in structure.groups]

    def __call__(self, widths) -> float:
        """widths: [G], whole numbers of channels kept in every group."""
        n, table = np.append(np.asarray(widths, float), 1.0), self.table
        rest = table.each_ms * float(self.elements @ n) / 1e6 + table.constant_ms
        return float(self.in_network(n).sum()) + rest

    def against_width(self, widths, group: int) -> np.ndarray:
        """[size of the group] ms with 1, 2, ... channels of this group kept, all others as in `widths`."""
        n, size = np.array(widths, float), int(self.sizes[group])
        return np.array(
            [self(np.where(np.arange(len(n)) == group, width, n)) for width in range(1, size + 1)]
        )

    def layers(self, widths) -> dict[str, float]:
        """{weight: ms} of the layers in the network, all calls of one together."""
        found = dict.fromkeys(self.weights, 0.0)
        every = self.in_network(np.append(np.asarray(widths, float), 1.0))
        for weight, ms in zip(self.weights, every, strict=True):
            found[weight] += float(ms)
        return found

    def in_network(self, n: np.ndarray) -> np.ndarray:
        """[calls] ms of every layer among the others. n: [G + 1], widths and a one."""
        ms = self.table.in_network * self.alone(n)
        return ms if self.table.ragged == 1 else np.where(self.ragged(n), self.table.ragged * ms, ms)

    def ragged(self, n: np.ndarray) -> np.ndarray:
        """[calls] whether a layer writes or reads channels of groups in a number that does not fill its
        steps."""
        first, second = (
            varies & (_whole(rows @ n) % self.table.step > 0)
            for varies, rows in zip(self.varies, self.rows, strict=True)
        )
        return first | second

    def alone(self, n: np.ndarray) -> np.ndarray:
        """[calls] ms of every layer by itself, none of one that has closed. n: [G + 1], widths and a one."""
        every, places = np.arange(len(self.weights)), list(self._places(n))
        (low, high, share), (left, right, part) = (
            (grid[0][every, at], grid[1][every, at], grid[2][every, at]) for grid, at in places
        )
        runs = np.all([at > 0 for _, at in places], axis=0)
        near = (1 - part) * self.ms[every, low, left] + part * self.ms[every, low, right]
        far = (1 - part) * self.ms[every, high, left] + part * self.ms[every, high, right]
        return runs * ((1 - share) * near + share * far)

    def _places(self, n: np.ndarray):
        for grid, rows in zip(self.grids, self.rows, strict=True):
            yield grid, np.clip(_whole(rows @ n), 0, grid[3])


def _whole(widths: np.ndarray) -> np.ndarray:
    return np.rint(widths).astype(int)


def _stacked(grids, steps, table: LatencyTable) -> tuple:
    """low, high, share: [calls, widest + 1] of every call's grid; and [calls] the whole width of each.
    steps: [calls], as `between` takes them."""
    wholes = np.array([measured[-1] for measured in grids], int)
    shape = (len(grids), int(wholes.max(initial=0)) + 1)
    low, high, share = np.zeros(shape, int), np.zeros(shape, int), np.zeros(shape)
    for k, measured in enumerate(grids):
        found, end = between(measured, table.block, table.aligned, steps[k]), wholes[k] + 1
        low[k, :end], high[k, :end], share[k, :end] = found.low, found.high, found.share
    return low, high, share, wholes


def elements(structure: Structure) -> np.ndarray:
    """[G + 1]: numbers that layers and norms write for one image, per channel of each group; in the last
    column those that no group changes."""
    total, sizes = np.zeros(len(structure.groups) + 1), [group.size for group in structure.groups]
    for layer in structure.layers:
        if layer.weight not in structure.shapes or not layer.shape:
            continue
        written = structure.occupancy[layer.weight][(layer.output or 0) if layer.kind != "norm" else 0]
        whole = float(written @ np.append(sizes, 1.0))
        total += written * (np.prod(layer.shape) / whole if whole else 0.0)
    return total
