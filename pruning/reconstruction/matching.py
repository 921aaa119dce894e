"""Block matching: the cut network's blocks are made to give what the whole network's blocks give. No labels.

loss = mean over blocks of (mean squared difference / variance of the whole network's output), norms in
evaluation mode. Weights that are matrices move by Muon, all else by Adam. The calibration images come moved a
little and, where a mirrored image is of the same class, mirrored: never quite the same twice, so the whole
network is asked again in every step. Some images are set aside; the best state by the loss on those is kept.
[D] Related: hints of a teacher's inner layers (Romero et al. 2015), here of all blocks at once, between a
network and its own smaller self.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from pruning.cost import Plan
from pruning.data import images_at_once
from pruning.error_messages import first_line
from pruning.models.fill_weights import restore
from pruning.models.module_modes import evaluating
from pruning.progress import Watch, silent, timed
from pruning.reconstruction.adam import Adam
from pruning.reconstruction.block_outputs import BlockOutputs
from pruning.reconstruction.blocks import Block, blocks_of
from pruning.reconstruction.forward_pass import record_forward_pass
from pruning.reconstruction.moved_batches import MovedBatches
from pruning.reconstruction.muon import Muon, is_matrix
from pruning.statistics.calibration_images import CalibrationImages

MATRICES = 0.014  # of a matrix's own size (root mean square) a step, at its highest
KERNELS = 0.03  # the same of what has a size and is no matrix: kernels of depth-wise layers
SMALL = 3e-3  # the same of norms' scales and shifts and of biases, in their own units
WARM = 0.1  # share of the steps in which the rate rises: the first momenta are of one batch each
FLAT = 0.4  # share of the steps until which the rate stays; then it falls along a cosine
BATCH = 50  # images a step
TINY = 1e-6  # of a weight's size: least unit of an output
CHECKS = 5  # times that the loss on those is looked at
RISEN = 1.5  # times the first loss: the rate is too high for this network
LOWER, LEAST = 0.25, 0.01  # what it is then multiplied by, and below which share of it no more
TOLD = 20  # times that the loss of a batch is told: each waits for all that a GPU was asked for
GRADIENTS = 2**30  # bytes that a backward pass may hold
PART = 128  # images at a time without gradients, at most
HELD = 2**28  # bytes of images that are kept on the device; of more, each batch is fetched


def match(
    small: nn.Module,
    plan: Plan,
    model: nn.Module,
    images: CalibrationImages,
    *,
    steps: int = 200,
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
    if not any(p.requires_grad and p.numel() for p in small.parameters()):
        return ["no parameter of the pruned network asks for a gradient: nothing was matched"]
    if not blocks:
        return ["no block of the pruned network can be compared with the full network's: nothing was matched"]
    learning = max(1, int(GRADIENTS / max(1.0, 2 * other.stored())))
    with _gradients_as_they_were(small), evaluating(small), evaluating(model):
        wanted = _Wanted(BlockOutputs(model, blocks, inputs[:2], trained=False), blocks, inputs)
        trainer = _Trainer(BlockOutputs(small, blocks, inputs[:2], trained=True), wanted, learning)
        if reason := trainer.stuck(inputs[:1]):
            return [f"no gradient passes through the network ({reason}): nothing was matched"]
        learned = max(1, min(images.learned, len(images) - 1))
        aside = slice(min(learned, len(images) - 1), None)  # a single image is both
        best = _Best(small, trainer, images.rows(aside)[0], part)
        _descend(trainer, MovedBatches(images, learned, steps, BATCH, held=HELD), steps, best, watch)
        return [*_slower(wanted.outputs, trainer.outputs), *best.put_back()]


def _slower(*outputs: BlockOutputs) -> list[str]:
    reasons = dict.fromkeys(each.message for each in outputs if each.message)
    return [f"matching runs the network module by module, which takes longer: {reason}" for reason in reasons]


def _descend(trainer: "_Trainer", batches: MovedBatches, steps: int, best: "_Best", watch: Watch):
    """All steps. Where the loss rises, as it does at once where norms magnify what is next to nothing, what
    is left of them begins anew from the start, at a lower rate."""
    watch, last = timed(watch), steps - 1
    first, began, share = math.inf, 0, 1.0
    for step, seen in enumerate(batches):
        rate = share * rate_at(step - began, steps - began)
        loss = trainer.step(seen, rate, partial(watch, "repair", step, steps))
        told = {}
        if step % max(1, steps // TOLD) == 0 or step == last:
            told["loss"] = float(loss)
            first = min(first, told["loss"]) if step == 0 else first
            if not told["loss"] <= RISEN * first:
                if share < LEAST:
                    break
                share, began = share * LOWER, step + 1
                trainer.begin_anew()
        if (step + 1) % max(1, steps // CHECKS) == 0 or step == last:
            best.look()
        watch("repair", step + 1, steps, message="match", **told)


def rate_at(step: int, steps: int) -> float:
    """Share of the highest rate: it rises in a line, stays, and falls along a cosine; few steps have no time
    for long ones."""
    rising = min(1.0, (step + 1) / max(1.0, WARM * steps)) * min(1.0, math.sqrt(steps / 100))
    falling = max(0.0, (step / steps - FLAT) / (1 - FLAT))
    return rising * (1 + math.cos(math.pi * falling)) / 2


class _Wanted:
    """What the whole network gives at the ends of blocks, of kept channels.   spread: over some images."""

    def __init__(self, outputs: BlockOutputs, blocks: list[Block], inputs: Tensor):
        self.outputs = outputs
        kept = (block.kept for block in blocks)
        self.kept = [k if k is None else torch.as_tensor(k, device=inputs.device) for k in kept]
        self.spread = [float(out.std()) or 1.0 for out in self.of(inputs)]

    def of(self, inputs: Tensor, look: Callable[[], None] = lambda: None) -> list[Tensor]:
        found: dict[int, Tensor] = {}

        def keep(place: int, output: Tensor):
            kept = self.kept[place]
            found[place] = output.clone() if kept is None else output.index_select(1, kept)

        with torch.no_grad():
            self.outputs(inputs, keep, look)
        return [found[place] for place in range(len(self.kept))]


@dataclass(eq=False)
class _Trainer:
    """Steps of the cut network's weights. part: images whose backward pass fits into memory."""

    outputs: BlockOutputs
    wanted: _Wanted
    part: int

    def __post_init__(self):
        weights = self.outputs.weights()
        self.matrices = [weight for weight in weights if is_matrix(weight)]
        self.others = [weight for weight in weights if not is_matrix(weight)]
        self.rates = [MATRICES * _size(weight) for weight in self.matrices]
        self.other_rates = [KERNELS * _size(w) if w.dim() > 1 else SMALL for w in self.others]
        self.start = [weight.detach().clone() for weight in (*self.matrices, *self.others)]
        self._optimizers()

    def begin_anew(self):
        """The weights are what they were at the start, and nothing is known of earlier steps."""
        with torch.no_grad():
            for weight, before in zip((*self.matrices, *self.others), self.start, strict=True):
                weight.copy_(before)
        self._optimizers()

    def _optimizers(self):
        self.muon = Muon(self.matrices, [_units(weight) for weight in self.matrices])
        self.adam = Adam(self.others, [_units(weight) for weight in self.others])

    def step(self, inputs: Tensor, rate: float, look: Callable[[], None] = lambda: None) -> Tensor:
        """One step on these images, at this share of the highest rate; the loss before it. look: called
        before each layer."""
        for weight in (*self.matrices, *self.others):
            weight.grad = None
        losses = []
        for some in inputs.split(self.part):
            with torch.enable_grad():
                loss = self.loss(some, look) * (len(some) / len(inputs))
            loss.backward()
            losses.append(loss.detach())
        self.muon.step([rate * highest for highest in self.rates])
        self.adam.step([rate * highest for highest in self.other_rates])
        return sum(losses)

    def stuck(self, inputs: Tensor) -> str:
        """Why no gradient goes through; nothing where one does."""
        try:
            with torch.enable_grad():
                torch.autograd.grad(self.loss(inputs), [*self.matrices, *self.others], allow_unused=True)
        except RuntimeError as error:
            return first_line(error)
        return ""

    def loss(self, inputs: Tensor, look: Callable[[], None] = lambda: None) -> Tensor:
        targets, terms = self.wanted.of(inputs, look), []

        def compare(place: int, output: Tensor):
            terms.append(mse_loss(output, targets[place]) / self.wanted.spread[place] ** 2)

        self.outputs(inputs, compare, look)
        return torch.stack(terms).mean()


