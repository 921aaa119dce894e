"""What every layer of a network is in the whole and in the cut one: channels, MACs, parameters, shapes.

Importing this loads no torch; asking for a network's graph does."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pruning.channels.structure import Structure
from pruning.cost import CostForm, macs_form, parameters_form
from pruning.experiment.loaded_networks import loaded, network_key
from pruning.experiment.recipe import Recipe
from pruning.experiment.result_cache import ResultCache
from pruning.inspection.layer_graph import LayerGraph, Node
from pruning.progress import Watch, silent

REST = "other parameters"
WHOLE, CUT, CLOSED = "whole", "cut", "closed"  # how a node stands: all of it stays, less of it, nothing
_GRAPHS = ResultCache(6)


def layer_graph(recipe: Recipe, watch: Watch = silent) -> LayerGraph:
    """The graph of a recipe's network, by one forward pass. Raises ValueError where it cannot be loaded."""

    def make() -> LayerGraph:
        from pruning.inspection.layer_graph_trace import layer_graph_of

        return layer_graph_of(loaded(recipe, watch).graph)

    return _GRAPHS.get(network_key(recipe), make)


def whole_and_cut(graph: LayerGraph, kept: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """What every node is in the whole and in the cut network: a row a node, in the order they run, and a last
    one for parameters that no layer of the pass takes, where there are any.

    kept: {group: channel indices that stay}, as a Plan's; a group that is not named stays whole.
    Columns: node (position), layer, kind, group (those of its answer), channels, channels_cut, reads,
    reads_cut, macs, macs_cut (of one image), parameters, parameters_cut, state (whole, cut or closed), shape,
    shape_cut.
    MACs and parameters add up to those of `cost.macs_form` and `cost.parameters_form`."""
    structure = graph.structure
    stays = staying(structure, kept)
    full, cut = (np.append(widths, 1.0) for widths in (_sizes(structure), _widths(structure, stays)))
    macs, parameters = (_by_tensor(structure, what, (full, cut)) for what in ("macs", "parameters"))
    rows = []
    for number, node in enumerate(graph.nodes):
        channels, reads = (_counts(of, stays) for of in (node.channels, node.reads))
        work = macs.get(node.weight, np.zeros(2)) * node.share
        stored = np.sum([parameters[name] for name in node.tensors], axis=0) if node.tensors else np.zeros(2)
        shapes = [_shape(node, count) for count in channels]
        row = (number, node.name, node.kind, "; ".join(graph.groups_of(node)), *channels, *reads)
        rows.append((*row, *np.rint(work), *np.rint(stored), _state(channels, work, stored), *shapes))
    taken = {name for node in graph.nodes for name in node.tensors}
    rest = np.sum(
        [counts for name, counts in parameters.items() if name not in taken] or [np.zeros(2)], axis=0
    )
    if rest.any():
        state = _state((0, 0), np.zeros(2), rest)
        rows.append((-1, REST, "", "", 0, 0, 0, 0, 0, 0, *np.rint(rest), state, "", ""))
    counted = {name: int for name in COLUMNS[4:12]}
    return pd.DataFrame(rows, columns=COLUMNS).astype({"node": int, **counted})


COLUMNS = [
    "node",
    "layer",
    "kind",
    "group",
    "channels",
    "channels_cut",
    "reads",
    "reads_cut",
    "macs",
    "macs_cut",
]
COLUMNS += ["parameters", "parameters_cut", "state", "shape", "shape_cut"]


def staying(structure: Structure, kept: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which of all groups' channels stay: bool [channels + 1]; the last one, for what is in no group,
    does."""
    stays = np.ones(structure.starts[-1] + 1, bool)
    for number, group in enumerate(structure.groups):
        if group.name in kept:
            first = structure.starts[number]
            stays[first : first + group.size] = False
            stays[first + np.asarray(kept[group.name], int)] = True
    return stays


def _sizes(structure: Structure) -> np.ndarray:
    return np.diff(structure.starts).astype(float)


def _widths(structure: Structure, stays: np.ndarray) -> np.ndarray:
    ends = np.concatenate([[0], np.cumsum(stays[:-1])])
    return np.diff(ends[structure.starts]).astype(float)


def _counts(places: np.ndarray | None, stays: np.ndarray) -> tuple[int, int]:
    """How many channels there are, and how many stay."""
    return (0, 0) if places is None else (len(places), int(stays[places].sum()))


def _by_tensor(
    structure: Structure, what: str, widths: tuple[np.ndarray, np.ndarray]
) -> dict[str, np.ndarray]:
    """{tensor: [whole, cut]} of a cost that is a bilinear form of the widths."""
    if what == "parameters":
        names, form = list(structure.shapes), parameters_form(structure)
        return {name: counts for name, counts in zip(names, _terms(form, widths), strict=True)}
    own = [layer for layer in structure.layers if layer.weight in structure.sizes and layer.macs_each]
    found = {layer.weight: np.zeros(2) for layer in structure.layers}
    for layer, counts in zip(own, _terms(macs_form(structure), widths), strict=True):
        found[layer.weight] = found[layer.weight] + counts
    for layer in structure.layers:
        if layer.weight not in structure.sizes:  # derived from other tensors: never cut
            found[layer.weight] = np.full(2, float(layer.macs_each))
    return found


def _terms(form: CostForm, widths: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """[terms, 2]: every term of a cost at two sets of widths."""
    return np.stack([form.each * ((form.first @ n) * (form.second @ n)) for n in widths], axis=1)


def _state(channels: tuple[int, int], work: np.ndarray, stored: np.ndarray) -> str:
    nothing = (channels[0] and not channels[1]) or (work[0] and not work[1])
    if nothing:
        return CLOSED
    same = channels[0] == channels[1] and work[0] == work[1] and stored[0] == stored[1]
    return WHOLE if same else CUT


def _shape(node: Node, channels: int) -> str:
    """A node's answer for one image, with so many channels; empty where they lie along several dimensions."""
    shape = list(node.shape)
    if node.axis is not None:
        shape[node.axis] = channels
    elif channels != len(node.channels):
        return ""
    return " x ".join(map(str, shape))
