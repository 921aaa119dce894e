"""The calibration images of a network: which ones, and how they reach it. Shared by statistics and repair."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pruning.data import Dataset, calibration_images, inputs_of, load_data, normalization_of
from pruning.devices import of_network
from pruning.error_messages import first_line
from pruning.number_checks import of_python, whole
from pruning.statistics.class_labels import class_numbers

if TYPE_CHECKING:
    import torch
    from torch import nn


class CalibrationImages:
    """Class-balanced training images, never of the hold-out, drawn by a seed, normalised as the network wants
    them.

    data: a Dataset, its name or path, or a tuple of normalised tensors.   shuffled: labels are dealt anew at
    random, by the
    same seed: the control for criteria that use labels.   class_numbers: int64 [M], the class of every image,
    or of the pixels sampled from each (`class_labels`); None where there are none.   messages: what could
    not be had as asked.   flips, shift: as the Dataset's.   channels_last:
    whether the network takes images that lie in memory so."""

    def __init__(self, model, data, number: int, seed: int, *, shuffled: bool = False):
        whole(of_python(number), "calibration", 1)
        whole(of_python(seed), "seed", 0)
        dataset = data if isinstance(data, Dataset) else load_data(data)
        drawn = calibration_images(dataset, number, seed)
        self.split = self.asked = drawn.split  # asked: as the network is given it, however labels are dealt
        if shuffled:
            labels = np.random.default_rng(seed).permutation(drawn.split.labels)
            self.split = replace(drawn.split, labels=labels)
        self.messages, self.seed = drawn.messages, seed
        self.task = self.split.task
        self.class_numbers = class_numbers(self.task, self.split.labels)
        self.classes = 0 if self.class_numbers is None else len(dataset.classes)
        self.normalization = normalization_of(model, dataset)
        self.flips, self.shift = dataset.flips, dataset.shift
        self.device, self.dtype = of_network(model)
        if dataset.normalised:  # of pictures no pixel is anything else
            _must_be_finite(self.asked.images)
        few = self.rows(slice(2))[0]
        must_take(model, few)
        self.channels_last = takes_channels_last(model, few)

    def __len__(self) -> int:
        return len(self.split)

    @property
    def learned(self) -> int:
        """The first so many are what a repair is fitted to; the last tenth is set aside and judges it. Of
        fewer than 20 none is."""
        return len(self) - len(self) // 10 if len(self) >= 20 else len(self)

    def batches(self, size: int) -> Iterator[tuple["torch.Tensor", "torch.Tensor"]]:
        """(inputs [N, C, H, W], targets [N, ...], such as class numbers) on the network's device
        and in its precision, the same at every call."""
        for start in range(0, len(self.split), size):
            yield self.rows(slice(start, start + size))

    def rows(self, rows: "slice | list[int]") -> tuple["torch.Tensor", "torch.Tensor"]:
        """The same of some of them: a slice, or row numbers."""
        inputs = inputs_of(self.asked, rows, self.normalization, self.device)
        targets = self.task.targets(self.split.labels[rows], self.device)
        return inputs.to(self.dtype), targets


def _must_be_finite(images: np.ndarray):
    """images: [M, ...], looked at one by one, since they may lie on disk."""
    if not all(np.isfinite(image).all() for image in images):
        raise ValueError("images for calibration hold NaN or infinite numbers; leave those images out")


def must_take(model: "nn.Module", inputs: "torch.Tensor"):
    """Raises ValueError where a network does not run on such images, as where it has several inputs, or where
    they have another number of channels. inputs: a few of them, [N, C, H, W]."""
    try:
        _run(model, inputs)
    except Exception as error:
        raise ValueError(
            f"the network does not run on images of shape {list(inputs.shape[1:])}: {first_line(error)}; "
            "give data that it takes, and a network of several inputs inside one that takes images alone"
        ) from error


def takes_channels_last(model: "nn.Module", inputs: "torch.Tensor") -> bool:
    """Whether a network that runs on these inputs also runs on such as lie with channels last in memory,
    which is faster; those that flatten maps by `view` do not."""
    import torch

    if inputs.dim() != 4 or inputs.is_contiguous(memory_format=torch.channels_last):
        return inputs.dim() == 4
    try:
        _run(model, inputs.contiguous(memory_format=torch.channels_last))
    except RuntimeError:
        return False
    return True


def _run(model: "nn.Module", inputs: "torch.Tensor"):
    import torch

    from pruning.channels.random_state import own_random_numbers
    from pruning.models.module_modes import evaluating

    with evaluating(model), torch.no_grad(), own_random_numbers(inputs.device):
        model(inputs)
