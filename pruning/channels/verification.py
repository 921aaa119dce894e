"""A traced structure is tried out: some of every group is cut at random, and must agree with the masked
network."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from pruning.channels.ids import answer, flat
from pruning.channels.indices import cut_where_read, kept_by_tensor
from pruning.channels.records import IndexMap, Structure, Verification
from pruning.channels.slices import copy_with, silenced
from pruning.channels.tracer import evaluating
from pruning.devices import for_double

CUT = 0.4  # of every group: what masking sets aside and what the cut copies are about equal then
ENTRIES = 4096  # of each output heard on the way
DIFFERS = "a cut network did not compute what the masked one does"
BREAKS = "the network does not run once its channels are cut, since its code holds literal sizes"


def verified(model: nn.Module, example: tuple | dict, structure: Structure) -> Structure:
    """Cuts some of every group at random, compares with the masked network, and fixes groups that differ.

    Under a norm over channels the two rightly differ: there the cut network must run, and answer in the same
    shapes.
    """
    plain = [g for g, group in enumerate(structure.groups) if not group.renormalised]
    under_norms = [g for g, group in enumerate(structure.groups) if group.renormalised]
    good = plain
    if plain and not _agree(model, example, structure, plain):
        model, example = _in_double(model, example)
        good = _largest_good(lambda groups: _agree(model, example, structure, groups), [], plain)
    running = _largest_good(
        lambda groups: _agree(model, example, structure, groups, False), good, under_norms
    )
    for g in reversed(range(len(structure.groups))):  # from the last, so that the numbers before it stay
        if g not in good and g not in running:
            structure = _without(structure, g, BREAKS if g in under_norms else DIFFERS)
    return replace(structure, verified=Verification(1))


def _in_double(model: nn.Module, example: tuple | dict) -> tuple[nn.Module, tuple | dict]:
    """A copy in double precision where the network runs in it: a detector's choice among almost equal boxes
    would else hang on rounding."""

    def doubled(value):
        if isinstance(value, dict):
            return {key: doubled(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(doubled(part) for part in value)
        if not isinstance(value, torch.Tensor):
            return value
        value = for_double(value)
        return value.double() if value.is_floating_point() else value

    try:
        inputs = doubled(example)
        home = next(part.device for part in tree_leaves(inputs) if isinstance(part, torch.Tensor))
        twin = copy.deepcopy(model).to(home).double()
        with evaluating(twin), torch.no_grad():
            answer(twin, inputs)
        return twin, inputs
    except Exception:  # single precision is written into the user's code
        return model, example


def _largest_good(good: Callable[[list[int]], bool], base: list[int], groups: list[int]) -> list[int]:
    """Those of the groups that can be cut along with `base`, found by halving: a few runs for each that is
    wrong."""
    if not groups or good(base + groups):
        return groups
    if len(groups) == 1:
        return []
    half = len(groups) // 2
    first = _largest_good(good, base, groups[:half])
    return first + _largest_good(good, base + first, groups[half:])


def _agree(
    model: nn.Module, example: tuple | dict, structure: Structure, groups: list[int], exact: bool = True
) -> bool:
    """Whether a network with some channels of these groups cut runs, and computes (exact) or at least returns
    in the same shapes what the masked one does."""
    random = np.random.default_rng(0)
    kept = {}
    for g in groups:
        size = structure.groups[g].size
        kept[g] = np.sort(random.permutation(size)[: size - max(int(CUT * size), size > 1)])
    keep, drop = kept_by_tensor(structure, kept), cut_where_read(structure, kept)
    listener = _Listener(structure)
    with evaluating(model), torch.no_grad():
        with silenced(model, drop), listener.hearing(model) as on_the_way:
            masked = flat(answer(model, example))
        try:
            smaller = copy_with(model, keep, shared=True)
            with listener.hearing(smaller) as on_the_way_of_cut:
                small = flat(answer(smaller, example))
        except Exception:  # a literal size in the user's code: whatever it raises, this cannot be cut
            return False
    if any(isinstance(part, torch.Tensor) and not part.numel() for part in masked):
        masked, small = on_the_way, on_the_way_of_cut  # a detector that found nothing would prove nothing
    pairs = [(a, b) for a, b in zip(masked, small, strict=False) if isinstance(a, torch.Tensor)]
    if not exact:
        return len(masked) == len(small) and all(a.shape == b.shape for a, b in pairs)
    return len(masked) == len(small) and all(_close(a, b) for a, b in pairs if a.is_floating_point())


class _Listener:
    """Hears what layers that keep all of their outputs write: some entries of each, spread over all."""

    def __init__(self, structure: Structure):
        wide = {layer.weight: layer.output for layer in structure.layers if layer.dense}
        self.weights = {
            name for name, dimension in wide.items() if dimension not in structure.maps.get(name, {})
        }

    @contextmanager
    def hearing(self, model: nn.Module) -> Iterator[list[torch.Tensor]]:
        heard: list[torch.Tensor] = []
        names = {id(p) for name, p in model.named_parameters() if name in self.weights}

        class Hear(TorchFunctionMode):
            def __torch_function__(self, func, types, args=(), kwargs=None):
                output = func(*args, **(kwargs or {}))
                if len(args) > 1 and id(args[1]) in names and isinstance(output, torch.Tensor):
                    entries = output.reshape(-1)
                    heard.append(entries[:: 1 + len(entries) // ENTRIES].clone())
                return output

        with Hear():
            yield heard


def _close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-3) -> bool:
    """Far wider than rounding (1e-6 of the largest output), far narrower than one wrong channel."""
    if a.shape != b.shape:
        return False
    if not a.numel():
        return True
    same_nan = bool((a.isfinite() == b.isfinite()).all())
    a, b = a.nan_to_num(0, 0, 0), b.nan_to_num(0, 0, 0)
    return same_nan and float((a - b).abs().max()) <= tolerance * float(a.abs().max() + 1e-12)


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
