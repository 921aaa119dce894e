"""Structure distillation: the cut network learns from the full one as well as from the labels.

loss = cross-entropy + logits * T^2 KL(teacher || student) + features * F

F is the mean over the network's stages of ||(s - mean s) A - z||^2 / E: s the student's pooled features where
a stage ends, z the teacher's projected on its discriminant directions, E the mean of ||z||^2, A the ridge map
from one to the other. The map makes F defined where the stage itself is cut. Training under the unpruned
network is DI's (Hou and Kung 2020) [A]; the terms, the stages and the map are our reading of it [R].
"""

import math
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pruning.channels.structure import LayerRecord, Structure
from pruning.data import Dataset, batch_of, calibration_images, images_at_once
from pruning.devices import for_double
from pruning.models import Normalization
from pruning.statistics.class_labels import ClassLabels, class_numbers

if TYPE_CHECKING:
    from torch import Tensor, nn

RHO = 1e-2  # ridge of the directions, relative to the mean diagonal of the total scatter
MAP_RHO = 1e-5  # of the maps: at 1e-2 a student equal to its teacher would miss 0.5 % of the energy
WIDEST = 2048  # features of a stage; the directions of more take minutes
BATCH = 256  # images at a time, at most, where nothing is learned


@dataclass(frozen=True, eq=False)
class Teaching:
    """A full network that teaches its cut one, and how much each of its lessons weighs.

    teacher: not changed; on the device that the student is trained on.   graph: its ChannelGraph or
    Structure.   temperature: T, above 0, divides the logits before they are compared.   logits, features:
    weights of the two terms, 0 or more; 0 leaves a term out.   calibration: training images from which the
    directions and the maps are found, drawn by the seed.   messages: what could not be taught, complete after
    `fit`.
    """

    teacher: "nn.Module"
    graph: object
    _: KW_ONLY
    temperature: float = 4.0
    logits: float = 1.0
    features: float = 0.3
    calibration: int = 1000
    seed: int = 0
    messages: list[str] = field(default_factory=list, init=False)

    def __post_init__(self):
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"temperature is {self.temperature}; give a number above 0, such as 4")
        for name in ("logits", "features"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"{name} is {getattr(self, name)}; give a weight of 0 or more, such as 1")

    @property
    def structure(self) -> Structure:
        whole: Any = self.graph
        return getattr(whole, "structure", whole)


@dataclass(frozen=True, eq=False)
class Stage:
    """Where a stage ends in the teacher. layer: reads its last map.   mean: [C], of the pooled features.
    directions: [C, D], divided by the root of the projected energy, so that the mean of ||z||^2 is 1."""

    layer: LayerRecord
    mean: "Tensor"
    directions: "Tensor"

    def targets(self, pooled: "Tensor") -> "Tensor":
        """z: [N, D]."""
        return (pooled - self.mean) @ self.directions


