"""How much is lost, after a refit, with every channel that a group gives: an order and a curve.

Removing channel c's block of columns and refitting the rest raises the ridge objective of a reader by exactly
tr(W_c' (G^-1)_cc^-1 W_c); W and G^-1 are then downdated by the same block. That is block-wise optimal brain
surgery by backward elimination (Hassibi and Stork 1993; SparseGPT and OBC do it for single weights) [D]. The
rises of all layers that read a group add up, each as a share of the variance of what its output is added to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pruning.channels.structure import Structure
from pruning.progress import Watch, silent
from pruning.reconstruction.gram_matrices import Gram, grams
from pruning.statistics.calibration_images import CalibrationImages
from pruning.statistics.collect import Found, all_numbers
from pruning.statistics.layer_sides import positions
from pruning.statistics.specifications import RemovalErrors

LEVELS = (1 / 16, 1 / 4, 1 / 2, 3 / 4, 1)  # shares of a group at which the error is judged
AT_ONCE = 64  # of a group of more channels, this part goes in one step, each judged beside the others


@dataclass(frozen=True, eq=False)
class Curve:
    """Of one group. order: [C] channels, the first to go first.   fitted: [C + 1] shares of the variance that
    are lost when so many are gone and the readers are refitted, on the images they are refitted to; 0 at the
    start.   error: the same on images set aside.   alone: [C], of each channel if it alone goes.   dead: [C],
    whether a channel is constant or has no weight in any reader."""

    order: np.ndarray
    fitted: np.ndarray
    error: np.ndarray
    alone: np.ndarray
    dead: np.ndarray


def error_curves(
    model: nn.Module,
    structure: Structure,
    images: CalibrationImages,
    groups: Sequence[int],
    *,
    orders: Mapping[int, np.ndarray] | None = None,
    watch: Watch = silent,
) -> dict[int, Curve]:
    """{group number: Curve}. orders: {group number: [C] channels in the order they go}; unsaid, at every step
    the channel goes whose removal costs least."""
    known = grams(model, structure, images, groups, watch=watch)
    found = {}
    for done, g in enumerate(groups):
        watch("score", done, len(groups), message="reconstruction")
        found[g] = curve(known, structure, g, None if orders is None else orders[g])
    return found


def removal_errors(
    model: nn.Module,
    structure: Structure,
    statistic: RemovalErrors,
    images: CalibrationImages,
    *,
    groups: Sequence[int],
    watch: Watch = silent,
) -> Found:
    """{(statistic, group name): [C, 2]}, as `RemovalErrors` says."""
    found: Found = {}
    for g, one in error_curves(model, structure, images, groups, watch=watch).items():
        error = np.empty(len(one.order))
        error[one.order] = one.error[1:]
        found[statistic, structure.names[g]] = np.stack([np.where(one.dead, 0.0, one.alone), error], 1)
    return all_numbers(found)


def curve(known: Mapping[str, Gram], structure: Structure, g: int, order: np.ndarray | None = None) -> Curve:
    """The curve of one group. known: {weight: Gram} of its readers at least.   order: given, or found."""
    size = structure.groups[g].size
    records = [known[r.weight] for r in structure.layers_of(g, "readers") if r.weight in known]
    parts = [part_of(gram, structure, g, size) for gram in records]
    dead = np.ones(size, bool)
    for part in parts:
        dead &= part.dead
    if not parts:
        nothing = np.zeros(size + 1)
        return Curve(np.arange(size), nothing, nothing, np.zeros(size), np.zeros(size, bool))
    alone = rises(parts)
    found, rise = eliminated(parts, order, max(1, size // AT_ONCE))
    fitted = np.concatenate([[0.0], np.maximum.accumulate(np.cumsum(rise))])
    error = np.maximum.accumulate(fitted * _on_others(records, structure, g, found, fitted))
    return Curve(found, fitted, error, alone, dead)


def _on_others(
    records: Sequence[Gram], structure: Structure, g: int, order: np.ndarray, fitted: np.ndarray
) -> np.ndarray:
    """[C + 1]: how many times as much is lost on images set aside as on those that the readers are refitted
    to; found at a few widths, on a line between them."""
    size = len(order)
    levels = sorted({max(1, round(share * size)) for share in LEVELS})
    judged = [gram for gram in records if gram.judges is not None]
    if not judged or len(judged) < len(records) or size < 2:
        return np.ones(size + 1)
    ratios = []
    for level in levels:
        left = sum(
            gram.left_without(_stays(gram, structure, g, order[:level]), gram.ridge) for gram in judged
        )
        ratios.append(left / fitted[level] if fitted[level] > 0 else 1.0)
    return np.interp(np.arange(size + 1), levels, ratios)


def _stays(gram: Gram, structure: Structure, g: int, gone: np.ndarray) -> Tensor:
    """bool [columns] of a reader's products, alike in all of them: what is left without these channels."""
    where, channels = positions(structure, gram.layer, "readers").of(g)
    inputs = gram.weights.shape[1] // gram.kernel
    left = torch.ones(inputs, dtype=torch.bool)
    left[torch.from_numpy(where[np.isin(channels, gone)] % inputs)] = False
    return left.repeat_interleave(gram.kernel).to(gram.weights.device)


