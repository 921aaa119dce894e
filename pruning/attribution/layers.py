"""What every channel of a layer adds to a class's score: gradient x activation, conductance, integrated
gradients."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch
from captum.attr import LayerActivation, LayerGradientXActivation, LayerIntegratedGradients
from torch import nn

from pruning.attribution.taps import Taps
from pruning.channels.structure import Structure
from pruning.error_messages import choose, first_line
from pruning.progress import Watch, silent
from pruning.statistics.collect import Found, as_it_was, maps_of
from pruning.statistics.layer_sides import onto_channels, positions
from pruning.statistics.specifications import Attribution
from pruning.tasks import DEFAULT, Task

Batches = Callable[[int], Iterable[tuple[torch.Tensor, torch.Tensor]]]

BATCH = 128  # images at a time, at most
HELD = 512 * 2**20  # bytes of activations that a pass with gradients may hold
UNUSED = {"materialize_grads": True}  # a layer without influence on the score has slope 0


def attributions(
    model: nn.Module,
    structure: Structure,
    statistic: Attribution,
    batches: Batches,
    *,
    task: Task,
    groups: Sequence[int],
    images: int,
    watch: Watch = silent,
) -> Found:
    """{(statistic, weight): [P]} of every layer that writes one of the groups, as `Attribution` says.

    batches, task, images: as `statistics.collect` takes them; the first `statistic.images` are looked at.
    The model comes out as it went in. Raises ValueError where the network has no gradients, no score a class,
    or answers what is no finite number.
    """
    found = _Layers(model, structure, groups, task)
    images = min(images, statistic.images)
    done = 0

    def told(steps: int):
        nonlocal done
        done += steps
        watch("statistics", done, images * found.rounds(statistic), message=statistic.method)

    sums: dict[str, np.ndarray] = {}
    for inputs, labels in first(batches(found.batch), images):
        for name, values in found.of_images(statistic, inputs, labels, told).items():
            sums[name] = sums.get(name, 0) + values.abs().sum(0).cpu().double().numpy()
    for name, values in sums.items():
        if not np.isfinite(values).all():
            raise ValueError(
                f"the attributions at {name.removesuffix('.weight')} are not finite numbers; check the "
                "network's weights, and how its images are normalised"
            )
    return {(statistic, name): values / images for name, values in sums.items()}


def channel_attribution(
    graph, group: str, inputs, labels, *, classes=None, task: Task = DEFAULT, watch: Watch = silent
) -> pd.DataFrame:
    """What every channel of a group adds to each class's score, on images of that class: columns channel,
    class (its number), attribution.

    inputs: float [N, C, H, W], as the network takes them.   labels: int [N, ...], the task's targets.
    classes: int [N], the class of each image whose score is attributed; unsaid, its label.   attribution:
    gradient x activation of the class's score where the group is written, summed over places and writers,
    mean over the class's images; in units of the score, above 0 where the channel raises it."""
    structure = graph.structure
    g = structure.names.index(choose(group, structure.names, "group"))
    found = _Layers(graph.model, structure, [g], task)
    labels, statistic = torch.as_tensor(labels).to(inputs.device), Attribution("gradient x activation", 1)
    numbers = labels.cpu().numpy() if classes is None else np.asarray(classes)
    sums = np.zeros((int(numbers.max()) + 1, structure.groups[g].size))
    for start in range(0, len(inputs), found.batch):
        mine = labels[start : start + found.batch]
        of_images = found.of_images(statistic, inputs[start : start + found.batch], mine, lambda steps: None)
        for layer in found.layers:
            index = positions(structure, layer, "writers")
            values = onto_channels(of_images[layer.weight].T.cpu().double().numpy(), index, g, sums.shape[1])
            np.add.at(sums, numbers[start : start + found.batch], values.T)
        watch("attribution", start + len(mine), len(inputs))
    there, times = np.unique(numbers, return_counts=True)
    table = pd.DataFrame(sums[there] / times[:, None], index=pd.Index(there, name="class"))
    return (
        table.rename_axis(columns="channel")
        .stack()
        .rename("attribution")
        .reset_index()[["channel", "class", "attribution"]]
    )


