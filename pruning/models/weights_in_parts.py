"""Weights that a checkpoint holds in parts, made whole: those under torch's pruning masks, under weight norm
and under spectral norm, each by its hooks (`weight_orig`, `weight_mask`) or as a parametrization."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pruning.terms import plural

if TYPE_CHECKING:
    from torch import Tensor

MASKS, WEIGHT_NORM, SPECTRAL_NORM = "pruning masks", "weight norm", "spectral norm"
# what the parts' names end with, the longest lists first
PARTS = {
    ("_orig", "_u", "_v"): SPECTRAL_NORM,
    (".original", ".0._u", ".0._v"): SPECTRAL_NORM,
    ("_orig", "_mask"): MASKS,
    (".original", ".0.mask"): MASKS,  # torch.ao's sparsifiers
    ("_g", "_v"): WEIGHT_NORM,
    (".original0", ".original1"): WEIGHT_NORM,
}
PARAMETRIZED = "parametrizations."


def whole(
    wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]"
) -> "tuple[dict[str, Tensor], tuple[str, ...]]":
    """The state with each weight that is there in parts as the layer computes it in evaluation, by the name
    of the plain layer; and what was done, in words.

    wanted: the network's own, which may have such parts itself: then nothing is done. What looks like parts
    and has no fitting shapes stays as it is."""
    found, done = dict(state), Counter[str]()
    if any(name.endswith(tuple(parts[0] for parts in PARTS)) for name in wanted):
        return found, ()
    for parts, kind in PARTS.items():
        for first in [name for name in found if name.endswith(parts[0])]:
            base = first.removesuffix(parts[0])
            names = [base + part for part in parts]
            name = base.replace(PARAMETRIZED, "")
            if name in found or not all(part in found for part in names):
                continue
            made = joined(kind, [found[part] for part in names])
            if made is not None:
                for part in names:
                    del found[part]
                found[name] = made
                done[kind] += 1
    return found, tuple(f"with the {kind} of {plural(n, 'tensor')} worked in" for kind, n in done.items())


def joined(kind: str, parts: "list[Tensor]") -> "Tensor | None":
    """One weight of its parts; None where their shapes or kinds of numbers do not belong together."""
    if kind != MASKS and len({part.dtype for part in parts}) > 1:
        return None
    if kind == MASKS:
        weight, mask = parts
        return weight * mask.to(weight.dtype) if weight.shape == mask.shape else None
    if kind == WEIGHT_NORM:
        size, direction = parts
        sizes = size.shape or (1,) * direction.dim()
        ones = [d for d, number in enumerate(sizes) if number == 1]
        alike = all(one in (1, own) for one, own in zip(sizes, direction.shape, strict=False))
        if not (ones and alike and len(sizes) == direction.dim()):
            return None
        return direction * (size / direction.square().sum(ones, keepdim=True).sqrt())
    weight, left, right = parts
    views = [weight.movedim(d, 0).flatten(1) for d in range(weight.dim() if weight.dim() > 1 else 0)]
    norms = [left @ rows @ right for rows in views if rows.shape == (left.numel(), right.numel())]
    return weight / max(norms) if norms else None  # of a square one: the outputs' dimension has the larger
