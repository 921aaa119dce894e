"""A traced structure is tried out: half of every group is cut at random, and must agree with the masked
network."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from pruning.channels.ids import flat
from pruning.channels.indices import cut_where_read, kept_by_tensor
from pruning.channels.records import IndexMap, Structure
from pruning.channels.slices import copy_with, silenced


def verified(model: nn.Module, example: tuple, structure: Structure) -> Structure:
    """Cuts half of every group at random and compares with the masked network; groups that differ are fixed.

    Groups under a norm over channels are left out, since removing channels rightly changes that norm.
    """
    groups = [g for g, group in enumerate(structure.groups) if not group.renormalised]
    if not groups or _agree(model, example, structure, groups):
        return replace(structure, verified=True)
    wrong = [g for g in groups if not _agree(model, example, structure, [g])]
    for g in reversed(wrong):  # from the last, so that the numbers before it stay
        structure = _without(structure, g, "a cut network did not compute what the masked one does")
    left = [g for g, group in enumerate(structure.groups) if not group.renormalised]
    return replace(structure, verified=not left or _agree(model, example, structure, left))


def _agree(model: nn.Module, example: tuple, structure: Structure, groups: list[int]) -> bool:
    random = np.random.default_rng(0)
    kept = {}
    for g in groups:
        size = structure.groups[g].size
        kept[g] = np.sort(random.permutation(size)[: max(1, size - size // 2)])
    keep, drop = kept_by_tensor(structure, kept), cut_where_read(structure, kept)
    was_training = {module: module.training for module in model.modules()}
    try:
        model.eval()
        with torch.no_grad():
            with silenced(model, drop):
                masked = flat(model(*example))
            small = flat(copy_with(model, keep)(*example))
    except Exception:  # a literal size in the user's code: whatever it raises, this group cannot be cut
        return False
    finally:
        for module, training in was_training.items():
            module.training = training
    pairs = [
        (a, b)
        for a, b in zip(masked, small, strict=True)
        if isinstance(a, torch.Tensor) and a.is_floating_point()
    ]
    return all(_close(a, b) for a, b in pairs)


def _close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-3) -> bool:
    """Far wider than rounding (1e-6 of the largest output), far narrower than one wrong channel."""
    if a.shape != b.shape:
        return False
    same_nan = bool((a.isfinite() == b.isfinite()).all())
    a, b = a.nan_to_num(0, 0, 0), b.nan_to_num(0, 0, 0)
    return same_nan and float((a - b).abs().max() if a.numel() else 0) <= tolerance * float(
        a.abs().max() + 1e-12
    )


def _without(structure: Structure, group: int, why: str) -> Structure:
    """The same structure with one group fixed: its indices belong to no group any more."""

    order = [g for g in range(len(structure.groups)) if g != group]
    number = np.full(len(structure.groups) + 1, -1)  # one more, so that -1 stays -1
    number[order] = np.arange(len(order))
    maps = {
        name: {d: IndexMap(number[index.group], index.channel) for d, index in dims.items()}
        for name, dims in structure.maps.items()
    }
    fixed = {**structure.fixed, **dict.fromkeys(structure.groups[group].layers, why)}
    return replace(structure, groups=tuple(structure.groups[g] for g in order), maps=maps, fixed=fixed)
