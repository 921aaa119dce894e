"""From a network and images to Scores: one pass of statistics, one call a layer, and the one place where what
several layers say of a group is combined.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from inspect import signature

import numpy as np
import pandas as pd

from pruning.channels.structure import ChannelGroup, LayerRecord, Structure
from pruning.criteria.image_statistics import ImageStatistics
from pruning.criteria.registry import CRITERIA, Criterion, must_be_scored, resolve_options
from pruning.criteria.scores import Scores, Tables
from pruning.error_messages import choose
from pruning.models.fill_weights import must_be_numbers
from pruning.progress import Watch, silent
from pruning.statistics.layer_sides import onto_channels, positions, weight_rows
from pruning.statistics.specifications import LayerStatistics, Statistic
from pruning.terms import title

Chosen = tuple[str, tuple[tuple[str, object], ...]]  # a criterion's name and its options, resolved


def score(
    graph,
    criterion: str,
    data=None,
    *,
    seed: int = 0,
    calibration: int = 1000,
    groups: str | Sequence[str] = "all",
    watch: Watch = silent,
    **options,
) -> Scores:
    """What a criterion says of every channel group: a mapping {group: [C]}, higher = keep.

    graph: a ChannelGraph.   data: as `load_data` takes it: a Dataset, its name or path, (images float NCHW as
    the network takes them, labels int64), a torch Dataset or a DataLoader; needed by criteria that look at
    images.   calibration: how many images,
    balanced over classes, by `seed`.
    groups: all, only the inner ones, or a list of names.   options: the criterion's own.
    Raises ValueError for an unknown criterion or option, where images or labels are needed and none are
    given, and for weights that are no finite numbers.
    """
    chosen = (choose(criterion, CRITERIA, "criterion"), resolve_options(criterion, options))
    scores = score_all(graph, [chosen], data, seed=seed, calibration=calibration, groups=groups, watch=watch)
    return scores[chosen]


def score_all(
    graph,
    criteria: Iterable[Chosen],
    data=None,
    *,
    seed: int = 0,
    calibration: int = 1000,
    groups: str | Sequence[str] = "all",
    watch: Watch = silent,
) -> dict[Chosen, Scores]:
    """Several criteria at once: one streaming pass serves all (and one with gradients, where any needs them;
    one more with shuffled labels, where any asks for those)."""
    criteria = list(criteria)
    for name, _ in criteria:
        must_be_scored(name)
    structure: Structure = graph.structure
    named = {"all": structure.names, "inner": [group.name for group in structure.groups if group.inner]}
    if isinstance(groups, str):
        groups = named[choose(groups, named, "choice of groups")]
    chosen = {choose(group, structure.names, "group") for group in groups}
    wanted = [g for g, group in enumerate(structure.groups) if group.name in chosen]
    images = ImageStatistics(graph.model, data, seed, calibration)
    scores = {}
    for shuffled in (False, True):
        mine = [c for c in criteria if (dict(c[1]).get("labels") == "shuffled") == shuffled]
        needs = {need for name, options in mine for need in CRITERIA[name].needs(dict(options))}
        learning = [name for name, _ in mine if CRITERIA[name].uses_labels]
        found = {}
        if needs:
            drawn = images.draw(shuffled, learning)
            with blaming_weights(graph.model):
                found = images.collect(graph, needs, wanted, drawn, watch)
        for asked in mine:
            scores[asked] = _scores(graph, asked, found, images, wanted, seed, watch)
    return scores


def seen_by(
    graph,
    criterion: str,
    data,
    group: str,
    *,
    seed: int = 0,
    calibration: int = 1000,
    also: Iterable[Statistic] = (),
    watch: Watch = silent,
    **options,
) -> list[LayerStatistics]:
    """What a criterion is handed of the layers on its side of one group, in the order they run.

    Only what this group needs is streamed.   also: further statistics for whoever wants to look closer.
    Arguments as `score`'s. A criterion that asks whole groups rather than layers sees no layer: [].
    Raises ValueError for an unknown criterion, option or group, and where images are needed and none are
    given.
    """
    structure: Structure = graph.structure
    known = CRITERIA[choose(criterion, CRITERIA, "criterion")]
    must_be_scored(criterion)
    resolved = dict(resolve_options(criterion, options))
    g = structure.names.index(choose(group, structure.names, "group"))
    images = ImageStatistics(graph.model, data, seed, calibration)
    needs, shuffled = {*known.needs(resolved), *also}, resolved.get("labels") == "shuffled"
    learning = [criterion] if known.uses_labels else []
    found = images.collect(graph, needs, [g], images.draw(shuffled, learning), watch) if needs else {}
    weights = dict(graph.model.named_parameters())
    layers = _Layers(structure, known, resolved, weights, found, images, seed)
    records = [] if layers.side == "groups" else structure.layers_of(g, layers.side)
    return [layers.seen(record) for record in records]


def _scores(
    graph,
    chosen: Chosen,
    found: Mapping,
    images: ImageStatistics,
    wanted: Sequence[int],
    seed: int,
    watch: Watch,
) -> Scores:
    name, options = chosen
    criterion, structure = CRITERIA[name], graph.structure
    keywords = {key: value for key, value in options if not (key == "labels" and criterion.uses_labels)}
    layers = _Layers(
        structure, criterion, keywords, dict(graph.model.named_parameters()), found, images, seed
    )
    tables, values = Tables(criterion.columns), {}
    again = None
    if criterion.again:
        taken = signature(criterion.again).parameters
        again = Again(criterion.again, tuple((key, value) for key, value in keywords.items() if key in taken))
    for done, g in enumerate(wanted):
        watch("score", done, len(wanted), message=name)
        group = structure.groups[g]
        said = _combined(layers, g, group)
        if not np.isfinite(said).all():  # as dead channels have it too; the weights are read only now
            must_be_numbers(layers.weights, source="the network")
        if again:
            column = again(pd.DataFrame(said, columns=list(criterion.columns)), max(1, group.size // 2))
        else:
            column = said[:, criterion.columns.index("score")]
        values[group.name] = np.where(np.isnan(column), -np.inf, column).astype(float)
        tables.add(group.name, said, values[group.name])
    messages = (*(images.messages if layers.needs else ()), *_told_apart(criterion, values))
    return Scores(values, name, criterion.unit_of(dict(options)), tables, messages, again)


@contextmanager
def blaming_weights(model):
    """Where something inside is refused and the weights are no finite numbers, that is the reason."""
    try:
        yield
    except ValueError:
        must_be_numbers(dict(model.named_parameters()), source="the network")
        raise


def _told_apart(criterion: Criterion, values: Mapping[str, np.ndarray]) -> list[str]:
    """A sentence where a criterion gives all channels of a group the same score: it does not order them."""
    alike = [name for name, column in values.items() if len(column) > 1 and (column == column[0]).all()]
    if not alike:
        return []
    listed = ", ".join(alike[:3]) + (f" and {len(alike) - 3} more" if len(alike) > 3 else "")
    return [
        f"{title(criterion.name)} scores all channels of {listed} alike: there the lower numbers are kept."
    ]


def as_array(tensor) -> np.ndarray:
    """A parameter as NumPy has it; half precisions, which it mostly lacks, as float32."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.element_size() < 4 else tensor).numpy()


