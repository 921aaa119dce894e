"""What an allocation by error goes by: the error of every number of channels that a group loses."""

from collections.abc import Iterable, Mapping

import numpy as np

from pruning.channels.residual_branches import ResidualBranches
from pruning.channels.structure import Structure
from pruning.criteria.scores import Scores
from pruning.progress import Watch, silent
from pruning.search.removal_order import Order


def errors_of(
    graph,
    scores: Scores,
    data,
    groups: Iterable[int],
    *,
    seed: int = 0,
    calibration: int = 1000,
    watch: Watch = silent,
) -> dict[int, np.ndarray]:
    """{group number: [C + 1]}: shares of the variance lost, once refitted, with each number of channels gone,
    in the order of the scores. One pass over the images; none for the scores of `reconstruction`, which are
    these numbers."""
    from pruning.reconstruction.error_curves import error_curves
    from pruning.statistics.calibration_images import CalibrationImages

    names, groups = graph.structure.names, list(groups)
    if scores.criterion == "reconstruction":
        known = {g: np.asarray(scores[names[g]], float) for g in groups}
        return {g: np.append(0.0, np.sort(np.where(s > -np.inf, s, 0.0))) for g, s in known.items()}
    order, drawn = Order(graph.structure, scores), CalibrationImages(graph.model, data, calibration, seed)
    orders = {g: order.sequence(g) for g in groups}
    found = error_curves(graph.model, graph.structure, drawn, groups, orders=orders, watch=watch)
    return {g: curve.error for g, curve in found.items()}


def heard_outside(
    structure: Structure, errors: Mapping[int, np.ndarray], blocks: ResidualBranches
) -> dict[int, np.ndarray]:
    """The errors, with none where a group has lost everything and only its own block reads it: all of that
    is closed, then."""
    found = dict(errors)
    for block in blocks.sets:
        for g in block & found.keys():
            readers = structure.layers_of(g, "readers")
            writes = [structure.maps.get(r.weight, {}).get(r.output) for r in readers]
            if all(index is not None and set(index.group.tolist()) <= block for index in writes):
                found[g] = np.append(found[g][:-1], 0.0)
    return found
