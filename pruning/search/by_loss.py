"""What a masked network loses on hold-out images, measured again and again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from pruning.allocation.limits import Limits
from pruning.channels.indices import cut_where_read
from pruning.channels.slices import copy_with, silenced
from pruning.data import Dataset, batch_of, load_data, normalization_of
from pruning.devices import of_network
from pruning.reconstruction.moved_batches import MIXED, SHARE, mixed
from pruning.reconstruction.moved_batches import moved as moved_by
from pruning.search.prefix_cache import batches
from pruning.statistics.calibration_images import must_take, takes_channels_last
from pruning.tasks import Task

PIXELS = 256 * 32 * 32  # of a batch's images: what an activation takes in memory grows with them
MOST_PIXELS = 500 * 224 * 224  # of all images, which are kept with what the whole network says of each


@dataclass(frozen=True, eq=False)
class Holdout:
    """Images on which a search measures. inputs, targets: a tensor a batch.   message: what could not be had
    as asked, or nothing."""

    inputs: list[torch.Tensor]
    targets: list[torch.Tensor]
    task: Task
    message: str = ""

    def __len__(self) -> int:
        return sum(map(len, self.targets))


def holdout_batches(model: nn.Module, data, number: int, seed: int, *, moved: bool = False) -> Holdout:
    """`number` images of the hold-out, drawn by `seed`; all there are, with a message, where there are
    fewer.

    moved: each a little, mirrored where that leaves its class, and half of them with some of another one in
    them: images that a network has not learned by heart. Their labels are no longer theirs alone."""
    dataset = data if isinstance(data, Dataset) else load_data(data)
    area = dataset.holdout.images.shape[2] ** 2
    most = min(number, max(2, MOST_PIXELS // area))
    rows = np.random.default_rng(seed).permutation(len(dataset.holdout))[:most]
    chosen = dataset.holdout.take(rows)
    normalization = normalization_of(model, dataset)
    device, kind = of_network(model)
    wanted = -(-len(rows) * area // PIXELS)  # norms that use a batch's own statistics need two images
    parts = np.array_split(np.arange(len(rows)), max(1, min(wanted, len(rows) // 2)))
    fewer = f"{number:,} hold-out images were asked for; there are {len(rows):,}, and all are used"
    if len(rows) < len(dataset.holdout):
        fewer = f"{number:,} hold-out images were asked for; of such large ones {len(rows):,} are used"
    batches = [batch_of(chosen, part, normalization, str(device)) for part in parts]
    inputs, targets = ([batch[side] for batch in batches] for side in (0, 1))
    inputs = [part.to(kind) for part in inputs]
    must_take(model, inputs[0][:2])
    if moved:
        last = takes_channels_last(model, inputs[0][:2])
        inputs = [part if last else part.contiguous() for part in _moved(inputs, dataset, seed)]
    return Holdout(inputs, targets, chosen.task, fewer if len(rows) < number else "")


def _moved(inputs: list[torch.Tensor], dataset: Dataset, seed: int) -> list[torch.Tensor]:
    random, found, reach = np.random.default_rng([seed, len(inputs)]), [], dataset.shift // 2
    for batch in inputs:
        down, right = random.integers(-reach, reach + 1, (2, len(batch)))
        mirrored = random.random(len(batch)) < (0.5 if dataset.flips else 0.0)
        shares = random.uniform(0, MIXED, len(batch)) * (random.random(len(batch)) < SHARE)
        given = (torch.from_numpy(part).to(batch.device) for part in (down, right, mirrored))
        found.append(mixed(moved_by(batch, *given), torch.from_numpy(shares).to(batch)))
    return found


class Loss:
    """A Price in nats: mean cross-entropy, or KL from the full network's answers, of a copy of the network.

    by: cross-entropy, or kl or kl-moved.   temperature: T, above 0; kl is T^2 KL of the answers, both logits
    over T.   kept: (group, channels lost) -> channels that stay.   recalibrated: norms use each batch's own
    statistics, which is about what recalibration would set them to.   between: called after each batch.
    Channels that are gone are zero where they are read, as in `masked`; the given network is not changed.
    Only what comes after a group's readers is computed again.
    """

    def __init__(
        self, graph, holdout: Holdout, *, by: str, temperature, limits: Limits, kept, recalibrated, between
    ):
        self.structure, self.holdout, self.kept = graph.structure, holdout, kept
        self.temperature: float = temperature
        self.between: Callable[[], None] = between
        self.model = copy_with(graph.model, {}).eval()
        self.full = [self._answer(part) for part in holdout.inputs] if by != "cross-entropy" else None
        if recalibrated:
            _follow_the_batch(self.model)
        groups = [*limits.open, *np.flatnonzero(limits.given).tolist()]
        none = np.zeros(0, int)
        self.weights = {g: tuple(cut_where_read(self.structure, {g: none})) for g in groups}
        self.batches = batches(self.model, holdout.inputs, list(self.weights.values()))
        self._zero({g: int(limits.given[g]) for g in np.flatnonzero(limits.given).tolist()})
        self.now = self._measured((), keep=True)

    def _answer(self, inputs: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            answer = self.model(inputs)
        must_be_for(self.holdout.task, answer, inputs)
        return answer

    def without(self, levels: Mapping[int, int]) -> float:
        with silenced(self.model, self._gone(levels)):
            return self._measured(self._changing(levels))

    def cut(self, levels: Mapping[int, int]) -> None:
        self._zero(levels)
        self.now = self._measured(self._changing(levels), keep=True)

    def _gone(self, levels: Mapping[int, int]):
        return cut_where_read(self.structure, {g: self.kept(g, level) for g, level in levels.items()})

    def _changing(self, levels: Mapping[int, int]) -> tuple[str, ...]:
        return tuple(weight for g in levels for weight in self.weights[g])

    def _zero(self, levels: Mapping[int, int]):
        tensors = dict(self.model.named_parameters())
        with torch.no_grad():
            for name, gone in self._gone(levels).items():
                for dimension, indices in gone.items():
                    tensors[name].index_fill_(
                        dimension, torch.as_tensor(indices, device=tensors[name].device), 0
                    )

    def _measured(self, weights: tuple[str, ...], *, keep: bool = False) -> float:
        total = 0.0
        for number, batch in enumerate(self.batches):
            outputs = batch.run(weights, keep=keep)
            total += self._loss(outputs, number) * len(self.holdout.targets[number])
            self.between()
        return total / len(self.holdout)

    def _loss(self, outputs: torch.Tensor, number: int) -> float:
        if self.full is None:
            return float(self.holdout.task.loss(outputs, self.holdout.targets[number]))
        divergence = self.holdout.task.divergence(outputs, self.full[number], self.temperature)
        return self.temperature**2 * float(divergence)


def must_be_for(task: Task, answer: Any, inputs: torch.Tensor):
    """Raises ValueError where a network answers in another form than the images ask for."""
    maps = answer.get("out") if isinstance(answer, Mapping) else answer  # as torchvision's segmenters answer
    outputs = maps.shape[1] if isinstance(maps, torch.Tensor) and maps.dim() > 1 else 0
    problem = task.misfit(answer, len(inputs), outputs, inputs.shape[-1])
    if problem:
        raise ValueError(f"{problem}: such a network is scored and repaired, but no plan is searched for it")


def _follow_the_batch(model: nn.Module):
    """Batch norms take each batch's own mean and variance, and keep their stored ones as they are."""
    for norm in model.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            norm.train()
            norm.momentum, norm.num_batches_tracked = 0.0, None
