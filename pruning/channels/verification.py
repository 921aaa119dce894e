"""A traced structure is tried out: cut networks must compute what masked ones do.

A few random plans are tried (`trials`). For each the masked network runs once; the cut one is compared with
it on the way (`comparison`). Where they differ, the groups at fault are fixed and the cut network is made
anew, with those groups whole: it still computes what the same masked network does, which has zeros where cut
channels are read.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from pruning.channels.fault_location import groups_at, module_that_raised
from pruning.channels.forward_comparison import ANY, DOUBLE, LOOSE, SINGLE, Cut, Fault, Masked, Stop
from pruning.channels.ids import answer, flat
from pruning.channels.indices import cut_where_read, kept_by_tensor
from pruning.channels.random_plans import PLANS, constants_drawn, trial_plans, varied
from pruning.channels.random_state import own_random_numbers
from pruning.channels.slices import copy_with, must_be_copied, silenced
from pruning.channels.structure import IndexMap, Structure, Verification
from pruning.channels.training_heads import with_heads
from pruning.devices import for_double
from pruning.error_messages import first_line
from pruning.models.module_modes import evaluating

FORWARD, SECONDS = 9, 4.5  # after so many times a forward pass, and so much more, no further pass is begun
FEW = 4  # groups of which each is tried on its own
DIFFERS = "a cut network did not compute what the masked one does"
BREAKS = "the network does not run once its channels are cut, since its code holds literal sizes"
UNSURE = "the time for verification was over before it was known whether it can be cut"
RESTLESS = "the network answers otherwise each time it runs, so that no cut can be compared"


def verified(
    model: nn.Module, example: tuple | dict, structure: Structure, *, plans: int = PLANS
) -> Structure:
    """Cuts some of most groups at random, a few times; compares with the masked network, and fixes groups
    that differ. What could not be tried within ten forward passes and 5 s is said in `verified`.

    plans: how many; each takes two forward passes, one of them of a smaller network.
    """
    trials = trial_plans(structure, plans)
    if not trials:
        return replace(structure, verified=Verification())
    with constants_drawn(model, structure):
        search = _Search(model, example, structure)
        for number, kept in enumerate(trials):
            if search.over:
                left = f"{len(trials) - number} of {len(trials)} plans, since the time was over"
                search.left_out.append(left)
                search.settle(search.untried(trials[number:]))  # all at once: they are right, or all stay
                break
            search.settle(kept)
        if structure.heads and not search.over:
            search.model, search.mode = copy_with(search.model, {}), training
            search.tolerance = ANY  # what it keeps as it trains may be another thing each time
            search.settle(trial_plans(structure, 1)[0])
    return search.found()


@contextmanager
def training(model: nn.Module):
    """For heads that run only in training, of a copy that nobody else uses."""
    with_heads(model)
    yield


class _Search:
    """What is known so far. wrong: {group number: why it is fixed}."""

    def __init__(self, model: nn.Module, example: tuple | dict, structure: Structure):
        self.model, self.example, self.given, self.structure = model, varied(example), example, structure
        self.mode: Callable[[nn.Module], AbstractContextManager] = evaluating
        self.tolerance = SINGLE
        self.wrong: dict[int, str] = {}
        self.seen: set[int] = set()
        self.tried: set[int] = set()
        self.left_out: list[str] = []
        self.plans = self.passes = 0
        self.start = _now()
        self.forward: float | None = None
        tensors = (part for part in tree_leaves(self.example) if isinstance(part, torch.Tensor))
        self.device = next(tensors).device
        if any(p.dtype in (torch.float16, torch.bfloat16) for p in model.parameters()):
            self.refine()

    @property
    def over(self) -> bool:
        return self.forward is not None and _since(self.start) > FORWARD * self.forward + SECONDS

    def found(self) -> Structure:
        structure = self.structure
        unseen = [g.name for n, g in enumerate(structure.groups) if n not in self.seen | self.wrong.keys()]
        for g in sorted(self.wrong, reverse=True):  # from the last, so that the numbers before it stay
            structure = _without(structure, g, self.wrong[g])
        result = Verification(self.plans, self.passes, tuple(self.left_out), tuple(unseen))
        return replace(structure, verified=result)

    def untried(self, plans: list[dict[int, np.ndarray]]) -> dict[int, np.ndarray]:
        """Of the groups that no plan has cut yet, what one of these keeps."""
        found: dict[int, np.ndarray] = {}
        for kept in plans:
            found |= {g: kept[g] for g in kept.keys() - self.tried - found.keys()}
        return found

    # ------------------------------------------------------------------------------------- one random plan

    def settle(self, kept: dict[int, np.ndarray]):
        """Fixes groups until the cut network agrees with the masked one on this plan."""
        kept = {g: channels for g, channels in kept.items() if g not in self.wrong}
        self.tried |= kept.keys()
        if not kept:
            return
        drop = cut_where_read(self.structure, kept)
        with self.mode(self.model), torch.no_grad(), silenced(self.model, drop):
            masked = self._masked()
            fault = self._compared(masked, kept, set(kept))
            small = fault is not None and fault.rounding and self.tolerance is SINGLE
            while fault is not None and not small:
                fault = self._mended(fault, masked, kept)
        if small:
            self.refine()
            self.settle(kept)
        else:
            self.plans += 1

    def _masked(self) -> Masked:
        start = _now()
        masked = Masked(self.model, self.structure)
        self.passes += 1
        try:
            with own_random_numbers(self.device), masked:
                masked.answer = flat(answer(self.model, self.example))
        except Exception:
            if self.example is self.given:
                raise
            self.example = self.given  # it was varied, to what the network does not take
            return self._masked()
        if self.forward is None:
            self.forward = _since(start)
        return masked

    def _compared(self, masked: Masked, kept: dict[int, np.ndarray], groups: set[int]) -> Fault | None:
        """The first fault of the network in which these groups are cut; None where it has none."""
        keep = kept_by_tensor(self.structure, {g: kept[g] for g in groups})
        self.passes += 1
        cut = None
        try:
            smaller = copy_with(self.model, keep, shared=True)
            cut = Cut(smaller, self.structure, masked, keep, self.tolerance)
            with own_random_numbers(self.device), cut:
                answers = flat(answer(smaller, self.example))
            cut.finish(answers)
        except Stop:
            pass
        except Exception as error:  # whatever the user's code raises, this cannot be cut
            if cut is None:
                must_be_copied(self.model)
            if cut is None or cut.fault is None:
                where = "the network" if cut is None else module_that_raised(error, smaller)
                return Fault(0 if cut is None else cut.step, where, error=first_line(error))
        if cut.fault is None:
            self.seen |= cut.seen & groups
        return cut.fault

    # ----------------------------------------------------------------------------------- what is at fault

    def _mended(self, fault: Fault, masked: Masked, kept: dict[int, np.ndarray]) -> Fault | None:
        """Fixes the groups that a fault comes of, and returns the next one, which lies behind it."""

        def fault_with(groups: set[int]) -> Fault | None:
            return self._compared(masked, kept, groups)

        tried = set(kept) - self.wrong.keys()
        for suspects in self._suspected(fault):
            suspects = suspects & tried
            left = fault_with(tried - suspects) if suspects and not self.over else fault
            if _behind(left, fault):
                break
        else:
            suspects, left = self._searched(fault, tried, fault_with)
        for one in sorted(suspects) if 1 < len(suspects) <= FEW else ():
            again = fault if self.over else fault_with(tried - (suspects - {one}))
            if _behind(again, fault):  # it was not this one
                suspects, left = suspects - {one}, again
        self.wrong |= dict.fromkeys(suspects, self._reason(fault))
        return left

    def _suspected(self, fault: Fault) -> list[frozenset[int]]:
        """The groups that a fault may come of, the likeliest first."""
        if fault.groups or not fault.error or self.over:
            return [fault.groups]
        self.passes += 1
        with own_random_numbers(self.device):
            return groups_at(self.model, self.example, self.structure, fault.step)[:2]

    def _searched(self, fault: Fault, tried: set[int], fault_with) -> tuple[frozenset[int], Fault | None]:
        """The groups at fault, by halving all that were tried."""
        good = _largest_good(
            lambda groups: _behind(fault_with(groups), fault), set(), sorted(tried), self, False
        )
        left = fault_with(good)
        if not _behind(left, fault):  # though nothing that is known to be wrong is cut
            self.wrong |= dict.fromkeys(tried, RESTLESS)
            return frozenset(), None
        return frozenset(tried - good), left

    def _reason(self, fault: Fault) -> str:
        if self.over:
            return UNSURE
        if fault.error:
            return f"{BREAKS} (in {fault.where}: {fault.error})"
        return f"{DIFFERS} (it shows in {fault.where})"

    # ------------------------------------------------------------------------------------------- precision

    def refine(self):
        """Goes on in double precision where the network runs in it, so that rounding is no fault."""
        self.tolerance = LOOSE
        try:
            inputs = tree_map(_doubled, self.example)
            home = next(part.device for part in tree_leaves(inputs) if isinstance(part, torch.Tensor))
            twin = copy_with(self.model, {}).to(home).double()
            with self.mode(twin), torch.no_grad(), own_random_numbers(home):
                answer(twin, inputs)
        except Exception:  # single precision is written into the user's code
            return
        self.model, self.example, self.device, self.tolerance = twin, inputs, home, DOUBLE


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(start: tuple[float, float]) -> float:
    """Seconds by the clock or of the processor, whichever are fewer: other work on the machine is not
    counted, and threads that compute at once are counted once."""
    return min(now - then for now, then in zip(_now(), start, strict=True))


def _doubled(value):
    if not isinstance(value, torch.Tensor):
        return value
    value = for_double(value)
    return value.double() if value.is_floating_point() else value


def _behind(fault: Fault | None, other: Fault) -> bool:
    """Whether a pass went further than to another fault."""
    return fault is None or fault.step > other.step


def _largest_good(
    good: Callable[[set[int]], bool], base: set[int], groups: list[int], search: _Search, open_: bool
) -> set[int]:
    """Those of the groups that can be cut along with `base`, found by halving: a few runs for each that is
    wrong. Once the time is over, none of those that are not known.

    open_: whether all of them may be good; else some is known not to be.
    """
    if search.over or not groups:
        return set()
    if open_ and good(base | set(groups)):
        return set(groups)
    if len(groups) == 1:
        return set()
    half = len(groups) // 2
    first = _largest_good(good, base, groups[:half], search, True)
    second = _largest_good(good, base | first, groups[half:], search, len(first) < half)
    return first | second


def _without(structure: Structure, group: int, why: str) -> Structure:
    """The same structure with one group fixed: its indices belong to no group any more."""

    order = [g for g in range(len(structure.groups)) if g != group]
    number = np.full(len(structure.groups) + 1, -1)  # one more, so that -1 stays -1
    number[order] = np.arange(len(order))
    maps = {}
    for name, dims in structure.maps.items():
        left = {d: IndexMap(number[index.group], index.channel) for d, index in dims.items()}
        left = {d: index for d, index in left.items() if (index.group >= 0).any()}
        maps |= {name: left} if left else {}
    fixed = {**structure.fixed, **dict.fromkeys(structure.groups[group].layers, why)}
    alone = {name: IndexMap(number[index.group], index.channel) for name, index in structure.alone.items()}
    groups = tuple(structure.groups[g] for g in order)
    return replace(structure, groups=groups, maps=maps, alone=alone, fixed=fixed)
