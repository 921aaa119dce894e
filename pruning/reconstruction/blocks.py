"""Where a network's blocks end, and which of their channels a cut network still has."""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from pruning.cost import Plan
from pruning.reconstruction.forward_pass import ACTIVATIONS, JOINS, PASSING, SUMS, ForwardPass, kept_outputs

MOST = 5  # blocks that are matched; of more, every so many
EVERY = 3  # layers, where nothing is summed or joined

# operations that give channel c of what they read as channel c of what they make
ALONG = {*ACTIVATIONS, *PASSING, *SUMS, "batch_norm", "instance_norm", "max_pool2d", "avg_pool2d", "pad"}
ALONG |= {"adaptive_avg_pool2d", "interpolate", "contiguous", "clone", "mul", "__mul__", "__imul__"}


@dataclass(frozen=True, eq=False)
class Block:
    """The end of one. number: of the operation, in both networks.   kept: channels of the whole network's
    output that the cut one has, or None for all."""

    number: int
    kept: np.ndarray | None


def blocks_of(plan: Plan, whole: ForwardPass, cut: ForwardPass) -> list[Block]:
    """The ends of blocks, at most MOST, the last one among them; none where the cut network does other
    operations or has other sizes of maps."""
    if whole.names != cut.names:
        return []
    ends = whole.ends() or _every_few_layers(whole)
    usable = [block for number in ends if (block := _block(plan, whole, cut, number)) is not None]
    every = -(-len(usable) // MOST) or 1
    return usable[::-1][::every][::-1]


def _every_few_layers(whole: ForwardPass) -> list[int]:
    """Each EVERY-th layer's output, with its norm and activation; of a short network every one."""
    taken = [whole.activated(reading.settles) for reading in whole.all_readings()]
    found = sorted({number for number in taken if whole.operations[number].shape})
    return found[-1::-EVERY][::-1] if len(found) > EVERY else found


def _block(plan: Plan, whole: ForwardPass, cut: ForwardPass, number: int) -> Block | None:
    one, other = whole.operations[number].shape, cut.operations[number].shape
    if one == other:
        return Block(number, None)
    kept = Kept(plan, whole, cut).of(number)
    if not one or not other or kept is None or len(kept) != other[0] or one[1:] != other[1:]:
        return None
    return Block(number, kept)


class Kept:
    """Which channels of what an operation makes are left after a cut, as far as that can be told."""

    def __init__(self, plan: Plan, whole: ForwardPass, cut: ForwardPass):
        self.plan, self.whole, self.cut = plan, whole, cut
        self.maker = {value: n for n, o in enumerate(whole.operations) for value in o.made}

    def of(self, number: int) -> np.ndarray | None:
        """[channels] that are left; None where it can't be told."""
        operation = self.whole.operations[number]
        if not operation.shape:
            return None
        if operation.weight:
            return kept_outputs(self.plan, operation, self.cut.operations[number])
        read = [self.maker[value] for value in operation.read if value in self.maker]
        if operation.name in JOINS:
            return self._joined(read)
        if operation.name not in ALONG:
            return None
        known = [kept for n in read if self._as_wide(n, operation) and (kept := self.of(n)) is not None]
        return known[0] if known else None

    def _as_wide(self, number: int, operation) -> bool:
        shape = self.whole.operations[number].shape
        return bool(shape) and shape[0] == operation.shape[0]

    def _joined(self, read: list[int]) -> np.ndarray | None:
        parts = [self.of(number) for number in read]
        if any(part is None for part in parts):
            return None
        sizes = [self.whole.operations[number].shape[0] for number in read]
        starts = [0, *accumulate(sizes)]
        return np.concatenate([start + part for start, part in zip(starts, parts, strict=False)])
