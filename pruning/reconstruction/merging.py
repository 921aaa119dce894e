"""Merging: what a channel that goes gave to its readers, those that stay give in its place.

Every channel that goes is written as a least-squares combination, with a constant, of those that stay,
x_c ~ sum_k T_kc x_k + t_c over images and places, where the layer reads them; T times the weights that read
it is added to the weights that read those, and t to the bias (or taken off the mean of the norm that
follows). One solve a reader, from covariances of the whole network: no image passes through the cut one. [D]
`heirs`: each channel that goes is written as a multiple of one that stays, its heir, which is the plan that
moves it at least cost; what the plan of an optimal transport says, done to the weights.

Depth-wise layers mix no channels: their channels are merged at the next dense layer, which is exact. A reader
that runs several times, or whose weight is computed from others, is left as it was cut.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from pruning.channels.structure import Structure
from pruning.cost import Plan
from pruning.devices import for_double
from pruning.models.module_modes import evaluating
from pruning.progress import Watch, silent
from pruning.reconstruction.channel_moments import WIDEST, ChannelMoments, channel_moments, readers_of
from pruning.reconstruction.forward_pass import ForwardPass, record_forward_pass
from pruning.reconstruction.steps import Pass, Running, Step, steps_of
from pruning.statistics.calibration_images import CalibrationImages

REMOVES_MEANS = ("instance_norm",)  # after these no constant matters


def merge(
    small: nn.Module,
    plan: Plan,
    model: nn.Module,
    images: CalibrationImages,
    *,
    heirs: bool = False,
    known: Mapping[str, ChannelMoments] | None = None,
    watch: Watch = silent,
) -> list[str]:
    """Changes the cut network's readers in place; returns messages: which were left as they were, and why.

    small, plan, model: as `repair`'s.   heirs: one channel takes over from each.   known: of `model`, where
    that is known already, of every reader of what was cut.
    """
    few = images.rows(slice(2))[0]
    whole, cut = record_forward_pass(model, few), record_forward_pass(small, few)
    steps, messages = steps_of(plan, whole, cut)
    steps = [step for step in steps if step.weight in plan.reads]
    if not steps:
        return [*messages, "no layer of the network reads what was cut, so there is nothing to merge"]
    if known is None:
        known = channel_moments(model, images, _readers(plan), watch=watch)
    running: dict[Step, Running] = {}
    few = few.clone()  # what a network does in place is its own affair

    def seen(now: Running, result: Tensor):
        running[now.step] = now

    with evaluating(small), torch.no_grad(), Pass(steps, lambda step: step.cut, seen, rows=False):
        small(few)
    for done, step in enumerate(steps):
        watch("repair", done, len(steps), message="merge")
        messages += _merge(running[step], known.get(step.weight), plan, _no_means(step, cut), heirs)
    watch("repair", len(steps), len(steps), message="merge")
    return messages


def moments_of(
    model: nn.Module, structure: Structure, images: CalibrationImages, *, watch: Watch = silent
) -> dict[str, ChannelMoments]:
    """Of every reader of any group: what merging after any cut of this network needs to know of it."""
    return channel_moments(model, images, readers_of(structure, range(len(structure.groups))), watch=watch)


def _readers(plan: Plan) -> dict[str, np.ndarray | None]:
    """Of a plan read from a file it is not known which columns of a layer are pixels of one channel."""
    if plan.structure is None:
        return dict.fromkeys(plan.reads)
    groups = enumerate(plan.structure.groups)
    return readers_of(plan.structure, [g for g, one in groups if len(plan.kept[one.name]) < one.size])


def _no_means(step: Step, cut: ForwardPass) -> bool:
    """Whether what follows takes every channel's mean off."""
    after = [reader for value in cut.operations[step.cut.at].made for reader in cut.readers.get(value, [])]
    return bool(after) and all(cut.operations[reader].name in REMOVES_MEANS for reader in after)


@torch.no_grad()
def _merge(
    running: Running, moments: ChannelMoments | None, plan: Plan, free: bool, heirs: bool
) -> list[str]:
    name = running.step.weight.removesuffix(".weight")
    if moments is None:
        return [f"{name} is left as it was cut: it reads more than {WIDEST:,} channels, too many to merge"]
    columns = plan.by_tensor[running.step.weight][plan.reads[running.step.weight]]
    kept = channels_of(moments, columns)
    whole = moments.blocks(outputs_kept(moments.call.matrix(), running.step.kept))
    matrix = running.call.matrix()
    where = torch.from_numpy(kept).to(whole.device)
    if not torch.equal(whole[:, where], _as_blocks(matrix, moments, kept, columns)):
        return [f"{name} is left as it was cut: its weights have changed since, as by training gates"]
    constant, sign = (running.call.bias, 1.0) if running.call.bias is not None else (running.mean, -1.0)
    found = moments.written_by(kept, intercept=free or constant is not None, heirs=heirs)
    goes = torch.from_numpy(np.setdiff1d(np.arange(whole.shape[1]), kept)).to(whole.device)
    read = for_double(whole[:, goes]).double()  # [S, gone, taps, outputs]
    change = torch.einsum("skg,sgbo->skbo", found.weights, read)
    running.call.weight.add_(
        running.call.weight_of(_as_matrix(change.to(matrix), moments, kept, columns)).contiguous()
    )
    if constant is not None:
        gain = torch.einsum("sg,b,sgbo->so", found.constants, taps(moments, read), read)
        constant.add_(gain.flatten().to(constant), alpha=sign)
    return []


def taps(moments: ChannelMoments, blocks: Tensor) -> Tensor:
    """The share of each tap's places that lie within the map; of a linear layer's pixels each is."""
    inside = moments.inside.to(blocks.device)
    return inside if len(inside) == blocks.shape[2] else inside.expand(blocks.shape[2])


def channels_of(moments: ChannelMoments, columns: np.ndarray) -> np.ndarray:
    """The channels that these columns of a reader are of, ascending."""
    if moments.columns is None:
        return np.asarray(columns, int)
    return np.flatnonzero(np.isin(moments.columns[:, 0], columns))


def outputs_kept(matrix: Tensor, kept: np.ndarray | None) -> Tensor:
    """[S, columns, outputs of a group that are kept] of [S, columns, outputs]. kept: of all outputs."""
    if kept is None:
        return matrix
    split, each = matrix.shape[0], matrix.shape[2]
    parts = [kept[kept // each == s] % each for s in range(split)]
    return torch.stack([matrix[s][:, torch.from_numpy(parts[s]).to(matrix.device)] for s in range(split)])


def _as_blocks(matrix: Tensor, moments: ChannelMoments, kept: np.ndarray, columns: np.ndarray) -> Tensor:
    """[S, K, taps, outputs] of the cut layer's matrix."""
    if moments.columns is None:
        return matrix.unflatten(1, (-1, len(moments.inside)))
    return matrix[:, torch.from_numpy(_own_columns(moments, kept, columns)).to(matrix.device)]


def _as_matrix(blocks: Tensor, moments: ChannelMoments, kept: np.ndarray, columns: np.ndarray) -> Tensor:
    """The other way round."""
    if moments.columns is None:
        return blocks.flatten(1, 2)
    found = blocks.new_zeros(1, len(columns), blocks.shape[3])
    found[:, torch.from_numpy(_own_columns(moments, kept, columns)).to(found.device)] = blocks
    return found


def _own_columns(moments: ChannelMoments, kept: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """[K, pixels]: where the cut layer has the columns of its channels."""
    assert moments.columns is not None
    return np.asarray(np.searchsorted(columns, moments.columns[kept]))