def _units(weight: Tensor) -> Tensor:
    """[outputs, 1, ...] of a weight: how large each output's part is beside the whole; 1 of a vector. A dead
    channel has weights near 0 and a variance near 0, by which its norm divides."""
    whole = _size(weight)
    if weight.dim() < 2 or not whole:
        return weight.new_ones(())
    sizes = weight.detach().flatten(1).square().mean(1).sqrt() / whole
    return sizes.clamp_min(TINY).view(-1, *[1] * (weight.dim() - 1))


def _size(weight: Tensor) -> float:
    return float(weight.detach().square().mean().sqrt()) or 1.0


class _Best:
    """The best state so far by the loss on images set aside. part: of them at a time."""

    def __init__(self, small: nn.Module, trainer: _Trainer, aside: Tensor, part: int):
        self.small, self.trainer, self.aside, self.part = small, trainer, aside, part
        self.loss = self.before = self.last = self._now()
        self.state = copy.deepcopy(small.state_dict())

    def look(self):
        self.last = self._now()
        if self.last < self.loss:
            self.loss = self.last
            self.trainer.outputs.put_back()
            self.state = copy.deepcopy(self.small.state_dict())

    def _now(self) -> float:
        with torch.no_grad():
            losses = [self.trainer.loss(some) * len(some) for some in self.aside.split(self.part)]
        return float(sum(losses)) / len(self.aside)

    def put_back(self) -> list[str]:
        """A sentence where no step made it better."""
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
