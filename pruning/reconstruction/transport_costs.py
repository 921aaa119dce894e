"""What it costs when one channel takes over from another: the ground cost of projecting a group.

Channel c is written as the multiple of channel k, and a constant, that leaves least, over images and places
where a reader has them; what is left, V_cc - V_ck^2 / V_kk, counts by the squared weights that read c. From
one covariance a reader, C x C. [D]
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pruning.channels.structure import LayerRecord, Structure
from pruning.devices import for_double
from pruning.progress import Watch, silent
from pruning.reconstruction.channel_moments import ChannelMoments, channel_moments, readers_of
from pruning.statistics.calibration_images import CalibrationImages
from pruning.statistics.collect import Found, all_numbers
from pruning.statistics.layer_sides import positions
from pruning.statistics.specifications import TransportCosts


def transport_costs(
    model: nn.Module,
    structure: Structure,
    statistic: TransportCosts,
    images: CalibrationImages,
    *,
    groups: Sequence[int],
    watch: Watch = silent,
) -> Found:
    """{(statistic, group name): [C, C + 1]}, as `TransportCosts` says."""
    known = channel_moments(model, images, readers_of(structure, groups), watch=watch)
    found: Found = {}
    for g in groups:
        group = structure.groups[g]
        parts = [
            costs_of(structure, layer, known[layer.weight], g, group.size)
            for layer in structure.layers_of(g, "readers")
            if layer.weight in known
        ]
        nothing = [np.zeros((group.size, group.size + 1))]
        found[statistic, group.name] = np.mean(parts or nothing, axis=0)
    return all_numbers(found)


def costs_of(
    structure: Structure, layer: LayerRecord, moments: ChannelMoments, g: int, size: int
) -> np.ndarray:
    """[C, C + 1] of one reader: what is lost when the whole of a channel goes to another one, and last when
    nothing takes over from it; shares of the energy that the group gives this reader."""
    covariance, mass = moments.covariance(), masses(moments)  # [S, C', C'], [S, C']
    split, inputs = mass.shape
    total = np.zeros((size, size + 1))
    for place in places_of(structure, layer, moments, g, size).T:  # one of those that a channel stands for
        at, own = torch.from_numpy(place // inputs), torch.from_numpy(place % inputs)
        at, own = at.to(mass.device), own.to(mass.device)
        variance = covariance[at, own, own]
        together = covariance[at[:, None], own[:, None], own[None]]
        explained = torch.where(variance > 0, together.square() / variance.clamp_min(1e-300), 0.0)
        explained = torch.where(at[:, None] == at[None], explained, 0.0)
        left = torch.cat([(variance[:, None] - explained).clamp_min(0), variance[:, None]], 1)
        total += (mass[at, own][:, None] * left).cpu().numpy()
    np.fill_diagonal(total[:, :-1], 0.0)
    return total / (total[:, -1].sum() or 1.0)


def masses(moments: ChannelMoments) -> Tensor:
    """[S, C]: the squared weights that read each channel."""
    matrix = for_double(moments.call.matrix()).double()
    return moments.blocks(matrix).square().sum((2, 3))


def places_of(
    structure: Structure, layer: LayerRecord, moments: ChannelMoments, g: int, size: int
) -> np.ndarray:
    """[C, P]: of which of a reader's channels, counted through its S products, each of the group's is."""
    index = positions(structure, layer, "readers")
    where, channels = index.of(g)
    if moments.columns is not None:  # pixels of one channel count once
        first = moments.columns[:, 0]
        where = np.flatnonzero(index.group[first] == g)
        channels = index.channel[first[where]]
    return where[np.argsort(channels, kind="stable")].reshape(size, -1)