class _Layers:
    """The layers that write some groups, and what Captum says of them."""

    def __init__(self, model: nn.Module, structure: Structure, groups: Sequence[int], task: Task):
        self.model, self.structure = model, structure
        writers = {layer.weight: layer for g in groups for layer in structure.layers_of(g, "writers")}
        self.layers = list(writers.values())
        self.taps = Taps(model, structure, self.layers, task)
        self.integrals: list[LayerIntegratedGradients] = []
        elements = sum(int(np.prod(layer.shape)) for layer in structure.layers)
        self.batch = max(1, min(BATCH, HELD // (12 * max(1, elements))))  # each in float32, and twice copied

    def rounds(self, statistic: Attribution) -> int:
        """How often every image goes through the network, forward and backward; known from the first on."""
        if statistic.method == "integrated gradients":
            return statistic.steps * len(self.taps.all)
        return statistic.steps

    def of_images(
        self, statistic: Attribution, inputs: torch.Tensor, labels: torch.Tensor, told: Callable[[int], None]
    ) -> dict[str, torch.Tensor]:
        """{weight: [N, P]}: attribution of each image's own class, summed over places and calls."""
        with as_it_was(self.model, freeze=True):
            try:
                self._learn(inputs, labels)
                values = METHODS[statistic.method](self, inputs, labels, statistic.steps, told)
            except RuntimeError as error:
                raise ValueError(
                    f"Captum cannot follow gradients through this network: {first_line(error)}"
                ) from error
        parts = iter(values)
        return {
            layer.weight: sum(
                maps_of(next(parts), layer.kind).sum(2) for _ in self.taps.of[layer.weight]
            ).detach()
            for layer in self.layers
        }

    def _learn(self, inputs: torch.Tensor, labels: torch.Tensor):
        """Runs one image, so that every call of every layer has its tap."""
        if not self.taps.all:
            with torch.no_grad():
                self.taps(inputs[:1], labels[:1])

    def gradient_x_activation(self, inputs, labels, steps, told) -> list[torch.Tensor]:
        method = LayerGradientXActivation(self.taps, self.taps.all)
        found = method.attribute(inputs, additional_forward_args=labels, grad_kwargs=UNUSED)
        told(len(inputs))
        return found

    def conductance(self, inputs, labels, steps, told) -> list[torch.Tensor]:
        """Sum along the straight path from the mean colour (zeros) to the image of slope x change.

        What Captum's LayerConductance adds up for one layer (`riemann_trapezoid`), here for all layers at
        once: as many times faster as there are layers."""
        slopes = LayerGradientXActivation(self.taps, self.taps.all, multiply_by_inputs=False)
        values = LayerActivation(self.taps, self.taps.all)
        points = [inputs * share for share in torch.linspace(0, 1, steps + 1).tolist()]
        before, total = values.attribute(points[0], labels), [0.0] * len(self.taps.all)
        for here, there in pairwise(points):
            slope = slopes.attribute(here, additional_forward_args=labels, grad_kwargs=UNUSED)
            after = values.attribute(there, labels)
            total = [t + s * (a - b) for t, s, a, b in zip(total, slope, after, before, strict=True)]
            before = after
            told(len(inputs))
        return total

    def integrated_gradients(self, inputs, labels, steps, told) -> list[torch.Tensor]:
        """One layer after another: each integral is along the layer's own path, from its values on zeros."""
        self.integrals = self.integrals or [LayerIntegratedGradients(self.taps, tap) for tap in self.taps.all]
        found = []
        for method in self.integrals:
            how: dict[str, Any] = {"n_steps": steps, "internal_batch_size": len(inputs)}
            found.append(method.attribute(inputs, additional_forward_args=labels, **how))
            told(steps * len(inputs))
        return found


METHODS = {
    "gradient x activation": _Layers.gradient_x_activation,
    "conductance": _Layers.conductance,
    "integrated gradients": _Layers.integrated_gradients,
}


def first(batches: Iterable[tuple[torch.Tensor, torch.Tensor]], images: int):
    """The first so many images of batches (inputs, labels)."""
    for inputs, labels in batches:
        yield inputs[:images], labels[:images]
        images -= len(inputs)
        if images <= 0:
            return