class Lesson:
    """One training under a teacher: its stages, and the epoch's maps from the student's features to them."""

    def __init__(self, teaching: Teaching, dataset: Dataset, normalization: Normalization, device, watch):
        """watch: called without arguments after every batch."""
        self.teaching, self.watch = teaching, watch
        self.normalization, self.device = normalization, device
        drawn = calibration_images(dataset, teaching.calibration, teaching.seed)
        self.split, self.task = drawn.split, dataset.task
        self.now = ClassLabels(self.task)  # of the batch that runs
        told = class_numbers(self.task, self.split.labels)
        self.classes = 0 if told is None else len(dataset.classes)
        self.stages: tuple[Stage, ...] = self._stages() if teaching.features and self.classes else ()
        self.maps: list[tuple[Tensor, Tensor]] = []  # (mean [C], map [C, D]) of each stage
        if teaching.features and not self.stages:
            teaching.messages.append(
                "distillation: no stage of the network can be taught, only its predictions"
            )

    def _stages(self) -> tuple[Stage, ...]:
        from torch.nn.functional import one_hot

        layers = stage_ends(self.teaching.structure)
        sums = {layer.weight: Moments() for layer in layers}
        for images, targets in self._batches():
            self.now.take(targets)
            for name, pooled in self._taught(images, layers)[1].items():
                if pooled.shape[1] <= WIDEST:
                    sums[name].add(pooled, one_hot(self.now.labels, self.classes))
        stages = []
        for layer in layers:
            total = sums[layer.weight]
            if not total.count:
                self._left_out(f"{layer.name} reads more than {WIDEST} features")
            elif (found := total.directions()) is None:
                self._left_out(f"what {layer.name} reads does not differ between classes")
            else:
                stages.append(Stage(layer, *(on_device(array, self.device) for array in found)))
        return tuple(stages)

    def _left_out(self, why: str) -> None:
        self.teaching.messages.append(f"distillation: {why}, so that stage is not taught")

    def prepare(self, student: "nn.Module") -> None:
        """Solves the maps anew; they stay through the epoch.

        The student answers in the mode it is in, the one it is trained in: after a raw cut its norms' running
        statistics are far from its batches', and maps solved by them are of no use to these (ResNet-20 on
        scenes, 60 % of the MACs cut: F is 39 in the first step, and 0.47 so). The statistics are put back.
        """
        import torch

        if not self.stages:
            return
        sums, buffers = [Moments() for _ in self.stages], dict(student.named_buffers())
        before = {name: buffer.clone() for name, buffer in buffers.items()}
        layers = [stage.layer for stage in self.stages]
        try:
            for images, targets in self._batches():
                self.now.take(targets)
                with torch.no_grad():
                    own, seen = self._answers(student, images, layers)[1], self._taught(images, layers)[1]
                for stage, total in zip(self.stages, sums, strict=True):
                    if (name := stage.layer.weight) in own:
                        total.add(own[name], stage.targets(seen[name]))
        finally:
            for name, buffer in buffers.items():
                buffer.copy_(before[name])
        for stage, total in zip(self.stages, sums, strict=True):
            if not total.count:  # a block that was closed
                self._left_out(f"the cut network does not run {stage.layer.name}")
        self.stages = tuple(s for s, total in zip(self.stages, sums, strict=True) if total.count)
        maps = [total.ridge_map() for total in sums if total.count]
        self.maps = [(on_device(mean, self.device), on_device(onto, self.device)) for mean, onto in maps]

    def hear(
        self, student: "nn.Module", images: "Tensor", targets: "Tensor"
    ) -> "tuple[Tensor, dict[str, Tensor]]":
        """The student's outputs, and the terms that have a weight: logits (T^2 KL, nats), features (F, 0 and
        more)."""
        layers = [stage.layer for stage in self.stages]
        if layers:
            self.now.take(targets)
        outputs, own = self._answers(student, images, layers)
        said, seen = self._taught(images, layers)
        terms = {}
        if self.teaching.logits:
            temperature = self.teaching.temperature
            terms["logits"] = temperature**2 * self.task.divergence(outputs, said, temperature)
        if self.stages:
            missed = [
                ((own[stage.layer.weight] - mean) @ onto - stage.targets(seen[stage.layer.weight])).square()
                for stage, (mean, onto) in zip(self.stages, self.maps, strict=True)
            ]
            terms["features"] = sum(each.sum(1).mean() for each in missed) / len(missed)
        return outputs, terms

    def _taught(self, images: "Tensor", layers: list[LayerRecord]):
        import torch

        from pruning.models.module_modes import evaluating

        with evaluating(self.teaching.teacher), torch.no_grad():
            return self._answers(self.teaching.teacher, images, layers)

    def _answers(self, model: "nn.Module", images: "Tensor", layers: list[LayerRecord]):
        """The outputs, and {weight: [N, C]}, the pooled features that each of the layers reads; where pixels
        have classes, those at sampled pixels. Layers are found by the teacher's names: a cut keeps them."""
        from pruning.statistics.collect import Observer, channels_second

        pooled: dict[str, Tensor] = {}
        if not layers:
            return model(images), pooled

        def listen(layer: LayerRecord):
            def see(tensor: "Tensor") -> "Tensor":
                maps = self.now.features(channels_second(tensor, layer.kind))
                pooled[layer.weight] = maps.flatten(2).mean(2) if maps.dim() > 2 else maps
                return tensor

            return see

        with Observer(model, self.teaching.structure, {layer.weight: listen(layer) for layer in layers}, {}):
            return model(images), pooled

    def _batches(self) -> "Iterator[tuple[Tensor, Tensor]]":
        size = max(2, images_at_once(self.split.images, BATCH))
        for first in range(0, max(1, len(self.split) - 1), size):  # a last single image is left out
            yield batch_of(self.split, slice(first, first + size), self.normalization, self.device)
            self.watch()