@dataclass(eq=False)
class Part:
    """One reader as one group sees it, B columns a channel. inverse: [S, C, B, C, B]; or [S, C, B, B] where
    channels are taken one by one.   weights: [S, C, B, outputs].   dead: [C]."""

    inverse: Tensor
    weights: Tensor
    dead: np.ndarray

    @property
    def whole(self) -> bool:
        return self.inverse.dim() == 5

    def blocks(self) -> Tensor:
        """[S, C, B, B], of each channel alone."""
        return self.inverse.diagonal(dim1=1, dim2=3).permute(0, 3, 1, 2) if self.whole else self.inverse

    def of(self, channels: Tensor) -> "Part":
        inverse = self.inverse[:, channels]
        inverse = inverse[:, :, :, channels] if self.whole else inverse
        return Part(inverse, self.weights[:, channels], self.dead)

    def without(self, gone: Tensor, left: Tensor) -> "Part":
        """The reader refitted without some channels, as the others see it."""
        rest = self.of(left)
        if self.whole:
            n, block = len(gone), self.weights.shape[2]
            inner = self.of(gone)
            own = inner.inverse.reshape(-1, n * block, n * block)
            across = self.inverse[:, left][:, :, :, gone].reshape(len(own), -1, n * block)
            weights = inner.weights.flatten(1, 2)
            solved = torch.linalg.solve(own, torch.cat([across.mT, weights], 2))
            change = across @ solved
            width = across.shape[1]
            rest.inverse = rest.inverse - change[:, :, :width].reshape(rest.inverse.shape)
            rest.weights = rest.weights - change[:, :, width:].reshape(rest.weights.shape)
        return rest


def part_of(gram: Gram, structure: Structure, g: int, size: int) -> Part:
    index = positions(structure, gram.layer, "readers")
    split = len(gram.weights)  # a grouped convolution's groups
    where, channels = index.of(g)
    ordered = where[np.argsort(channels, kind="stable")].reshape(size, -1)  # [C, positions of a channel]
    inputs = len(index) // split
    own = [ordered[(ordered // inputs) == s].reshape(size, -1) % inputs for s in range(split)]
    columns = torch.from_numpy(np.stack(own)).to(gram.weights.device)  # [S, C, P]
    weights = _rows(gram.weights.unflatten(1, (inputs, gram.kernel)), columns).flatten(2, 3)
    if gram.wide:
        blocks = _rows(gram.inverse, columns)  # [S, C, P, B, B], each position of a channel by itself
        variance = _rows(gram.second.diagonal(dim1=-2, dim2=-1), columns)
        inverse = torch.stack([torch.stack([torch.block_diag(*b) for b in each]) for each in blocks])
    else:
        inverse = _between(gram.inverse, columns, gram.kernel)
        variance = _rows(gram.second.diagonal(dim1=1, dim2=2).unflatten(1, (inputs, -1)), columns)
    still = (variance.flatten(2).amax((0, 2)) <= 0) | (weights.flatten(2).abs().amax((0, 2)) == 0)
    return Part(inverse, weights, still.cpu().numpy())


def _rows(values: Tensor, columns: Tensor) -> Tensor:
    """[S, C, P, ...] of [S, positions, ...]."""
    return torch.stack([values[s][columns[s]] for s in range(len(columns))])


def _between(inverse: Tensor, columns: Tensor, kernel: int) -> Tensor:
    """[S, C, B, C, B] of [S, columns, columns]: the group's channels, with their kernels' places."""
    split, size, _ = columns.shape
    within = torch.arange(kernel, device=columns.device)
    flat = (columns.unsqueeze(-1) * kernel + within).reshape(split, -1)
    picked = torch.stack([inverse[s][flat[s]][:, flat[s]] for s in range(split)])
    block = flat.shape[1] // size
    return picked.reshape(split, size, block, size, block)


def rises(parts: Sequence[Part]) -> np.ndarray:
    """[C]: by how much the objective rises with each channel, if it alone goes and its readers are
    refitted."""
    total: Any = 0.0
    for part in parts:
        total = total + (part.weights * torch.linalg.solve(part.blocks(), part.weights)).sum((0, 2, 3))
    return total.cpu().numpy()


def eliminated(
    parts: Sequence[Part], order: np.ndarray | None, at_once: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The order in which all channels go, and the rise of each: [C], [C].

    at_once: of an order that is to be found, how many go in a step, the cheapest; the rises are exact."""
    left, found, rise = np.arange(parts[0].weights.shape[1]), [], []
    device = parts[0].weights.device
    at_once = max(at_once, 1) if order is None else max(at_once, len(left) // AT_ONCE, 1)
    while len(left):
        if order is None:
            chosen = np.argsort(rises(parts), kind="stable")[:at_once]
        else:
            chosen = np.searchsorted(left, order[len(found) : len(found) + at_once])
        gone = torch.from_numpy(chosen).to(device)
        among, each = _one_by_one([part.of(gone) for part in parts], order is None)
        found += left[chosen[among]].tolist()
        rise += each
        stay = np.setdiff1d(np.arange(len(left)), chosen)
        rest = torch.from_numpy(stay).to(device)
        parts = [part.without(gone, rest) for part in parts]
        left = left[stay]
    return np.array(found, int), np.array(rise)


def _one_by_one(parts: list[Part], free: bool) -> tuple[list[int], list[float]]:
    """The channels of a step in the order they go, and the rise of each after those before it."""
    left, found, rise = list(range(parts[0].weights.shape[1])), [], []
    device = parts[0].weights.device
    while left:
        now = rises(parts)
        first = int(np.argmin(now)) if free else 0
        found.append(left.pop(first))
        rise.append(float(now[first]))
        if left:
            stay = [k for k in range(len(now)) if k != first]
            gone, rest = (torch.tensor(channels, device=device) for channels in ([first], stay))
            parts = [part.without(gone, rest) for part in parts]
    return found, rise
