"""Channels of one group taken out of a network and put back: what every hold-out image then costs."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pruning.channels.indices import cut_where_read, kept_by_tensor
from pruning.data import Split, batch_of, images_at_once
from pruning.error_messages import choose
from pruning.experiment.loading import Loaded
from pruning.progress import Watch, timed
from pruning.tasks import Task

if TYPE_CHECKING:
    import torch
    from torch import nn

    from pruning.inspection.shared_prefix import Start

IMAGES = 500  # of the hold-out
BATCH = 128  # images at a time, at most, as many as the repair takes

Tick = Callable[..., None]  # called after each batch, with whatever a watch is told


class Steps:
    """Counts the steps of a computation, such as batches, and tells its watch how long the rest will take."""

    def __init__(self, watch: Watch, stage: str, total: int):
        self.watch, self.stage, self.total, self.done = timed(watch), stage, total, 0

    def __call__(self, *_: Any, **__: Any) -> None:
        self.done = min(self.done + 1, self.total)
        self.still()

    def still(self, *_: Any, **__: Any) -> None:
        """Tells the same again, in the middle of a step: there it can be cancelled."""
        self.watch(self.stage, self.done, self.total)


def holdout_of(loaded: Loaded, images: int) -> Split:
    """The first images of the hold-out, at most so many."""
    return loaded.data.holdout.first(images)


def learned(loaded: Loaded) -> bool:
    """Whether the network may have been trained on the hold-out: nobody knows of weights from elsewhere."""
    return loaded.recipe.trained_elsewhere


def batches_of(images: Split) -> int:
    return -(-len(images) // images_at_once(images.images, BATCH))


def repairable(model: "nn.Module") -> bool:
    """Whether the network has norms whose statistics can be estimated anew."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return any(module.track_running_stats for module in model.modules() if isinstance(module, _BatchNorm))


def image_losses(loaded: Loaded, model: "nn.Module", images: Split, tick: Tick) -> np.ndarray:
    """Cross-entropy of each image in nats, in evaluation mode: [N]. model: the loaded one, or a cut of it."""
    import torch

    from pruning.models.module_modes import evaluating

    found = []
    with evaluating(model), torch.no_grad():
        for inputs, labels in batches(loaded, images):
            found.append(losses(images.task, model(inputs), labels))
            tick()
    return np.concatenate(found)


def batches(loaded: Loaded, images: Split) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
    normalization, device = loaded.model.origin.normalization, loaded.recipe.device
    size = images_at_once(images.images, BATCH)
    for first in range(0, len(images), size):
        yield batch_of(images, slice(first, first + size), normalization, device)


def losses(task: Task, outputs: "torch.Tensor", targets: "torch.Tensor") -> np.ndarray:
    """[N], in the task's unit (nats). Raises ValueError where the network answers anything else."""
    return task.losses(outputs, targets).cpu().double().numpy()


class Removal:
    """One group of a network, and the hold-out images on which removing its channels is measured.

    The network comes out as it went in. Raises ValueError where there is no such group.
    """

    def __init__(self, loaded: Loaded, group: str, images: int = IMAGES):
        from pruning.statistics.calibration_images import CalibrationImages

        self.loaded, self.structure = loaded, loaded.graph.structure
        self.number = self.structure.names.index(choose(group, self.structure.names, "group"))
        self.group = self.structure.groups[self.number]
        self.images = holdout_of(loaded, images)
        recipe = loaded.recipe
        self.calibration = CalibrationImages(loaded.model, loaded.data, recipe.calibration, recipe.seed)
        self.repairs = repairable(loaded.model)

    @property
    def steps_raw(self) -> int:
        """Batches that one raw measurement takes."""
        return batches_of(self.images)

    @property
    def steps_repaired(self) -> int:
        """Batches that one repaired measurement takes; none where nothing can be repaired."""
        return self.steps_raw + batches_of(self.calibration.split) if self.repairs else 0

    def whole(self, tick: Tick) -> np.ndarray:
        """Losses of the whole network: [N]."""
        return image_losses(self.loaded, self.loaded.model, self.images, tick)

    def raw(self, sets: Sequence[Sequence[int]], tick: Tick) -> np.ndarray:
        """Losses without each of these sets of channels, which are read as zero: [S, N].

        All sets are measured on one batch before the next, so that what runs before the group is read is
        computed once for all of them.
        """
        import torch

        from pruning.channels.slices import silenced
        from pruning.models.module_modes import evaluating

        model, found = self.loaded.model, []
        gone = [cut_where_read(self.structure, {self.number: self._kept(channels)}) for channels in sets]
        for inputs, labels in batches(self.loaded, self.images):
            start, of_batch = self._start(), []
            with evaluating(model), torch.no_grad():
                for slices in gone:
                    with silenced(model, slices), start:
                        of_batch.append(losses(self.images.task, model(inputs), labels))
                    tick()
            found.append(np.array(of_batch).reshape(len(sets), len(labels)))
        return np.concatenate(found, axis=1)

    def repaired(self, channels: Sequence[int], tick: Tick) -> np.ndarray:
        """Losses without these channels, the norms recalibrated on the calibration images: [N]."""
        from pruning.channels.slices import copy_with
        from pruning.reconstruction import recalibrate

        small = copy_with(
            self.loaded.model, kept_by_tensor(self.structure, {self.number: self._kept(channels)})
        )
        recalibrate(small, self.calibration, watch=tick)
        return image_losses(self.loaded, small, self.images, tick)

    def _kept(self, gone: Sequence[int]) -> np.ndarray:
        return np.setdiff1d(np.arange(self.group.size), np.asarray(gone, int))

    def _start(self) -> "Start":
        from pruning.inspection.shared_prefix import Start

        tensors = dict(self.loaded.model.named_parameters())
        readers = self.structure.layers_of(self.number, "readers")
        return Start([tensors[layer.weight] for layer in readers])
