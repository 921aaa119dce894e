"""Block matching: the cut network's blocks are made to give what the whole network's blocks give. No labels.

loss = mean over blocks of (mean squared difference / variance of the whole network's output), Adam on all
weights, norms in evaluation mode. The calibration images come moved a little and, where a mirrored image is
of the same class, mirrored: never quite the same twice, so the whole network is asked again in every step.
Some images are set aside; the best state by the loss on those is kept. [D] Related: hints of a teacher's
inner layers (Romero et al. 2015), here of all blocks at once, between a network and its own smaller self.
"""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from pruning.channels.tracer import evaluating
from pruning.cost import Plan
from pruning.data import images_at_once
from pruning.data.resizing import moved_from
from pruning.error_messages import first_line
from pruning.models.fill_weights import restore
from pruning.progress import Watch, between_layers, silent, timed
from pruning.reconstruction.adam import Adam
from pruning.reconstruction.blocks import Block, blocks_of
from pruning.reconstruction.forward_pass import record_forward_pass
from pruning.statistics.calibration_images import CalibrationImages

RATE = 0.03  # of a weight's own size (root mean square) a step, at its highest; it falls along a cosine
SMALL = 3e-3  # the same of norms' scales and shifts and of biases, in their own units
WARM = 0.15  # share of the steps in which the rate rises: Adam's first steps are all of full length
BATCH = 100  # images a step
ASIDE = 10  # one image of so many is set aside
CHECKS = 5  # times that the loss on those is looked at
GRADIENTS = 2**30  # bytes that a backward pass may hold
PART = 128  # images at a time without gradients, at most


