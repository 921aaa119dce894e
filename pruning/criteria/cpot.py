"""CPOT: channel pruning via optimal transport (2020). Channels near the Wasserstein barycenter of their layer
are redundant.

What a channel's distribution is, is our reading, and an option: `filters` (a mass on the filter's taps),
`weights` (the absolute weights on the real line), `activations` (its pooled activations over the images) or
`maps` (where in the image it is active). The closest to the barycenter go first. Under `projection` the whole
group is one distribution over its channels, projected on those that stay: the barycenter then is a channel
again, the heir of all whose mass it takes, and what can be rebuilt goes first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from pruning.criteria import transport
from pruning.criteria.projection import elimination
from pruning.criteria.registry import Side, criterion
from pruning.statistics import LayerStatistics, MeanMaps, PooledFeatures, TransportCosts

NEEDS: dict[str, tuple[PooledFeatures | MeanMaps | TransportCosts, ...]] = {
    "activations": (PooledFeatures(side="readers"),),
    "maps": (MeanMaps(),),
    "projection": (TransportCosts(),),
}
SIDES: dict[str, Side] = {"activations": "readers", "maps": "readers", "projection": "groups"}
UNITS = {
    "filters": "transport distance to the barycenter",
    "weights": "transport distance, in weights",
    "activations": "transport distance, in activations",
    "maps": "transport cost, in squared image sides",
    "projection": "transport cost of all that is gone when it goes",
}


@dataclass(frozen=True, eq=False)
class Transported:
    """What CPOT made of a layer: a row a channel of what it compares.

    distributions: [P, ...], masses on taps or on a grid, or sorted values on a line.   barycenter: [...].
    distances: [P], 0 for a map that is zero everywhere.   index: which of them each position of the layer
    belongs to, [positions]: not its own only where a linear layer reads a channel as several pixels.
    """

    distributions: np.ndarray
    barycenter: np.ndarray
    distances: np.ndarray
    index: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """[positions]: positions of one channel add up to its distance."""
        return (self.distances / np.bincount(self.index))[self.index]


@criterion(
    "cpot",
    meaning=(
        "Keeps the channels far from their layer's Wasserstein barycenter; those near it count as redundant."
    ),
    unit=lambda options: UNITS[options["distribution"]],
    side=lambda options: SIDES.get(options["distribution"], "writers"),
    needs=lambda options: NEEDS.get(options["distribution"], ()),
    only_with={
        "ground": {"distribution": "filters"},
        "temperature": {"distribution": "filters"},
        "barycenter": {"distribution": "filters", "ground": "taps"},
        "debiased": {"distribution": "maps"},
    },
)
def cpot(
    layer: LayerStatistics,
    *,
    distribution: Annotated[
        Literal["filters", "weights", "activations", "maps", "projection"],
        "The distribution that represents a channel: mass on its filter's taps (filters), its |weights|, its "
        "pooled activations, or where in the image it is active (maps, the easiest to see); or, projection, "
        "the whole group's over its channels, moved to those that can stand in for the others.",
    ] = "filters",
    ground: Annotated[
        Literal["taps", "spatial"],
        "filters: cost of moving mass. taps: 1 to any other tap; spatial: the distance within an input "
        "channel (up to 600 taps; entropic barycenter, reg 0.05).",
    ] = "taps",
    temperature: Annotated[
        float,
        "filters: temperature of a filter's mass, in standard deviations of the layer's weights; high "
        "values come close to the L1 norm.",
    ] = 4.0,
    barycenter: Annotated[
        Literal["exact", "median", "mean"],
        ("filters on taps: the exact barycenter, or the median or mean instead."),
    ] = "exact",
    debiased: Annotated[
        bool, "maps: remove the blur of entropic transport from barycenter and distance (reg 0.02)."
    ] = True,
) -> np.ndarray:
    """Distance of each channel's distribution to the layer's barycenter: [P], higher = keep.

    `filters`: W1, in 0 .. 1. `weights`, `activations`: W2, in their own scale. `maps`: Sinkhorn divergence,
    in squared sides of the image. `projection`: the distance of the group to what is left of it once the
    channel is gone after all that go before it, in 0 .. 1. Source: CPOT 2020 [A]; the distributions,
    closest-first and the projection are readings [R]; the closed forms are derived here [D]."""
    if distribution == "projection":
        return projected(layer)
    options = {"distribution": distribution, "ground": ground, "temperature": temperature}
    return transported(layer, options | {"barycenter": barycenter, "debiased": debiased}).scores


def projected(layer: LayerStatistics) -> np.ndarray:
    """[C]: the distance at which each channel of a group goes; nan where it gives its readers nothing."""
    costs = layer[TransportCosts()]
    order, distance = elimination(costs)
    found = np.empty(len(costs))
    found[order] = distance
    return np.where(costs[:, -1] > 0, found, np.nan)


def transported(layer: LayerStatistics, options: Mapping[str, Any]) -> Transported:
    """Distributions, barycenter and distances of a layer. options: all of CPOT's, resolved."""
    kind = options["distribution"]
    if kind == "filters":
        return _of_filters(layer, options)
    if kind == "maps":
        return _of_maps(layer, options["debiased"])
    if kind == "weights":
        values, index = np.abs(layer.rows), np.arange(len(layer.weight))
    else:
        values, index = layer.channels_of(layer[NEEDS[kind][0]].T.astype(float))
        values = values.mean(axis=1) if values.ndim == 3 else values  # pixels of a flattened map: [C, px, N]
    ordered = transport.quantiles(values)
    return Transported(ordered, ordered.mean(axis=0), transport.line_distances(values), index)


def _of_filters(layer: LayerStatistics, options: Mapping[str, Any]) -> Transported:
    mass, index = filter_mass(layer.rows, options["temperature"]), np.arange(len(layer.weight))
    if options["ground"] == "taps":
        middle = transport.center(mass, options["barycenter"])
        return Transported(mass, middle, transport.tap_distances(mass, middle), index)
    kernel = layer.weight.shape[2:]
    middle = transport.spatial_center(mass, layer.weight.shape[1], kernel)
    return Transported(mass, middle, transport.spatial_distances(mass, middle, kernel), index)


def _of_maps(layer: LayerStatistics, debiased: bool) -> Transported:
    """Of mean |activation|, normalised. Maps of one place are all alike, so there every distance is 0."""
    maps, index = layer.channels_of(layer[NEEDS["maps"][0]])
    if maps.ndim == 4:  # [C, pixels, 1, 1], read as numbers: the map that was flattened, square if it can be
        side = int(np.sqrt(maps.shape[1]))
        maps = maps.reshape(len(maps), -1, side if side * side == maps.shape[1] else maps.shape[1])
    total = maps.sum(axis=(1, 2))
    alive, distances = total > 0, np.zeros(len(maps))
    mass = np.divide(maps, total[:, None, None], out=np.zeros_like(maps), where=alive[:, None, None])
    if not alive.any():
        return Transported(mass, np.zeros(maps.shape[1:]), distances, index)
    middle = transport.map_center(mass[alive], debiased=debiased)
    distances[alive] = transport.map_distances(mass[alive], middle, debiased=debiased)
    return Transported(mass, middle, distances, index)


def filter_mass(rows: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(w / (temperature * std)) over each filter's taps: [P, taps], rows sum to 1. std is the whole
    layer's."""
    if temperature <= 0:
        raise ValueError(f"temperature is {temperature}; give a number above 0, such as 4")
    scaled = rows / (temperature * (rows.std() or 1.0))
    mass = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return mass / mass.sum(axis=1, keepdims=True)
