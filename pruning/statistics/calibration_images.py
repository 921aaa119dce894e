"""The calibration images of a network: which ones, and how they reach it. Shared by statistics and repair."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pruning.data import Dataset, calibration_images, inputs_of, load_data, normalization_of
from pruning.statistics.class_labels import class_numbers

if TYPE_CHECKING:
    import torch


class CalibrationImages:
    """Class-balanced training images, never of the hold-out, drawn by a seed, normalised as the network wants
    them.

    data: a Dataset, its name or path, or a tuple of normalised tensors.   shuffled: labels are dealt anew at
    random, by the
    same seed: the control for criteria that use labels.   class_numbers: int64 [M], the class of every image,
    or of the pixels sampled from each (`class_labels`); None where there are none.   messages: what could
    not be had as asked.   flips, shift: as the Dataset's."""

    def __init__(self, model, data, number: int, seed: int, *, shuffled: bool = False):
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
        self.device = next((p.device for p in model.parameters()), "cpu")
        floats = (p.dtype for p in model.parameters() if p.is_floating_point())
        self.dtype = next(floats, None)  # None: as images come, float32

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
        if not inputs.isfinite().all():  # of pictures none is; tensors that are given may hold any
            raise ValueError("images for calibration hold NaN or infinite numbers; leave those images out")
        targets = self.task.targets(self.split.labels[rows], self.device)
        return inputs.to(self.dtype or inputs.dtype), targets
