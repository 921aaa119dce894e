"""What a criterion saw of one channel group, as plain arrays and tables: CPOT's distributions and barycenter,
DI's curve, CATRO's images and grid. Computed in a preview worker, drawn by `figures`.

A layer is looked at by itself: of a group that several layers write or read, one at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruning.allocation.shares import cut_order, finite
from pruning.criteria import CRITERIA, transport
from pruning.criteria.cpot import transported
from pruning.criteria.di import RHO, cumulative_information, pooled_features, share_needed
from pruning.criteria.label_checks import no_class_information
from pruning.criteria.scoring import seen_by
from pruning.error_messages import choose
from pruning.experiment.loaded_networks import loaded
from pruning.experiment.loading import Loaded
from pruning.experiment.recipe import Recipe
from pruning.experiment.result_cache import ResultCache
from pruning.inspection.preview import score_key, scored
from pruning.progress import Watch, silent
from pruning.statistics import Grid, LayerStatistics, PooledFeatures
from pruning.statistics.layer_sides import positions
from pruning.statistics.specifications import Statistic

if TYPE_CHECKING:
    from pruning.statistics.calibration_images import CalibrationImages

BESIDE = ("l1", "fpgm", "energy")  # whose order CPOT's is compared with
OTHERS = 5  # orders drawn at random, in which DI is followed beside its own
ARROWS = 8  # of a map's transport, a side

_SEEN = ResultCache(4)


@dataclass(frozen=True, eq=False)
class TransportView:
    """CPOT's distributions in one layer, a row a channel of the group.

    distribution: which of CPOT's four.   distributions: [C, ...], masses on taps [C, taps] or on a grid
    [C, H, W], or sorted values on a line [C, n].   barycenter: [...], the whole layer's.   distances: [C].
    kernel: of a filter's taps, input channels first.   moves: a row an arrow of a map's transport: channel,
    x, y (where its mass is), to_x, to_y (where it goes), all in places of the map, and mass (a share).
    agreement: {criterion: Spearman with CPOT's scores of the group}, nan where either has one score only.
    """

    distribution: str
    layer: str
    layers: tuple[str, ...]
    distributions: np.ndarray
    barycenter: np.ndarray
    distances: np.ndarray
    kernel: tuple[int, ...]
    moves: pd.DataFrame
    agreement: dict[str, float]


@dataclass(frozen=True, eq=False)
class DiscriminantView:
    """DI in one layer.

    channels: a row a channel in the order in which the criterion gives them up: channel, lost (what its form
    says that goes with it) and kept (exact DI of the pooled features of all channels from this row on).
    others: [n, C + 1], the same DI when channels go in n other orders, drawn at random.
    most: K - 1, what DI can reach.   share: DI / (K - 1) of the `taylor` form's own features, None for exact.
    images: that were looked at.   labels: of them, more where pixels have classes and some of them are drawn.
    """

    form: str
    layer: str
    layers: tuple[str, ...]
    channels: pd.DataFrame
    others: np.ndarray
    most: int
    share: float | None
    images: int
    labels: int


@dataclass(frozen=True)
class TraceRatioView:
    """What CATRO's scatters of a group are sums over.

    images, classes: N and K.   grid: the places on which maps are compared, of the first reader; () where
    only their means are.   size: of the maps themselves.   noise: b / w of a channel that says nothing of the
    class.
    """

    images: int
    classes: int
    grid: tuple[int, ...]
    size: tuple[int, ...]
    noise: float
    layers: tuple[str, ...]


def cpot_view(recipe: Recipe, group: str, layer: str | None = None, watch: Watch = silent) -> TransportView:
    """What CPOT saw of a group in one layer, the first on its side if none is named.

    Raises ValueError where there is no such group or layer."""
    found, options = loaded(recipe, watch), dict(recipe.options)
    seen = _seen(found, recipe, group, watch)
    own = _one(seen, layer)
    made = transported(own, options)
    rows = made.index[_first(*_positions(found, recipe, group, own))]
    distributions = made.distributions[rows]
    kernel = own.weight.shape[1:] if options["distribution"] == "filters" else ()
    maps = options["distribution"] == "maps"
    moves = map_moves(distributions, made.barycenter) if maps else pd.DataFrame()
    return TransportView(
        options["distribution"],
        _short(own),
        tuple(map(_short, seen)),
        distributions,
        made.barycenter,
        made.distances[rows],
        tuple(kernel),
        moves,
        agreement(recipe, group, watch),
    )


def agreement(recipe: Recipe, group: str, watch: Watch = silent) -> dict[str, float]:
    """Spearman's rank correlation of a group's scores with those of L1, FPGM and energy."""
    from scipy.stats import spearmanr  # slow to import, and a page only asks for a worker's answer

    own = finite(scored(recipe, watch)[group])
    found = {}
    for name in BESIDE:
        other = finite(scored(recipe.but(criterion=name), watch)[group])
        alike = np.ptp(own) == 0 or np.ptp(other) == 0
        found[name] = float("nan") if alike else float(spearmanr(own, other).statistic)
    return found


def map_moves(maps: np.ndarray, target: np.ndarray) -> pd.DataFrame:
    """Where the entropic plan takes the mass of each map, on average: up to 8 x 8 arrows a channel.

    maps: [C, H, W], mass 1 or, where a channel is dead, 0.   target: [H, W]. As `TransportView.moves`. What
    the blur alone moves (the plan from the map to itself) is taken off."""
    height, width = target.shape
    alive = np.flatnonzero(maps.sum(axis=(1, 2)) > 0)
    maps = maps[alive]
    start, end = transport.scalings(maps, target)
    same, _ = transport.scalings(maps, maps)
    kernel = transport.Square.of((height, width), transport.MAP_REG)
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    tables = []
    rows, columns = (np.arange(n) * min(n, ARROWS) // n for n in (height, width))
    cell = (rows[:, None] * ARROWS + columns).ravel()
    for c, channel in enumerate(alive):
        gone = [start[c] * kernel(end[c] * at) - same[c] * kernel(same[c] * at) for at in (x, y)]
        sums = [
            np.bincount(cell, part.ravel(), ARROWS**2) for part in (maps[c], maps[c] * x, maps[c] * y, *gone)
        ]
        used = sums[0] > 0
        mass, from_x, from_y, by_x, by_y = (part[used] for part in sums)
        at = {"x": from_x / mass, "y": from_y / mass}
        to = {"to_x": at["x"] + by_x / mass, "to_y": at["y"] + by_y / mass}
        tables.append(pd.DataFrame({"channel": channel, **at, **to, "mass": mass}))
    empty = pd.DataFrame(columns=["channel", "x", "y", "to_x", "to_y", "mass"])
    return pd.concat(tables, ignore_index=True) if tables else empty


def di_view(recipe: Recipe, group: str, layer: str | None = None, watch: Watch = silent) -> DiscriminantView:
    """What DI saw of a group in one layer: the losses of its own form, and the exact curve in its order."""
    found, options = loaded(recipe, watch), dict(recipe.options)
    also = (PooledFeatures(side=CRITERIA["di"].side_of(options)), *share_needed(options))  # type: ignore[arg-type] # DI's are these two
    seen = _seen(found, recipe, group, watch, also)
    own = _one(seen, layer)
    keywords = {key: value for key, value in options.items() if key != "labels"}
    places, numbers = _positions(found, recipe, group, own)
    lost = np.bincount(numbers, CRITERIA["di"].score(own, **keywords)[places, 1])
    features, merged = pooled_features(own, options["where"])
    features = features[:, merged[_first(places, numbers)]]
    order = cut_order(finite(scored(recipe, watch)[group]))
    rho = options["rho"] if options["form"] == "exact" else RHO["exact"]
    kept = cumulative_information(features, own.labels, order, rho=rho)
    random = np.random.default_rng(recipe.seed)
    drawn = [random.permutation(len(order)) for _ in range(OTHERS)]
    others = np.array([cumulative_information(features, own.labels, o, rho=rho) for o in drawn])
    table = pd.DataFrame({"channel": order, "lost": lost[order], "kept": kept[:-1]})
    share = [float(own[need][0]) for need in share_needed(options)]
    most = len(np.unique(own.labels)) - 1
    names = tuple(map(_short, seen))
    counted = len(_drawn(found, recipe)), len(own.labels)
    return DiscriminantView(
        options["form"], _short(own), names, table, others, most, share[0] if share else None, *counted
    )


def catro_view(recipe: Recipe, group: str, watch: Watch = silent) -> TraceRatioView:
    """On how many images and places CATRO's scatters of a group rest. Looks at no image but the example."""
    from pruning.statistics.collect import collect

    group = choose(group, loaded(recipe, watch).graph.structure.names, "group")
    found, options = loaded(recipe, watch), dict(recipe.options)
    structure, number = found.graph.structure, found.graph.structure.names.index(group)
    drawn = _drawn(found, recipe)
    batch = next(iter(drawn.batches(2)))
    how: dict[str, Any] = {
        "classes": drawn.classes,
        "task": drawn.task,
        "groups": [number],
        "images": len(batch[1]),
    }
    sizes = collect(found.model, structure, [Grid(side="readers")], lambda size: [batch], **how)
    readers = structure.layers_of(number, "readers")
    size = tuple(int(side) for side in sizes[Grid(side="readers"), readers[0].weight])
    channels = len(positions(structure, readers[0], "readers"))
    (scatter,) = CRITERIA["catro"].needs(options)
    return TraceRatioView(
        len(drawn),
        len(np.unique(drawn.class_numbers)),
        scatter.grid(size, drawn.classes, channels),
        size,
        no_class_information(drawn.class_numbers),
        tuple(reader.name for reader in readers),
    )


# ------------------------------------------------------------------------------------------- of one layer


def _drawn(found: Loaded, recipe: Recipe) -> "CalibrationImages":
    """The calibration images that a recipe's scores are of."""
    from pruning.statistics.calibration_images import CalibrationImages

    return CalibrationImages(found.model, found.data, recipe.calibration, recipe.seed)


def _seen(
    found: Loaded, recipe: Recipe, group: str, watch: Watch, also: Sequence[Statistic] = ()
) -> list[LayerStatistics]:
    how: dict[str, Any] = {
        "seed": recipe.seed,
        "calibration": recipe.calibration,
        "also": also,
        "watch": watch,
    }

    def make() -> list[LayerStatistics]:
        return seen_by(found.graph, recipe.criterion, found.data, group, **how, **dict(recipe.options))

    return _SEEN.get((*score_key(recipe), group), make)  # for the group's other layers too


def _one(seen: list[LayerStatistics], layer: str | None) -> LayerStatistics:
    names = list(map(_short, seen))
    return seen[0] if layer is None else seen[names.index(choose(layer, names, "layer of this group"))]


def _short(layer: LayerStatistics) -> str:
    return layer.name.removesuffix(".weight")


def _positions(
    found: Loaded, recipe: Recipe, group: str, layer: LayerStatistics
) -> tuple[np.ndarray, np.ndarray]:
    """A layer's positions that belong to a group, and the channel at each."""
    structure, side = found.graph.structure, CRITERIA[recipe.criterion].side_of(dict(recipe.options))
    number = structure.names.index(group)
    (record,) = (known for known in structure.layers_of(number, side) if known.weight == layer.name)
    return positions(structure, record, side).of(number)


def _first(places: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """[C]: the first position of each channel; of the halves of a gated unit the first."""
    return places[np.unique(channels, return_index=True)[1]]
