"""The fast price of a structure: discriminant information (DI) lost, from one pass over images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pruning.criteria.di import cumulative_information
from pruning.progress import Watch
from pruning.search.removal_order import Order
from pruning.statistics.calibration_images import CalibrationImages
from pruning.statistics.layer_sides import positions
from pruning.statistics.specifications import PooledFeatures

WRITTEN = PooledFeatures(side="writers")


class InformationLost:
    """A Price in units of DI: what the layers that write each group lose, in the order that the scores give.

    No network runs while it is asked: `cumulative_information` has told what every number of removals costs,
    with the ridge of all channels. A group that several layers write loses their mean. now: of all groups.
    """

    def __init__(self, curves: dict[int, np.ndarray]):
        self.curves, self.now, self.counts = curves, 0.0, dict.fromkeys(curves, 0)

    def without(self, levels: Mapping[int, int]) -> float:
        lost = (self.curves[g][level] - self.curves[g][self.counts[g]] for g, level in levels.items())
        return self.now + float(sum(lost))

    def cut(self, levels: Mapping[int, int]) -> None:
        self.now = self.without(levels)
        self.counts.update(levels)


def information_curves(
    graph, order: Order, images: CalibrationImages, groups: Sequence[int], watch: Watch
) -> dict[int, np.ndarray]:
    """{group: [C + 1] DI lost after every number of removals, from 0}, from pooled features as written, or
    those at sampled pixels where pixels have classes.

    graph: of the network as it is now, of which `order` has the scores; a group that has lost some already
    loses nothing by these.
    """
    from pruning.statistics.collect import collect

    structure = graph.structure
    how: dict[str, Any] = {
        "classes": images.classes,
        "task": images.task,
        "images": len(images),
        "watch": watch,
    }
    found = collect(graph.model, structure, {WRITTEN}, images.batches, groups=groups, **how)
    return {g: _curve(structure, g, order, found, images.class_numbers) for g in groups}


def _curve(structure, g: int, order: Order, found, labels: np.ndarray) -> np.ndarray:
    gone = order.structure.groups[g].size - structure.groups[g].size
    first_to_go, curves = order.sequence(g), []
    for layer in structure.layers_of(g, "writers"):
        features = found[WRITTEN, layer.weight]
        mine, channels = positions(structure, layer, "writers").of(g)
        sequence = [mine[channels == channel] for channel in first_to_go]
        others = np.setdiff1d(np.arange(features.shape[1]), mine)
        kept = cumulative_information(features, labels, np.concatenate([*sequence, others]))
        ends = np.cumsum([0, *(len(part) for part in sequence)])
        curves.append(kept[0] - kept[ends])
    return np.concatenate([np.zeros(gone), np.mean(curves, axis=0)])