def stage_ends(structure: Structure) -> list[LayerRecord]:
    """The layers that read the end of a stage, in the order they run; the classifier is the last.

    A stage ends where a layer writes a smaller map than all before it. Its last map is what that layer reads;
    inside a block that is a map of the block's own, so there it is what the last layer of the stage that
    reads a residual stream reads. The first layer reads the images, which end no stage.
    """
    layers = [layer for layer in structure.layers if layer.dense and layer.weight and layer.input is not None]
    found, smallest, began = {}, math.inf, 0
    for place, layer in enumerate(layers[:-1]):
        if places(layer) < smallest:
            streams = [other for other in layers[began + 1 : place + 1] if reads_stream(structure, other)]
            end = streams[-1] if streams else layer
            found |= {end.weight: end} if place else {}
            smallest, began = places(layer), place
    found |= {layers[-1].weight: layers[-1]} if layers[1:] else {}
    return list(found.values())


def places(layer: LayerRecord) -> int:
    """Of the map that a layer writes: H x W of a convolution's."""
    return math.prod(layer.shape[:-1] if layer.kind == "linear" else layer.shape[1:])


def reads_stream(structure: Structure, layer: LayerRecord) -> bool:
    index = structure.maps.get(layer.weight, {}).get(layer.input)
    read = () if index is None else np.unique(index.group)
    return any(g >= 0 and not structure.groups[g].inner for g in read)


class Moments:
    """Sums over images of features x [N, C] and of y [N, D] beside them, in float64."""

    def __init__(self):
        self.count = 0

    def add(self, x: "Tensor", y: "Tensor") -> None:
        x, y = for_double(x.detach()).double(), for_double(y).double()
        sums = (x.sum(0), y.sum(0), x.T @ x, x.T @ y)
        self.sums = [a + b for a, b in zip(self.sums, sums, strict=True)] if self.count else sums
        self.count += len(x)

    def centred(self) -> tuple[np.ndarray, ...]:
        """mean of x [C], sum of y [D], x'x [C, C] and x'y [C, D] about the means."""
        x, y, xx, xy = (total.cpu().numpy() for total in self.sums)
        return x / self.count, y, xx - np.outer(x, x) / self.count, xy - np.outer(x, y) / self.count

    def directions(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Of y one-hot: the mean [C] and the scaled discriminant directions [C, at most K - 1]; None where
        the features do not vary or there is one class."""
        mean, counts, total, sums = self.centred()
        between = (sums / np.maximum(counts, 1)) @ sums.T
        count = min(int(np.count_nonzero(counts)) - 1, len(total))
        if count < 1 or not 0 < np.trace(total) < math.inf:
            return None
        found = discriminant_directions(between, total, count)
        return mean, found / math.sqrt(np.trace(found.T @ total @ found) / self.count)

    def ridge_map(self) -> tuple[np.ndarray, np.ndarray]:
        """The mean [C], and A [C, D] with the least ||(x - mean) A - y||^2 + ridge ||A||^2."""
        mean, _, total, cross = self.centred()
        return mean, np.linalg.solve(total + ridge(total, MAP_RHO), cross)


def discriminant_directions(
    between: np.ndarray, total: np.ndarray, count: int, *, rho: float = RHO
) -> np.ndarray:
    """The `count` leading v of between v = lambda (total + ridge) v: [C, count], the most telling first.

    between, total: [C, C], scatters.   rho: ridge, relative to the mean diagonal of `total`.   v'(total +
    ridge) v is 1."""
    from scipy.linalg import eigh

    last = len(total) - 1
    _, vectors = eigh(between, total + ridge(total, rho), subset_by_index=[last - count + 1, last])
    return vectors[:, ::-1]


def ridge(total: np.ndarray, rho: float) -> np.ndarray:
    """rho times the mean of the diagonal, on the diagonal; 1 where nothing varies."""
    return (rho * np.trace(total) / len(total) or 1.0) * np.eye(len(total))


def on_device(array: np.ndarray, device):
    import torch

    return torch.from_numpy(np.ascontiguousarray(array)).float().to(device)
