"""One streaming pass over the calibration images, for every statistic that was asked for.

Layers are found by their weights, in the middle of the pass: a convolution that a module calls as a function,
or twice, is seen like any other.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from pruning.channels.structure import LayerRecord, Structure
from pruning.models.module_modes import evaluating
from pruning.progress import Watch, between_layers, silent
from pruning.statistics.accumulators import ACCUMULATORS, BATCH
from pruning.statistics.class_labels import ClassLabels
from pruning.statistics.layer_sides import positions
from pruning.statistics.specifications import GradientTimesActivation, Statistic
from pruning.tasks import Task

# operation -> the weight's dimension that reads; another one is the same weight used the other way round
READING = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "linear"), 1),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 0),
    **dict.fromkeys(("matmul", "__matmul__", "mm"), 0),
}

HELD = 7 * 2**29  # bytes of activations that may live at once
MAPS = 8  # as large as the largest: those of a residual block that live at once, and copies for statistics
KEPT = 5  # bytes of 4 for a backward pass: what layers and norms give, and a part of it after activations

Found = dict[tuple[Statistic, str], np.ndarray]  # (statistic, layer's weight or group) -> array


def collect(
    model: nn.Module,
    structure: Structure,
    statistics: Iterable[Statistic],
    batches: Callable[[int], Iterable[tuple[torch.Tensor, torch.Tensor]]],
    *,
    classes: int,
    task: Task,
    groups: Sequence[int],
    images: int,
    watch: Watch = silent,
) -> Found:
    """Runs the model over the images once (and once more, with a backward pass, if gradients are asked for).

    batches: size -> (inputs, labels), normalised and on the model's device, the same images in the same order
    each time.   task: what the labels are, and the loss whose gradients are asked for.   groups: numbers of
    the groups whose layers are looked at.   images: how many will come. The model comes out as it went in:
    weights, gradients, mode, hooks, also after an exception or a cancel."""
    statistics = set(statistics)
    streamed = [s for s in statistics if not isinstance(s, GradientTimesActivation)]
    found: Found = {}
    if streamed:
        found |= _forward(model, structure, streamed, batches, classes, task, groups, images, watch)
    if len(streamed) < len(statistics):
        few = at_once(structure, gradients=True)
        found |= _backward(model, structure, batches(few), task, groups, images, watch)
    return all_numbers(found)


def at_once(structure: Structure, *, gradients: bool = False) -> int:
    """How many images go through the network at once: 128, or as many as take 3.5 GiB.

    gradients: what layers and norms give is kept until a backward pass."""
    values = [math.prod(layer.shape) for layer in structure.layers]
    each = KEPT * sum(values) if gradients else 4 * MAPS * max(values, default=1)
    return max(1, min(BATCH, HELD // max(1, each)))


def all_numbers(found: Found) -> Found:
    """What was found itself; raises ValueError that names the first layer or group where it is no finite
    number."""
    for (_, where), array in found.items():
        if not np.isfinite(array).all():
            raise ValueError(
                f"the network's activations at {where.removesuffix('.weight')} are not finite numbers; "
                "check its weights, and how its images are normalised"
            )
    return found


class Observer(TorchFunctionMode):
    """Shows every dense layer's input and output to `read` and `written` as the model runs. read: (weight
    name, input) -> the input to use.   written: (weight name, output) -> the output to use, or None."""

    def __init__(self, model: nn.Module, structure: Structure, read: dict[str, Any], written: dict[str, Any]):
        super().__init__()
        reading = {layer.weight: layer.input for layer in structure.layers if layer.dense}
        self.names = {(id(p), reading.get(name)): name for name, p in model.named_parameters()}
        self.read, self.written = read, written

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        dimension = READING.get(getattr(func, "__name__", ""))
        if dimension is None:
            return func(*args, **kwargs)
        weight = args[1] if len(args) > 1 else kwargs["weight"]
        name = self.names.get((id(weight), dimension), "")
        if name in self.read:
            source = args[0] if args else kwargs["input"]
            shown = self.read[name](source)
            args, kwargs = ((shown, *args[1:]), kwargs) if args else (args, kwargs | {"input": shown})
        output = func(*args, **kwargs)
        if name in self.written:
            instead = self.written[name](output)
            output = output if instead is None else instead
        return output


def _layers(structure: Structure, side: str, groups: Sequence[int]) -> list[LayerRecord]:
    """The layers that write or read any of the groups, each once, in the order they run."""
    wanted = {layer.weight for g in groups for layer in structure.layers_of(g, side)}
    return [layer for layer in structure.layers if layer.weight in wanted]


def channels_second(tensor: torch.Tensor, kind: str) -> torch.Tensor:
    """[N, P, *size], whatever the layer: a linear layer's channels come last, a convolution's second."""
    return tensor.movedim(-1, 1) if kind == "linear" else tensor


def maps_of(tensor: torch.Tensor, kind: str) -> torch.Tensor:
    """[N, P, places], whatever the layer."""
    maps = channels_second(tensor, kind)
    return maps.flatten(2) if maps.dim() > 2 else maps.unsqueeze(2)


def _forward(model, structure, statistics, batches, classes, task, groups, images, watch) -> Found:
    states: dict[tuple[Statistic, str], Any] = {}
    size = at_once(structure)
    now = ClassLabels(task)  # of the batch, for the layers that run next
    read, written = {}, {}

    def listen(layer: LayerRecord, side: str):
        mine = [s for s in statistics if s.side == side]
        for statistic in mine:
            states[statistic, layer.weight] = ACCUMULATORS[type(statistic)](statistic, classes)
            states[statistic, layer.weight].fed_by(size)

        def see(tensor: torch.Tensor) -> torch.Tensor:
            maps = channels_second(tensor.detach(), layer.kind)
            for statistic in mine:
                state = states[statistic, layer.weight]
                state.add(now.features(maps) if state.by_class else maps, now.labels)
            return tensor

        if mine:
            (written if side == "writers" else read)[layer.weight] = see

    for side in ("writers", "readers"):
        for layer in _layers(structure, side, groups):
            listen(layer, side)
    done = 0
    with as_it_was(model), torch.no_grad():
        for inputs, targets in batches(size):
            now.take(targets)
            within = between_layers(model, partial(watch, "statistics", done, images))
            with within, Observer(model, structure, read, written):
                model(inputs)
            done += len(inputs)
            watch("statistics", done, images)
    return {key: state.finish() for key, state in states.items()}


def _backward(model, structure, batches, task, groups, images, watch) -> Found:
    totals = {g: np.zeros(structure.groups[g].size) for g in groups}
    of_batch: dict[int, torch.Tensor] = {}  # group -> [N, C], gradient x activation of each image so far
    layers = _layers(structure, "readers", groups)
    read = {layer.weight: _slope_reader(structure, layer, set(groups), of_batch) for layer in layers}
    done = 0
    with as_it_was(model, freeze=True), torch.enable_grad():
        for inputs, labels in batches:
            of_batch.clear()
            within = between_layers(model, partial(watch, "statistics", done, images))
            with within, Observer(model, structure, read, {}):
                total = task.losses(model(inputs), labels).sum()  # each image's gradient is its own
            total.backward()
            for g, values in of_batch.items():
                totals[g] += values.abs().sum(0).cpu().double().numpy()
            done += len(inputs)
            watch("statistics", done, images, message="gradients")
    slopes = GradientTimesActivation()
    return {(slopes, structure.groups[g].name): total / max(1, done) for g, total in totals.items()}


def _slope_reader(structure: Structure, layer: LayerRecord, groups: set[int], of_batch: dict) -> Callable:
    """Shown a layer's input, it adds each image's gradient x activation to `of_batch` when gradients come."""
    index = positions(structure, layer, "readers")
    wanted = groups & set(index.group.tolist())
    places = {g: tuple(map(torch.from_numpy, index.of(g))) for g in wanted}

    def read(tensor: torch.Tensor) -> torch.Tensor:
        # A view of its own for each reader: the gradient of this reading alone, not of the shortcut too.
        seen = tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()
        values = seen.detach()  # not `seen`: a hook that holds its own tensor keeps every batch's graph alive
        seen.register_hook(lambda gradient: note(values, gradient))
        return seen

    def note(values: torch.Tensor, gradient: torch.Tensor):
        product = maps_of(values * gradient, layer.kind).sum(2)  # [N, P]
        for g, (found, channels) in places.items():
            if g not in of_batch:
                of_batch[g] = product.new_zeros(len(product), structure.groups[g].size)
            of_batch[g].index_add_(1, channels.to(product.device), product[:, found.to(product.device)])

    return read


@contextmanager
def as_it_was(model: nn.Module, *, freeze: bool = False):
    """Evaluation mode inside; every module's mode and every parameter's requires_grad are put back, whatever
    happens.

    freeze: no gradients for weights inside, which saves a third of a backward pass.
    """
    wanted = {parameter: parameter.requires_grad for parameter in model.parameters()}
    try:
        if freeze:
            for parameter in wanted:
                parameter.requires_grad_(False)
        with evaluating(model):
            yield
    finally:
        for parameter, requires in wanted.items():
            parameter.requires_grad_(requires)
