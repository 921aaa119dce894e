"""Least-squares reconstruction: every layer that reads what was cut is refitted, in the order they run, so
that it gives what the whole network gives.

dV = argmin ||A dV - D||^2 + lambda ||dV||^2: A what the layer of the cut network sees, at sampled places of
the calibration images; D what its output lacks of the whole network's; the bias from the means. Where that
output is added to another (a shortcut), D is what the *sum* lacks, so errors that arrive by the shortcut are
corrected too. Both networks run side by side, all images at once, so that a layer sees what the layers before
it give after they were refitted. No labels. [D] Pulled toward the weights it has, like ThiNet's and Channel
Pruning's refits (Luo et al. 2017, He et al. 2017) it needs no training.
"""

import contextlib
import math
import queue
import threading
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from pruning.channels.tracer import evaluating
from pruning.cost import Plan
from pruning.latency.freed_memory import give_back_freed_memory
from pruning.progress import Watch, between_layers, silent, timed
from pruning.reconstruction.forward_pass import ForwardPass, Reading, kept_outputs, record_forward_pass
from pruning.reconstruction.im2col import Call, Places
from pruning.reconstruction.least_squares import solved
from pruning.statistics.calibration_images import CalibrationImages

LIMIT = 512 * 2**20  # bytes of both networks' activations that live at once
FEW = 20  # images that may take four times as much: with a handful of large ones a wide layer has few rows
ROWS = 32_000  # sampled places of a layer, of all images together
MOST = 256  # of one image: further ones say little that is new
AHEAD = 2  # layers that the whole network may be ahead
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

    small, plan, model: as `repair`'s.   images: unlabelled; fewer where both networks' activations would take
    more than 512 MiB, and of the first 20 more than 2 GiB.   rows: places that are looked at of each layer,
    of all images together.
    """
    give_back_freed_memory()
    inputs = first_images(images, 2)
    passes = record_forward_pass(model, inputs), record_forward_pass(small, inputs)
    number = min(len(images), images_within(sum(each.peak() for each in passes)))
    steps, messages = _steps(plan, *passes)
    if not steps:
        return [*messages, "no layer of the network reads what was cut, so there is nothing to reconstruct"]
    if number < len(images):
        messages.append(
            f"reconstruction uses {number:,} of {len(images):,} images: more would take over 512 MiB"
        )
    inputs = first_images(images, number)
    places_each = min(MOST, -(-rows // number))
    with _Target(model, steps, inputs, places_each, images.seed) as target:
        refitter = _Refitter(target, timed(watch))
        refitted = Pass(steps, lambda step: step.cut, refitter)
        with evaluating(small), torch.no_grad(), between_layers(small, refitter.tell), refitted:
            small(inputs)
    return messages


def images_within(each: float) -> int:
    """How many images are looked at, at least 2. each: bytes that one takes."""
    return max(2, int(LIMIT / max(1.0, each)), min(FEW, int(4 * LIMIT / max(1.0, each))))


def first_images(images: CalibrationImages, number: int) -> Tensor:
    """The first `number` calibration images, as one batch."""
    return next(iter(images.batches(number)))[0]


@dataclass(frozen=True, eq=False)
class Step:
    """One layer to look at.   kept: of the whole network's outputs of this layer, or None for all.   whole,
    cut: where each network runs it."""

    weight: str
    kept: np.ndarray | None
    whole: Reading
    cut: Reading


def _steps(plan: Plan, whole: ForwardPass, cut: ForwardPass) -> tuple[list[Step], list[str]]:
    """The layers to refit in the order in which their output is taken up, and what is said of the others."""
    known, own, messages = whole.readings(), cut.readings(), []
    if whole.names != cut.names:
        messages.append("the pruned network runs other operations: errors from shortcuts are not corrected")
        known, own = ({w: replace(r, norm=None, settles=r.at) for w, r in x.items()} for x in (known, own))
    twice = sorted(set(cut.several()) & plan.reads.keys())
    heads = {head.weight for head in plan.structure.heads} if plan.structure else set()
    unseen = sorted(plan.reads.keys() - own.keys() - set(twice) - heads)
    asides = (
        (twice, "it runs more than once"),
        (unseen, "its weight is computed from others"),
        (sorted(heads & plan.reads.keys()), "it runs only in training"),
    )
    for weights, why in asides:
        messages += [f"{weight.removesuffix('.weight')} is not refitted: {why}" for weight in weights]
    first = min((own[weight].at for weight in plan.reads if weight in own), default=math.inf)
    steps = []
    for weight, reading in own.items():
        if reading.at >= first and weight in known:
            kept = kept_outputs(plan, whole.operations[known[weight].at], cut.operations[reading.at])
            if kept is None:
                left = weight.removesuffix(".weight")
                messages.append(f"{left} is not refitted: which of its outputs are left is not known")
            else:
                steps.append(Step(weight, kept, known[weight], reading))
    return sorted(steps, key=lambda step: step.cut.settles), messages


@dataclass(eq=False)
class Running:
    """A layer between its own operation and the one that takes its output up. scale: [outputs] by which a
    norm on the way multiplies it, or None.   mean: of that norm, its running mean."""

    step: Step
    call: Call
    again: Callable
    scale: Tensor | None = None
    mean: Tensor | None = None


class Pass(TorchFunctionMode):
    """Runs a network and shows every step when its output is taken up: settle(Running, result) may change the
    result in place. reading: Step -> where this network runs it.   rows: what layers see is held so long."""

    def __init__(self, steps: Iterable[Step], reading: Callable, settle: Callable, *, rows: bool = True):
        super().__init__()
        self.settle, self.number, self.rows = settle, -1, rows
        self.at = {reading(step).at: step for step in steps}
        self.norms = {reading(step).norm: step for step in steps if reading(step).norm is not None}
        self.settles: dict[int, list[Step]] = {}
        for step in steps:
            self.settles.setdefault(reading(step).settles, []).append(step)
        self.running: dict[Step, Running] = {}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not any(isinstance(leaf, Tensor) for leaf in tree_leaves(result)):
            return result
        self.number += 1
        if self.number in self.at:
            step, call = self.at[self.number], Call.of(func, args, kwargs)
            self.running[step] = Running(step, call if self.rows else call.without_input(), func)
        elif self.number in self.norms:
            self._normed(self.running[self.norms[self.number]], args, kwargs)
        for step in self.settles.get(self.number, ()):
            self.settle(self.running.pop(step), result)
        return result

    def _normed(self, running: Running, args: tuple, kwargs: dict):
        names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
        given = dict(zip(names, args, strict=False)) | kwargs
        scale = (given["running_var"] + given.get("eps", 1e-5)).rsqrt()
        running.scale = scale if given.get("weight") is None else scale * given["weight"]
        running.mean = given["running_mean"]


def places(running: Running, result: Tensor, seed: Sequence[int], number: int, images: int) -> Places:
    """Where a layer's output is looked at, drawn by seed and layer: the same in both networks."""
    random = np.random.default_rng([*seed, zlib.crc32(running.step.weight.encode())])
    return Places.drawn(random, images, running.call.size(result), number, result.device)