class Again:
    """An order that depends on the width, with its options bound; a class so that Scores can travel between
    processes."""

    def __init__(self, order: Callable, keywords: tuple[tuple[str, object], ...]):
        self.order, self.keywords = order, keywords

    def __call__(self, table: pd.DataFrame, width: int) -> np.ndarray:
        return self.order(table, width, **dict(self.keywords))


class _Layers:
    """What the criterion says of each layer's positions, computed once a layer: [P, columns]."""

    def __init__(
        self, structure: Structure, criterion: Criterion, keywords: dict, weights, found, images, seed
    ):
        self.structure, self.criterion, self.keywords = structure, criterion, keywords
        self.weights, self.found, self.images, self.seed = weights, found, images, seed
        self.needs, self.side = criterion.needs(keywords), criterion.side_of(keywords)
        self.known: dict[str, np.ndarray] = {}

    def of_group(self, group: ChannelGroup) -> np.ndarray:
        return self._said(self._view(group.name, np.zeros((group.size, 0))))

    def of_layer(self, layer: LayerRecord) -> np.ndarray:
        if layer.weight not in self.known:
            self.known[layer.weight] = self._said(self.seen(layer))
        return self.known[layer.weight]

    def seen(self, layer: LayerRecord) -> LayerStatistics:
        """What the criterion is handed of one layer."""
        dimension = self.structure.sides(layer)[self.side]
        rows = weight_rows(as_array(self.weights[layer.weight]), layer, dimension)
        pixels = np.zeros(0, int)
        if layer.kind == "linear" and self.side == "readers":
            places = self.structure.places[layer.weight][dimension]
            pixels = places if len(np.unique(places)) < len(places) else pixels
        return self._view(layer.weight, rows, pixels=pixels)

    def _view(self, name: str, rows: np.ndarray, **more) -> LayerStatistics:
        found = {need: array for (need, layer), array in self.found.items() if layer == name}
        return LayerStatistics(name, rows, self.images.labels, self.images.classes, found, self.seed, **more)

    def _said(self, view: LayerStatistics) -> np.ndarray:
        said = self.criterion.score(view, **self.keywords)
        return said.reshape(len(said), -1)


def _combined(layers: _Layers, g: int, group: ChannelGroup) -> np.ndarray:
    """The criterion's columns for one group: [C, columns].

    One layer speaks for itself. Several: `average` divides each layer's non-negative numbers by their mean
    over its channels (all zero stays zero) and averages; `sum` adds; `scatter` divides by the layer's summed
    last column and adds.
    """
    criterion = layers.criterion
    if layers.side == "groups":
        return layers.of_group(group)
    records = layers.structure.layers_of(g, layers.side)
    if not records:
        raise ValueError(
            f"{title(criterion.name)} needs a norm after {group.name}, and there is none; give another "
            "criterion"
        )
    parts = []
    for record in records:
        said = layers.of_layer(record)
        part = onto_channels(said, positions(layers.structure, record, layers.side), g, group.size)
        if criterion.combine == "scatter":
            part = part / (said[:, -1].sum() or 1.0)
        elif criterion.combine == "average" and len(records) > 1:
            mean = np.abs(part).mean(axis=0)
            part = np.divide(part, mean, out=np.zeros_like(part), where=mean > 0)
        parts.append(part)
    return np.sum(parts, axis=0) if criterion.combine != "average" else np.mean(parts, axis=0)
