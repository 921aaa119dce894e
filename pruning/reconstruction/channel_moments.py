"""How channels vary together where they are read: means and covariances of every reader's inputs, from one
pass.

Sums over images and places, C x C numbers a reader: no map is held. Of images set aside, the last tenth, the
same is summed apart: they judge the ridge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pruning.channels.structure import LayerRecord, Structure
from pruning.devices import for_double
from pruning.models.module_modes import evaluating
from pruning.progress import Watch, between_layers, silent
from pruning.reconstruction.forward_pass import record_forward_pass
from pruning.reconstruction.im2col import Call, Places
from pruning.reconstruction.least_squares import product, with_ridge
from pruning.reconstruction.steps import Pass, Running, Step
from pruning.statistics.calibration_images import CalibrationImages

BATCH = 128
LIMIT = 512 * 2**20  # bytes of activations that live at once
WIDEST = 6144  # channels of a reader whose covariance is kept
RIDGES = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1)  # relative to the mean variance; the best for images set aside


class Sums:
    """Of rows that come some at a time, about the mean of the first ones, so that no large numbers cancel."""

    def __init__(self, about: Tensor):
        self.about, self.number = about, 0  # [S, 1, C]
        self.first: Any = 0.0
        self.second: Any = 0.0

    def add(self, rows: Tensor):
        """rows: [S, R, C]."""
        self.number += rows.shape[1]
        self.first = self.first + for_double(rows - self.about).sum(1, dtype=torch.float64)
        self.second = self.second + product(rows, rows, self.about, self.about)

    @property
    def mean(self) -> Tensor:
        """[S, C], float64."""
        return for_double(self.about[:, 0]).double() + self.first / self.number

    def about_point(self, point: Tensor) -> Tensor:
        """Mean product of what the rows are about a point: [S, C, C].   point: [S, C]."""
        off = self.mean - point
        own = self.first / self.number
        covariance = self.second / self.number - own.unsqueeze(2) * own.unsqueeze(1)
        return covariance + off.unsqueeze(2) * off.unsqueeze(1)


@dataclass(frozen=True, eq=False)
class Combination:
    """Channels that go as combinations of those that stay. weights: [S, kept, gone].   constants: [S, gone],
    0 without an intercept.   ridge: by which it was solved; None where each has one heir."""

    weights: Tensor
    constants: Tensor
    ridge: float | None


class ChannelMoments:
    """What one layer reads, over images and places: S products (a grouped convolution's groups) of C
    channels.

    columns: [C, pixels] of a linear layer that reads flattened maps, else None.   call: of the layer, which
    holds the whole network's weight.   inside: [taps], which share of a tap's places lies within the map."""

    call: Call
    inside: Tensor
    learned: Sums
    aside: Sums | None = None

    def __init__(self, columns: np.ndarray | None = None):
        self.columns, self.number = columns, 0

    def add(self, call: Call, result: Tensor, aside: bool):
        if self.number and call.weight.shape != self.call.weight.shape:
            return
        rows = self.rows_of(call)
        if rows.shape[2] > WIDEST:
            return
        if not self.number:
            self.call, self.inside = call.without_input(), inside_share(call, result)
            self.learned = Sums(rows.mean(1, keepdim=True))
        if aside and self.aside is None:
            self.aside = Sums(self.learned.about)
        (self.aside if aside and self.aside is not None else self.learned).add(rows)
        self.number += rows.shape[1]

    def rows_of(self, call: Call) -> Tensor:
        """[S, R, C]: a row an image and place."""
        given = call.input.detach()
        if call.channels_last:
            rows = given.reshape(-1, given.shape[-1])
            if self.columns is not None:
                rows = rows[:, torch.from_numpy(self.columns.T.copy()).to(rows.device)].flatten(0, 1)
            return rows.unsqueeze(0)
        given = given if given.dim() > len(call.kernel) + 1 else given.unsqueeze(0)
        split = given.reshape(len(given), call.groups, -1, *given.shape[2:]).flatten(3)  # [N, S, C, places]
        return split.permute(1, 0, 3, 2).flatten(1, 2)

    def blocks(self, matrix: Tensor) -> Tensor:
        """[S, C, taps, outputs] of a matrix as `Call.matrix` has it."""
        if self.columns is not None:
            return matrix[0][torch.from_numpy(self.columns).to(matrix.device)].unsqueeze(0)
        return matrix.unflatten(1, (-1, len(self.inside)))

    def covariance(self) -> Tensor:
        """[S, C, C], float64."""
        return self.learned.about_point(self.learned.mean)

    def written_by(self, kept: np.ndarray, *, intercept: bool = True, heirs: bool = False) -> Combination:
        """Every other channel written as a combination of these, by least squares over images and places.

        kept: [K] of C, ascending.   intercept: whether a constant may be added.   heirs: each is written as a
        multiple of one of them, that which leaves least."""
        mean = self.learned.mean
        point = mean if intercept else torch.zeros_like(mean)
        second = self.learned.about_point(point)
        gone = np.setdiff1d(np.arange(second.shape[-1]), kept)
        stays, goes = (torch.from_numpy(part).to(second.device) for part in (kept, gone))
        among, cross = second[:, stays][:, :, stays], second[:, stays][:, :, goes]
        if heirs or not len(kept):
            weights, ridge = single_heirs(among, cross), None
        else:
            weights, ridge = self._best(among, cross, stays, goes, point)
        constants = torch.zeros_like(mean[:, goes])
        if intercept:
            constants = mean[:, goes] - (mean[:, None, stays] @ weights)[:, 0]
        return Combination(weights, constants, ridge)

    def _best(self, among: Tensor, cross: Tensor, stays: Tensor, goes: Tensor, point: Tensor):
        """At the ridge that leaves least, where it is read, for images set aside."""
        if self.aside is None:
            return solved(among, cross, RIDGES[0]), RIDGES[0]
        other = self.aside.about_point(point)
        mass = for_double(self.blocks(self.call.matrix())).double().square().sum((2, 3))[:, goes]  # [S, gone]
        inner, outer = other[:, stays][:, :, stays], other[:, stays][:, :, goes]
        found = []
        for ridge in RIDGES:
            weights = solved(among, cross, ridge)
            left = (weights * (inner @ weights - 2 * outer)).sum(1)  # less the variance, the same for all
            found.append((float((left * mass).sum()), ridge, weights))
        _, ridge, weights = min(found, key=lambda one: one[0])
        return weights, ridge


def solved(among: Tensor, cross: Tensor, ridge: float) -> Tensor:
    """[S, K, G]. Solved once more for what the ridge left: so it only holds back what hardly varies, and an
    exact copy is found as one."""
    penalised = with_ridge(among, ridge)
    first = torch.linalg.solve(penalised, cross)
    return first + torch.linalg.solve(penalised, cross - among @ first)


def single_heirs(among: Tensor, cross: Tensor) -> Tensor:
    """[S, K, G], one entry a column: the multiple of that channel by which least is left."""
    variance = among.diagonal(dim1=1, dim2=2).unsqueeze(2)
    alive = variance > 0
    weights = torch.where(alive, cross / torch.where(alive, variance, 1.0), 0.0)
    if not weights.shape[1]:
        return weights
    heir = (weights * cross).argmax(1, keepdim=True)
    return torch.zeros_like(weights).scatter_(1, heir, weights.gather(1, heir))


def inside_share(call: Call, result: Tensor) -> Tensor:
    """[taps]: over all places of the output, how often a tap of the kernel lies within the map."""
    if call.channels_last:
        return torch.ones(1, dtype=torch.float64)
    given = call.input if call.input.dim() > len(call.kernel) + 1 else call.input.unsqueeze(0)
    ones = torch.ones(1, 1, *given.shape[2:], device=given.device)
    alone = Call(call.name, call.given | {"input": ones, "groups": 1})
    size = call.size(result if result.dim() > len(call.kernel) + 1 else result.unsqueeze(0))
    where = Places.drawn(np.random.default_rng(0), 1, size, int(np.prod(size)), ones.device)
    return for_double(alone.rows(where)[0]).double().mean(0)


def channel_moments(
    model: nn.Module,
    images: CalibrationImages,
    readers: Mapping[str, np.ndarray | None],
    *,
    watch: Watch = silent,
) -> dict[str, ChannelMoments]:
    """{weight: ChannelMoments} of these layers. readers: {weight: its `pixels`}. The network comes out as it
    went in."""
    flow = record_forward_pass(model, images.rows(slice(2))[0])
    batch = max(1, min(BATCH, int(LIMIT / max(1.0, flow.peak()))))
    # shown at once, before anything can write into what was read
    readings = [replace(r, norm=None, settles=r.at) for r in flow.all_readings() if r.weight in readers]
    steps = [Step(reading.weight, None, reading, reading) for reading in readings]
    found = {step.weight: ChannelMoments(readers[step.weight]) for step in steps}
    for first, last in ((0, images.learned), (images.learned, len(images))):

        def seen(running: Running, result: Tensor, aside=first > 0):
            found[running.step.weight].add(running.call, result, aside)

        for start in range(first, last, batch):
            inputs = images.rows(slice(start, min(last, start + batch)))[0].clone()
            within = between_layers(model, partial(watch, "statistics", start, len(images)))
            with evaluating(model), torch.no_grad(), within, Pass(steps, lambda step: step.whole, seen):
                model(inputs)
            watch("statistics", min(last, start + batch), len(images), message="covariances")
    return {weight: one for weight, one in found.items() if one.number}


def readers_of(structure: Structure, groups: Sequence[int]) -> dict[str, np.ndarray | None]:
    """{weight: `pixels`} of every layer that reads one of the groups. groups: numbers."""
    layers = [layer for g in groups for layer in structure.layers_of(g, "readers")]
    return {layer.weight: pixels(structure, layer) for layer in layers}


def pixels(structure: Structure, layer: LayerRecord) -> np.ndarray | None:
    """[C, pixels]: the columns of a linear layer that reads every channel as so many pixels; None where each
    column counts as a channel of its own."""
    if layer.kind != "linear" or layer.input is None:
        return None
    places = structure.places[layer.weight][layer.input]
    _, index, times = np.unique(places, return_inverse=True, return_counts=True)
    if times.min() != times.max() or times[0] == 1:
        return None
    return np.argsort(index, kind="stable").reshape(len(times), -1)
