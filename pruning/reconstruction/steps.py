"""Steps of a reconstruction: the layers that are looked at, and a pass that shows each when its output is
taken up."""

import math
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from pruning.cost import Plan
from pruning.reconstruction.forward_pass import ForwardPass, Reading, kept_outputs
from pruning.reconstruction.im2col import Call, Places


@dataclass(frozen=True, eq=False)
class Step:
    """One layer to look at.   kept: of the whole network's outputs of this layer, or None for all.   whole,
    cut: where each network runs it."""

    weight: str
    kept: np.ndarray | None
    whole: Reading
    cut: Reading


def steps_of(plan: Plan, whole: ForwardPass, cut: ForwardPass) -> tuple[list[Step], list[str]]:
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
            elif len(kept):  # else it is closed
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
    result in place. reading: Step -> where this network runs it.   rows: what layers see is held so long.
    made: told the tensors that every operation makes."""

    def __init__(
        self,
        steps: Iterable[Step],
        reading: Callable,
        settle: Callable,
        *,
        rows: bool = True,
        made: Callable[[list[Tensor]], None] | None = None,
    ):
        super().__init__()
        self.settle, self.number, self.rows, self.made = settle, -1, rows, made
        self.at = {reading(step).at: step for step in steps}
        self.norms = {reading(step).norm: step for step in steps if reading(step).norm is not None}
        self.settles: dict[int, list[Step]] = {}
        for step in steps:
            self.settles.setdefault(reading(step).settles, []).append(step)
        self.running: dict[Step, Running] = {}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if not tensors:
            return result
        if self.made is not None:
            self.made(tensors)
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


def along(values: Tensor, maps: Tensor, call: Call) -> Tensor:
    """[outputs] in the shape that multiplies a layer's output channel by channel."""
    return values if call.channels_last else values.view(-1, *[1] * (maps.dim() - 2))
