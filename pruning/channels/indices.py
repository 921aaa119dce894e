"""From kept channels of groups to kept indices of tensors. NumPy only."""

from collections.abc import Mapping

import numpy as np

from pruning.channels.records import IndexMap, Structure


def kept_by_tensor(structure: Structure, kept: Mapping[int, np.ndarray]) -> dict[str, dict[int, np.ndarray]]:
    """{tensor: {dimension: indices that stay}}, for the tensors that lose some.

    kept: {group number: channels that stay}; a group that is not named stays whole.
    """
    stays = _stays(structure, kept)
    found: dict[str, dict[int, np.ndarray]] = {}
    for name, dimensions in structure.maps.items():
        for dimension, index in dimensions.items():
            keep = _per_index(index, stays)
            if not keep.all():
                found.setdefault(name, {})[dimension] = np.flatnonzero(keep)
    return found


def cut_where_read(structure: Structure, kept: Mapping[int, np.ndarray]) -> dict[str, dict[int, np.ndarray]]:
    """{weight: {input dimension: indices that go}} of the dense layers that read cut channels."""
    stays = _stays(structure, kept)
    found: dict[str, dict[int, np.ndarray]] = {}
    for layer in structure.layers:
        index = structure.maps.get(layer.weight, {}).get(layer.input) if layer.dense else None
        if index is not None:
            gone = np.flatnonzero(~_per_index(index, stays))
            if len(gone):
                found.setdefault(layer.weight, {})[layer.input] = gone
    return found


def _stays(structure: Structure, kept: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    """{group number: [C] bool} of the groups named in `kept`."""
    stays = {}
    for group, channels in kept.items():
        stays[group] = np.zeros(structure.groups[group].size, bool)
        stays[group][channels] = True
    return stays


def _per_index(index: IndexMap, stays: Mapping[int, np.ndarray]) -> np.ndarray:
    keep = np.ones(len(index), bool)
    for group in np.unique(index.group):
        if int(group) in stays:
            positions, channels = index.of(group)
            keep[positions] = stays[int(group)][channels]
    return keep