class _Target:
    """The whole network, run beside the cut one on a thread of its own, never more than a few layers ahead;
    wanted(weight) is what the step's output has to be: [rows, outputs that are kept]."""

    def __init__(self, model: nn.Module, steps: list[Step], inputs: Tensor, rows: int, seed: int):
        self.model, self.steps, self.inputs, self.rows, self.seed = model, steps, inputs, rows, seed
        alike = [s.weight for s in sorted(steps, key=lambda step: step.whole.settles)]
        ahead = AHEAD if alike == [step.weight for step in steps] else 0  # 0: as far as it likes
        self.found, self.held, self.ended = queue.Queue(ahead), {}, False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        while self.thread.is_alive():
            with contextlib.suppress(queue.Empty):
                self.found.get(timeout=0.05)
        self.thread.join()

    def wanted(self, weight: str) -> Tensor:
        while weight not in self.held:
            name, value = self.found.get()
            if isinstance(value, BaseException):
                raise value
            if value is None:
                raise ValueError(f"the full network did not run {weight} a second time; it must do the same")
            self.held[name] = value
        return self.held.pop(weight)

    def _run(self):
        try:
            own = self.inputs.clone()  # what a network does in place is its own affair
            with evaluating(self.model), torch.no_grad():
                with Pass(self.steps, lambda step: step.whole, self._settle, rows=False):
                    self.model(own)
            self.found.put(("", None))
        except BaseException as error:
            if not self.ended:
                self.found.put(("", error))

    def _settle(self, running: Running, result: Tensor):
        if self.ended:
            raise _Ended
        where = places(running, result, (self.seed,), self.rows, len(self.inputs))
        outputs = running.call.outputs(result, where)
        kept = running.step.kept
        if kept is not None:
            outputs = outputs[:, torch.as_tensor(kept, device=outputs.device)]
        self.found.put((running.step.weight, outputs))


class _Ended(Exception):
    """Nobody waits for the whole network's outputs any more."""


class _Refitter:
    """Refits one layer after the other of the network that runs."""

    def __init__(self, target: _Target, watch: Watch):
        self.target, self.watch, self.done = target, watch, 0

    def __call__(self, running: Running, result: Tensor):
        target, call, scale = self.target, running.call, running.scale
        where = places(running, result, (target.seed,), target.rows, len(target.inputs))
        lacks = target.wanted(running.step.weight) - call.outputs(result, where)
        if scale is not None:
            lacks = torch.where(scale.abs() > SHUT * scale.abs().max(), lacks / scale, 0.0)
        has_bias = call.bias is not None or running.mean is not None
        dv, db = solved(call.rows(where), call.split(lacks), intercept=has_bias)
        self._move(running, result, call.weight_of(dv).contiguous(), db.flatten() if has_bias else None)
        self.done += 1
        self.tell()

    def tell(self):
        self.watch("repair", self.done, len(self.target.steps), message="reconstruct")

    def _move(self, running: Running, result: Tensor, dv: Tensor, db: Tensor | None):
        """The layer's weight and bias change by these, and so does what was made of them."""
        call = running.call
        given = call.given | {"weight": dv} | ({"bias": None} if "bias" in call.given else {})
        change = running.again(*given.values())
        call.weight.add_(dv)
        if db is not None:
            (running.mean.sub_(db) if call.bias is None else call.bias.add_(db))
            change.add_(along(db, change, call))
        result.add_(change if running.scale is None else change.mul_(along(running.scale, change, call)))


def along(values: Tensor, maps: Tensor, call: Call) -> Tensor:
    """[outputs] in the shape that multiplies a layer's output channel by channel."""
    return values if call.channels_last else values.view(-1, *[1] * (maps.dim() - 2))
