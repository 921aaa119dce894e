"""Which channels of a group are alike: the distance in which the criterion itself compares channels."""

from collections.abc import Mapping

import numpy as np

from pruning.criteria import transport
from pruning.criteria.cpot import filter_mass
from pruning.experiment.loading import Loaded
from pruning.experiment.recipe import Recipe

OF_WEIGHTS = ("l1", "l2", "fpgm", "random")  # channels are similar where their filters are


class Filters:
    """The weights that write a group's channels: for each writing layer [C, inputs, ...], float64."""

    def __init__(self, found: Loaded, number: int):
        from pruning.criteria.scoring import as_array
        from pruning.statistics.layer_sides import positions, weight_rows

        structure, tensors = found.graph.structure, dict(found.model.named_parameters())
        size, self.layers = structure.groups[number].size, []
        for layer in structure.layers_of(number, "writers"):
            weight = as_array(tensors[layer.weight])
            assert layer.output is not None  # a layer that writes
            rows = weight_rows(weight, layer, layer.output).astype(float)
            places, channels = positions(structure, layer, "writers").of(number)
            written, first = np.unique(channels, return_index=True)  # of a gated pair the first half
            kernels = np.full((size, *rows.shape[1:]), np.nan)
            kernels[written] = rows[places[first]]
            self.layers.append(kernels)

    def of(self, channel: int) -> np.ndarray:
        """[inputs, ...], where it is written first."""
        return next(kernels[channel] for kernels in self.layers if np.isfinite(kernels[channel]).all())


def similarity_distances(
    recipe: Recipe, filters: Filters, pooled: np.ndarray, maps: np.ndarray, channel: int
) -> tuple[str, np.ndarray]:
    """What the distance is, in words, and that of every channel of the group to this one: [C], nan where
    there is none.

    pooled: [N, C], mean activations where the group is read.   maps: [C, h, w], mean |activation|.
    CPOT compares by transport, L1, L2 and FPGM by the filters' weights; every other criterion looks at what
    channels do, so there two are alike that rise and fall together.
    """
    options = dict(recipe.options)
    if recipe.criterion == "cpot":
        return _by_transport(options, filters, pooled, maps, channel)
    if recipe.criterion in OF_WEIGHTS:
        words = "Euclidean distance of the filters"
        return words, np.mean([_euclidean(kernels, channel) for kernels in filters.layers], axis=0)
    return "1 - correlation of the pooled activations", 1 - _correlations(pooled, channel)


def _by_transport(
    options: Mapping, filters: Filters, pooled: np.ndarray, maps: np.ndarray, channel: int
) -> tuple[str, np.ndarray]:
    kind = options["distribution"]
    if kind == "maps":
        return "transport cost between the mean maps, in squared image sides", _of_maps(
            maps, channel, options
        )
    if kind == "activations":
        return "transport distance between the pooled activations", _on_line(pooled.T, channel)
    if kind == "projection":
        words = "share of a channel's pooled activations that a multiple of the other leaves"
        return words, 1 - _correlations(pooled, channel) ** 2
    each = []
    for kernels in filters.layers:
        rows = kernels.reshape(len(kernels), -1)
        if kind == "weights":
            each.append(_on_line(np.abs(rows), channel))
            continue
        mass = filter_mass(rows, options["temperature"])
        if options["ground"] == "spatial":
            each.append(transport.spatial_distances(mass, mass[channel], kernels.shape[2:]))
        else:
            each.append(transport.tap_distances(mass, mass[channel]))
    what = "filters' masses" if kind == "filters" else "filters' |weights|"
    return f"transport distance between the {what}", np.mean(each, axis=0)


def _on_line(values: np.ndarray, channel: int) -> np.ndarray:
    """W2 between uniform distributions on a line: [C, n] -> [C]."""
    ordered = transport.quantiles(values)
    return np.sqrt(((ordered - ordered[channel]) ** 2).mean(axis=1))


def _of_maps(maps: np.ndarray, channel: int, options: Mapping) -> np.ndarray:
    """Between maps normalised to mass 1; an all-zero one has no distance."""
    total = maps.sum(axis=(1, 2), dtype=float)
    alive, found = np.isfinite(total) & (total > 0), np.full(len(maps), np.nan)
    if alive[channel]:
        mass = maps[alive] / total[alive, None, None]
        own = maps[channel] / total[channel]
        found[alive] = transport.map_distances(mass, own, debiased=options["debiased"])
    return found


def _euclidean(kernels: np.ndarray, channel: int) -> np.ndarray:
    rows = kernels.reshape(len(kernels), -1)
    return np.linalg.norm(rows - rows[channel], axis=1)


def _correlations(pooled: np.ndarray, channel: int) -> np.ndarray:
    """Of every column with one: [C]; nan with a channel that is the same on all images."""
    centred = pooled.astype(float) - pooled.mean(axis=0, dtype=float)
    sizes = np.linalg.norm(centred, axis=0)
    sizes = np.where(sizes > 0, sizes, np.nan)
    return np.clip(centred.T @ centred[:, channel] / (sizes * sizes[channel]), -1, 1)