def match(
    small: nn.Module,
    plan: Plan,
    model: nn.Module,
    images: CalibrationImages,
    *,
    steps: int = 100,
    watch: Watch = silent,
) -> list[str]:
    """Moves all weights of the cut network for `steps` steps; returns messages.

    small, plan, model: as `repair`'s.   images: unlabelled; their seed deals them out. The same seed and
    steps give the same weights. Parameters that need no gradient stay.
    """
    part = images_at_once(images.split.images, PART)
    inputs = images.rows(slice(part))[0]
    one, other = record_forward_pass(model, inputs[:2]), record_forward_pass(small, inputs[:2])
    blocks = blocks_of(plan, one, other)
    weights = [p for p in small.parameters() if p.requires_grad and p.numel()]
    if not blocks or not weights:
        return ["no block of the pruned network can be compared with the full network's: nothing was matched"]
    learning = max(1, int(GRADIENTS / max(1.0, 2 * other.stored())))
    trainer = _Trainer(small, weights, _Wanted(model, blocks, inputs), learning)
    if reason := trainer.stuck(inputs[:1]):
        return [f"no gradient passes through the network ({reason}): nothing was matched"]
    learned_from = len(images) - max(1, len(images) // ASIDE)
    best = _Best(small, trainer, images.rows(slice(learned_from, None))[0], part)
    with _gradients_as_they_were(small), evaluating(small):
        _descend(trainer, learned_from, images, steps, best, watch)
    return best.put_back()


def _descend(trainer: "_Trainer", number: int, images: CalibrationImages, steps: int, best, watch: Watch):
    """number: of the images that are learned from, the first ones."""
    random, watch = np.random.default_rng(images.seed), timed(watch)
    drawn = _drawn(random, number)
    for step in range(steps):
        batch = images.rows([next(drawn) for _ in range(BATCH)])[0]
        seen = moved(batch, random, shift=images.shift // 2, flips=images.flips)
        with between_layers(trainer.small, partial(watch, "repair", step, steps)):
            loss = trainer.step(seen, rate_at(step, steps))
        if not math.isfinite(loss):
            break
        if (step + 1) % max(1, steps // CHECKS) == 0 or step + 1 == steps:
            best.look()
        watch("repair", step + 1, steps, message="match", loss=loss)


def rate_at(step: int, steps: int) -> float:
    """Share of RATE: it rises in a line, then falls along a cosine; few steps have no time for long ones."""
    rising = min(1.0, (step + 1) / max(1.0, WARM * steps)) * min(1.0, math.sqrt(steps / 100))
    return rising * (1 + math.cos(math.pi * step / steps)) / 2


def _drawn(random: np.random.Generator, images: int) -> Iterator[int]:
    """Images without end: every one once before any comes again."""
    while True:
        yield from random.permutation(images).tolist()


def moved(images: Tensor, random: np.random.Generator, *, shift: int, flips: bool) -> Tensor:
    """The images [N, C, H, W], each moved and mirrored as `moved_from` says."""
    number, size = len(images), (images.shape[2], images.shape[3])
    rows, columns = moved_from(random, number, size, shift=shift, flips=flips)
    at = (np.arange(number)[:, None, None], rows[:, :, None], columns[:, None, :])
    image, row, column = (torch.from_numpy(index).to(images.device) for index in at)
    return images.movedim(1, -1)[image, row, column].movedim(-1, 1).contiguous()


class _Taps(TorchFunctionMode):
    """Shows what each block gives, as the network runs. seen: (place among the blocks, tensor)."""

    def __init__(self, blocks: list[Block], seen):
        super().__init__()
        self.places, self.seen, self.number = {b.number: k for k, b in enumerate(blocks)}, seen, -1

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if any(isinstance(leaf, Tensor) for leaf in tree_leaves(result)):
            self.number += 1
            if self.number in self.places:
                self.seen(self.places[self.number], result)
        return result


class _Wanted:
    """What the whole network's blocks give, each block's in units of its own spread over some images."""

    def __init__(self, model: nn.Module, blocks: list[Block], inputs: Tensor):
        self.model, self.blocks = model, blocks
        kept = (block.kept for block in blocks)
        self.kept = [k if k is None else torch.as_tensor(k, device=inputs.device) for k in kept]
        self.spread = [1.0] * len(blocks)
        self.spread = [float(out.std()) or 1.0 for out in self.of(inputs)]

    def of(self, inputs: Tensor) -> list[Tensor]:
        found: dict[int, Tensor] = {}

        def keep(place: int, output: Tensor):
            kept = self.kept[place]
            found[place] = (output if kept is None else output[:, kept]) / self.spread[place]

        own = inputs.clone()
        with evaluating(self.model), torch.no_grad(), _Taps(self.blocks, keep):
            self.model(own)
        return [found[place] for place in range(len(self.blocks))]


@dataclass(eq=False)
class _Trainer:
    """Steps of the cut network's weights. part: images whose backward pass fits into memory."""

    small: nn.Module
    weights: list[nn.Parameter]
    wanted: _Wanted
    part: int

    def __post_init__(self):
        sizes = [float(weight.detach().square().mean().sqrt()) for weight in self.weights]
        self.rates = [
            RATE * (size or 1.0) if weight.dim() > 1 else SMALL
            for weight, size in zip(self.weights, sizes, strict=True)
        ]
        self.optimizer = Adam(self.weights)

    def step(self, inputs: Tensor, rate: float) -> float:
        """One step on these images, at this share of the highest rate; the loss before it."""
        for weight in self.weights:
            weight.grad = None
        total = 0.0
        for some in inputs.split(self.part):
            with torch.enable_grad():
                loss = self.loss(some) * (len(some) / len(inputs))
            loss.backward()
            total += float(loss.detach())
        self.optimizer.step([rate * highest for highest in self.rates])
        return total

    def stuck(self, inputs: Tensor) -> str:
        """Why no gradient goes through; nothing where one does."""
        try:
            with evaluating(self.small), torch.enable_grad():
                torch.autograd.grad(self.loss(inputs), self.weights, allow_unused=True)
        except RuntimeError as error:
            return first_line(error)
        return ""

    def loss(self, inputs: Tensor) -> Tensor:
        targets, terms = self.wanted.of(inputs), []

        def compare(place: int, output: Tensor):
            terms.append((output / self.wanted.spread[place] - targets[place]).square().mean())

        with _Taps(self.wanted.blocks, compare):
            self.small(inputs)
        return torch.stack(terms).mean()


class _Best:
    """The best state so far by the loss on images set aside. part: of them at a time."""

    def __init__(self, small: nn.Module, trainer: _Trainer, aside: Tensor, part: int):
        self.small, self.trainer, self.aside, self.part = small, trainer, aside, part
        self.loss = math.inf
        with evaluating(small):
            self.look()
        self.before = self.last = self.loss

    def look(self):
        total = 0.0
        with torch.no_grad():
            for some in self.aside.split(self.part):
                total += float(self.trainer.loss(some)) * len(some)
        self.last = total / len(self.aside)
        if self.last < self.loss:
            self.loss = self.last
            self.state = copy.deepcopy(self.small.state_dict())

    def put_back(self) -> list[str]:
        """A sentence where no step made it better."""
        if self.last != self.loss:
            restore(self.small, self.state)
        if self.loss < self.before:
            return []
        return ["block-wise matching improved nothing on images set aside: the reconstructed network is kept"]


class _gradients_as_they_were:
    """Parameters leave with the gradients that they came with."""

    def __init__(self, model: nn.Module):
        self.model = model

    def __enter__(self):
        self.before = [(p, p.grad) for p in self.model.parameters()]
        for parameter, _ in self.before:
            parameter.grad = None

    def __exit__(self, *_):
        for parameter, gradient in self.before:
            parameter.grad = gradient
