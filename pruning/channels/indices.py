"""From kept channels of groups to kept indices of tensors. NumPy only."""

from collections.abc import Mapping

import numpy as np

from pruning.channels.structure import Structure


def kept_by_tensor(structure: Structure, kept: Mapping[int, np.ndarray]) -> dict[str, dict[int, np.ndarray]]:
    """{tensor: {dimension: indices that stay}}, for the tensors that lose some.

    kept: {group number: channels that stay}; a group that is not named stays whole.
    """
    stays = _stays(structure, kept)
    found: dict[str, dict[int, np.ndarray]] = {}
    for name, dimensions in structure.places.items():
        for dimension, places in dimensions.items():
            keep = stays[places]
            if not keep.all():
                found.setdefault(name, {})[dimension] = np.flatnonzero(keep)
    return found


def cut_where_read(structure: Structure, kept: Mapping[int, np.ndarray]) -> dict[str, dict[int, np.ndarray]]:
    """{weight: {input dimension: indices that go}} of the dense layers that read cut channels, those of heads
    that run only in training with them."""
    stays = _stays(structure, kept)
    found: dict[str, dict[int, np.ndarray]] = {}
    for layer in (*structure.layers, *structure.heads):
        places = structure.places.get(layer.weight, {}).get(layer.input) if layer.dense else None
        if places is not None:
            gone = np.flatnonzero(~stays[places])
            if len(gone):
                found.setdefault(layer.weight, {})[layer.input] = gone
    return found


def _stays(structure: Structure, kept: Mapping[int, np.ndarray]) -> np.ndarray:
    """[all channels of all groups, one below another, and a last one for what belongs to none]: whether it
    stays."""
    stays = np.ones(structure.starts[-1] + 1, bool)
    for group, channels in kept.items():
        first, end = structure.starts[group], structure.starts[group + 1]
        stays[first:end] = False
        stays[first + np.asarray(channels, int)] = True
    return stays
