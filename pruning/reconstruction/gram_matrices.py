"""What refitting needs to know of the whole network's layers, from one pass over the images.

For each layer that reads channels: the Gram matrix of what it sees at sampled places, its weights, and how
much what its output is added to varies. Of a tenth of the images, set aside, some places are kept as they
are: they judge the ridge, and what a refit really leaves. A layer that sees few places and many channels,
such as a classifier, can be refitted to those places whatever it loses.
"""

from collections.abc import Sequence
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor, nn

from pruning.channels.structure import LayerRecord, Structure
from pruning.devices import for_double
from pruning.models.module_modes import evaluating
from pruning.progress import Watch, between_layers, silent
from pruning.reconstruction.forward_pass import record_forward_pass
from pruning.reconstruction.least_squares import RIDGE, RIDGES, product, with_ridge
from pruning.reconstruction.steps import Pass, Running, Step, places
from pruning.statistics.calibration_images import CalibrationImages

BATCH = 128
PLACES = 32  # of every image
JUDGES = 2_000  # places, about, of images set aside
LIMIT = 512 * 2**20  # bytes of activations that live at once
WIDEST = 6144  # columns of a Gram matrix that is kept whole; of a wider layer each channel's own part is


class Gram:
    """Of one layer, summed over images and, where it runs several times, over its calls.

    kernel: columns of one input channel.   judges: what it sees at places of images set aside, about the
    mean, [S, R, columns]; None where there are none or the layer is too wide.   weights: V [S, columns,
    outputs], each output in the units of what it is added to, whose variance, summed over outputs, is 1.
    second: A'A of the mean place about the
    mean, [S, columns, columns]; of a layer with more than WIDEST columns zero between different channels:
    [S, channels, kernel, kernel].
    """

    first: Tensor  # these five from the first images on
    sums: Tensor
    total: Tensor
    squares: Tensor
    matrix: Tensor

    def __init__(self, layer: LayerRecord):
        self.layer, self.rows = layer, 0
        self.aside: list[Tensor] = []

    def add(self, running: Running, rows: Tensor, outputs: Tensor, aside: Tensor):
        """rows: [S, R, columns].   outputs: [R, outputs] of what the layer's output is added to.
        aside: bool [R], those of images set aside."""
        call = running.call
        if self.rows and call.matrix().shape != self.matrix.shape:
            return  # the same weight used another way round: it does not read these channels there
        if not self.rows:
            self.kernel = max(1, rows.shape[2] * call.groups // call.input_channels)
            self.wide = rows.shape[2] > WIDEST
            self.first = self.sums = self.total = self.squares = 0.0
        if aside.any() and not self.wide:
            if sum(part.shape[1] for part in self.aside) < JUDGES:
                self.aside.append(rows[:, aside])
            rows, outputs = rows[:, ~aside], outputs[~aside]
        self.rows += rows.shape[1]
        self.first = self.first + for_double(rows).sum(1, dtype=torch.float64)
        self.sums = self.sums + (self._blocks(rows) if self.wide else product(rows, rows))
        outputs = for_double(outputs)
        self.total = self.total + outputs.sum(0, dtype=torch.float64)
        self.squares = self.squares + outputs.double().square().sum(0)
        self.matrix, self.scale = call.matrix(), running.scale
        self.split = call.split

    def _blocks(self, rows: Tensor) -> Tensor:
        parts = rows.unflatten(2, (-1, self.kernel)).permute(0, 2, 1, 3)  # [S, channels, R, kernel]
        return product(parts.flatten(0, 1), parts.flatten(0, 1)).unflatten(0, parts.shape[:2])

    @cached_property
    def weights(self) -> Tensor:
        mean = self.total / self.rows
        energy = (self.squares / self.rows - mean.square()).sum().clamp_min(torch.finfo(torch.float32).tiny)
        matrix = for_double(self.matrix).double()
        if self.scale is not None:
            matrix = matrix * self.split(for_double(self.scale).double().unsqueeze(0))
        return matrix / energy.sqrt()

    @cached_property
    def second(self) -> Tensor:
        mean = self.first / self.rows
        if self.wide:
            mean = mean.unflatten(1, (-1, self.kernel))
        found = self.sums / self.rows - mean.unsqueeze(-1) * mean.unsqueeze(-2)
        del self.sums
        return found

    @cached_property
    def judges(self) -> Tensor | None:
        if not self.aside:
            return None
        rows = for_double(torch.cat(self.aside, 1)).double()
        return rows - (self.first / self.rows).unsqueeze(1)

    @cached_property
    def ridge(self) -> float:
        """Which of RIDGES leaves least for images set aside when every other channel goes."""
        if self.judges is None:
            return RIDGE
        stays = torch.arange(self.second.shape[-1], device=self.second.device) // self.kernel % 2 == 0
        left = [self.left_without(stays, ridge) for ridge in RIDGES] if stays.any() else [0.0]
        return RIDGES[int(np.argmin(left))]

    def left_without(self, stays: Tensor, ridge: float) -> float:
        """The share of the variance that is lost at places of images set aside, once these columns alone
        stay, refitted. stays: bool [columns]."""
        change = -self.weights
        gone, second = self.weights[:, ~stays], self.second[:, stays]
        if stays.any():
            change[:, stays] = torch.linalg.solve(
                with_ridge(second[:, :, stays], ridge), second[:, :, ~stays] @ gone
            )
        off = self.judges @ change
        return float(off.square().sum() / off.shape[1])

    @cached_property
    def inverse(self) -> Tensor:
        """(A'A + lambda I)^-1, as `second`."""
        gram = self.second.flatten(0, 1) if self.wide else self.second
        found = torch.linalg.inv(with_ridge(gram, self.ridge))
        return found.view_as(self.second)


def grams(
    model: nn.Module,
    structure: Structure,
    images: CalibrationImages,
    groups: Sequence[int],
    *,
    watch: Watch = silent,
) -> dict[str, Gram]:
    """{weight: Gram} of every layer that reads one of the groups. groups: numbers.

    The network comes out as it went in."""
    inputs = next(iter(images.batches(2)))[0]
    flow = record_forward_pass(model, inputs)
    batch = max(1, min(BATCH, int(LIMIT / max(1.0, flow.peak()))))
    wanted = {layer.weight: layer for g in groups for layer in structure.layers_of(g, "readers")}
    steps = [
        Step(reading.weight, None, reading, reading)
        for reading in flow.all_readings()
        if reading.weight in wanted
    ]
    found = {step.weight: Gram(wanted[step.weight]) for step in steps}
    done = 0
    for number, (inputs, _) in enumerate(images.batches(batch)):

        def seen(running: Running, result: Tensor, number=number):
            size = min(batch, len(images) - number * batch)
            where = places(running, result, (images.seed, number), PLACES, size)
            outputs = running.call.outputs(result, where)
            aside = where.image + number * batch >= images.learned
            found[running.step.weight].add(running, running.call.rows(where), outputs, aside)

        within = between_layers(model, partial(watch, "statistics", done, len(images)))
        with evaluating(model), torch.no_grad(), within, Pass(steps, lambda step: step.whole, seen):
            model(inputs)
        done += len(inputs)
        watch("statistics", done, len(images), message="reconstruction")
    return found
