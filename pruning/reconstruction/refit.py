"""Least-squares reconstruction: every layer that reads what was cut is refitted, in the order they run, so
that it gives what the whole network gives.

dV = argmin ||A dV - D||^2 + lambda ||dV||^2: A what the layer of the cut network sees, at sampled places of
the calibration images; D what its output lacks of the whole network's; the bias from the means. Where that
output is added to another (a shortcut), D is what the *sum* lacks, so errors that arrive by the shortcut are
corrected too. Both networks run side by side, batch by batch, and every batch waits at every layer until it
is refitted from all images: so a layer sees what the layers before it give after they were refitted. No
labels. [D] Pulled toward the weights it has, like ThiNet's and Channel Pruning's refits (Luo et al. 2017, He
et al. 2017) it needs no training.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from pruning.cost import Plan
from pruning.latency.freed_memory import give_back_freed_memory, keep_freed_memory
from pruning.models.module_modes import evaluating
from pruning.progress import Watch, silent, timed
from pruning.reconstruction.activation_store import ActivationStore, budget
from pruning.reconstruction.forward_pass import record_forward_pass
from pruning.reconstruction.im2col import Places
from pruning.reconstruction.least_squares import RunningSums
from pruning.reconstruction.paused_passes import PausedPass, images_at_once, own_shell
from pruning.reconstruction.steps import Running, Step, along, places, steps_of
from pruning.statistics.calibration_images import CalibrationImages

ROWS = 32_000  # sampled places of a layer, of all images together
MOST = 256  # of one image: further ones say little that is new
SHUT = 1e-6  # a norm's scale, relative to its largest, below which its channel answers nothing


def reconstruct(
    small: nn.Module,
    plan: Plan,
    model: nn.Module,
    images: CalibrationImages,
    *,
    rows: int = ROWS,
    watch: Watch = silent,
) -> list[str]:
    """Refits the cut network's layers in place; returns messages: what was left as it was, and why.

    small, plan, model: as `repair`'s.   images: unlabelled; all are looked at, whatever their size, and of
    what both networks hold of them a tenth of the free memory is used, the rest of it lies on disk
    meanwhile.   rows: places that are looked at of each layer, of all images together.
    """
    keep_freed_memory()
    give_back_freed_memory()
    few = images.rows(slice(2))[0]
    whole, cut = record_forward_pass(model, few), record_forward_pass(small, few)
    steps, messages = steps_of(plan, whole, cut)
    if not steps:
        return [*messages, "no layer of the network reads what was cut, so there is nothing to reconstruct"]
    sample = _Sample(images, rows, images_at_once(len(images), whole.peak() + cut.peak()))
    store = ActivationStore(budget(images.device), [*_own(model), *_own(small)])
    passes = _passes(small, model, steps, images, sample, store, (whole.keeps, cut.keeps))
    told = partial(timed(watch), "repair", message="reconstruct")
    with evaluating(model), evaluating(small), _ended(passes):
        for done, step in enumerate(steps):
            _refit(step, passes, sample, partial(told, done=done, total=len(steps)))
    told(done=len(steps), total=len(steps))
    return [*messages, *store.told()]


def _passes(small, model, steps: list[Step], images, sample: "_Sample", store, keeps: tuple[bool, bool]):
    """For every batch the whole network's pass and the cut one's."""
    in_whole_order = sorted(steps, key=lambda step: step.whole.settles)
    found = []
    for first, number in sample.batches():

        def inputs(part=slice(first, first + number)) -> Tensor:
            return images.rows(part)[0].clone()  # what a network does in place is its own affair

        def outputs(running: Running, result: Tensor, first=first, number=number) -> Tensor:
            where = sample.places(running, result, first, number)
            kept, seen = running.step.kept, running.call.outputs(result, where)
            return seen if kept is None else seen[:, torch.as_tensor(kept, device=seen.device)]

        def rows(running: Running, result: Tensor, first=first, number=number) -> tuple[Tensor, Tensor]:
            where = sample.places(running, result, first, number)
            return running.call.rows(where), running.call.outputs(result, where)

        both = zip((model, small), keeps, strict=True)
        whole, cut = (own_shell(net) if kept else net for net, kept in both)
        wanted = PausedPass(whole, inputs, in_whole_order, _in_whole, outputs, store, rows=False)
        found.append((_Wanted(wanted), PausedPass(cut, inputs, steps, _in_cut, rows, store)))
    return found


def _in_whole(step: Step):
    return step.whole


def _in_cut(step: Step):
    return step.cut


def _own(model: nn.Module) -> Iterator[Tensor]:
    yield from model.parameters()
    yield from model.buffers()


@contextmanager
def _ended(passes) -> Iterator[None]:
    """On the way out no pass runs any more."""
    with ExitStack() as stack:
        for wanted, own in passes:
            stack.callback(wanted.course.end)
            stack.callback(own.end)
        yield


class _Sample:
    """Where the layers are looked at. at_once: images of a batch."""

    def __init__(self, images: CalibrationImages, rows: int, at_once: int):
        self.images, self.learned = len(images), images.learned
        self.at_once, self.seed = at_once, images.seed
        self.each = min(MOST, -(-rows // self.images))
        self.lock, self.drawn_for = threading.Lock(), ""

    def batches(self) -> list[tuple[int, int]]:
        """(first image, how many)."""
        firsts = range(0, self.images, self.at_once)
        return [(first, min(self.at_once, self.images - first)) for first in firsts]

    def places(self, running: Running, result: Tensor, first: int, number: int) -> Places:
        """Of these images, drawn by seed and layer: the same in both networks, however they are dealt."""
        weight = running.step.weight
        with self.lock:
            if self.drawn_for != weight:
                self.drawn = places(running, result, (self.seed,), self.each, self.images)
                self.drawn_for = weight
            return self.drawn.of(first, number)

    def aside(self, first: int, number: int) -> Tensor:
        """bool [places] of these images, whether they are of one that is set aside."""
        return self.drawn.of(first, number).image + first >= self.learned

    def rows(self, step: Step) -> int:
        """Places of the step that was looked at last, of all images that are fitted to."""
        assert self.drawn_for == step.weight
        return len(self.drawn) // self.images * self.learned


class _Wanted:
    """What the steps' outputs have to be, of one batch: from its pass through the whole network, which may
    take them up in another order."""

    def __init__(self, course: PausedPass):
        self.course, self.held, self.asked = course, {}, False

    def go_on(self, step: Step):
        """Toward this step, unless it was passed already."""
        if step.weight not in self.held:
            self.course.go_on()
            self.asked = True

    def of(self, step: Step) -> Tensor:
        """[rows, outputs that are kept]."""
        while step.weight not in self.held:
            if not self.asked:
                self.course.go_on()
            self.asked = False
            self.course.wait()
            if (running := self.course.running) is None:
                raise ValueError(
                    f"the full network did not run {step.weight} a second time; it must do the same"
                )
            self.held[running.step.weight], self.course.seen = self.course.seen, None
        return self.held.pop(step.weight)


@torch.no_grad()
def _refit(step: Step, passes, sample: _Sample, look: Callable[[], None]):
    """All batches come to this step and wait; the layer is refitted, and they are told what changes."""
    sums = None
    for (first, number), (wanted, own) in zip(sample.batches(), passes, strict=True):
        look()
        wanted.go_on(step)
        own.go_on()
        target = wanted.of(step)
        own.wait()
        running, (rows, outputs) = own.running, own.taken()
        if sums is None:
            has_bias = running.call.bias is not None or running.mean is not None
            sums = RunningSums(sample.rows(step), intercept=has_bias)
        lacks = target - outputs
        if (scale := running.scale) is not None:
            lacks = torch.where(scale.abs() > SHUT * scale.abs().max(), lacks / scale, 0.0)
        sums.add(rows, running.call.split(lacks), sample.aside(first, number))
    dv, db = sums.solved()
    change = _Change(running.call.weight_of(dv).contiguous(), db.flatten() if has_bias else None)
    change.move(running)
    for _, own in passes:
        own.change = change


@dataclass(eq=False)
class _Change:
    """Of a layer.   weight: as its weight.   constant: [outputs], or None where it has nothing that could
    take one up."""

    weight: Tensor
    constant: Tensor | None

    def move(self, running: Running):
        """The layer itself, or what its norm takes off."""
        running.call.weight.add_(self.weight)
        if self.constant is not None:
            bias = running.call.bias
            running.mean.sub_(self.constant) if bias is None else bias.add_(self.constant)

    def __call__(self, running: Running, result: Tensor):
        """What was made of the layer's output changes by as much."""
        call = running.call
        given = call.given | {"weight": self.weight} | ({"bias": None} if "bias" in call.given else {})
        made = running.again(*given.values())
        if self.constant is not None:
            made.add_(along(self.constant, made, call))
        result.add_(made if running.scale is None else made.mul_(along(running.scale, made, call)))
