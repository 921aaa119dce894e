"""How a layer looks from one side: its weight with positions first, and which group's channel each position
is. NumPy only.

A position is a channel of the tensor that the layer writes or reads: for a grouped convolution, whose weight
has one index for all its groups, that is one position a group and index.
"""

import numpy as np

from pruning.channels.structure import IndexMap, LayerRecord, Structure


def positions(structure: Structure, layer: LayerRecord, side: str) -> IndexMap:
    """Which channel each of a layer's [P] positions on a side is."""
    dimension = structure.sides(layer)[side]
    index = structure.maps[layer.weight][dimension]
    repeat = layer.groups if _folded(layer, dimension) else 1
    return IndexMap(np.tile(index.group, repeat), np.tile(index.channel, repeat))


def weight_rows(weight: np.ndarray, layer: LayerRecord, dimension: int) -> np.ndarray:
    """The weight with its positions first: [P, ...]. weight: as the layer holds it."""
    if not _folded(layer, dimension):
        if layer.groups == 1 or dimension == 0:
            return np.moveaxis(weight, dimension, 0)
        raise ValueError(
            f"{layer.name}: dimension {dimension} of a grouped convolution has no positions of its own"
        )
    first, second = weight.shape[:2]
    split = weight.reshape(layer.groups, first // layer.groups, second, *weight.shape[2:])
    return np.moveaxis(split, 2, 1).reshape(layer.groups * second, first // layer.groups, *weight.shape[2:])


def _folded(layer: LayerRecord, dimension: int) -> bool:
    """Whether the weight's index stands for one channel in each of the convolution's groups (its second
    dimension)."""
    return layer.groups > 1 and dimension == 1 and layer.kind != "depth-wise convolution"


def onto_channels(values: np.ndarray, index: IndexMap, group: int, size: int) -> np.ndarray:
    """[C, ...]: what a layer's positions [P, ...] add up to on the channels of a group."""
    found, channels = index.of(group)
    total = np.zeros((size, *values.shape[1:]))
    np.add.at(total, channels, values[found])
    return total
