"""Reductions, softmax, sorting: what runs along some dimensions, which may hold places, a stack of several
maps, or channels."""

import math

import numpy as np
import torch

from pruning.channels.ids import ADD, Trace, compact, constant
from pruning.channels.tensor_ids import TensorIds

REDUCING = frozenset(
    """mean sum amax amin max min std var std_mean var_mean norm linalg_norm linalg_vector_norm logsumexp
    prod median nanmedian nanmean nansum quantile nanquantile kthvalue mode aminmax all any argmax
    argmin _is_all_true _is_any_true count_nonzero softmax log_softmax softmin cumsum cumprod cummax
    cummin logcumsumexp sort argsort msort topk normalize""".split()
)
# where an operation takes its dimensions, if not second, and which it takes if none are said
_PLACE = dict.fromkeys(
    "norm linalg_norm linalg_vector_norm topk kthvalue quantile nanquantile normalize".split(), 2
)
_ELSE = {
    **dict.fromkeys(("sort", "argsort", "topk", "kthvalue", "mode"), -1),
    **{"msort": 0, "normalize": 1},
}
PLACES, STACK, CHANNELS = "places", "stack", "channels"


def lie(trace: Trace, ids: torch.Tensor, dims: list[int]) -> str:
    """What lies along these dimensions: places of one channel each, a stack of which each entry is another
    map's channel, or channels of one map."""
    rows = _rows(ids, dims)
    if rows is None:
        return PLACES
    together: np.ndarray = trace.classes()[torch.unique(rows, dim=0).numpy()]
    makers = np.searchsorted(trace.first, together, side="right")
    return STACK if (_different(together) <= _different(makers)).all() else CHANNELS  # type: ignore[arg-type] # indexed by an array, so one


def only_places(trace: Trace, ids: torch.Tensor, dims: list[int]) -> bool:
    """Whether no two channels that may be cut apart lie along these dimensions."""
    rows = _rows(ids, dims)
    return rows is None or not _different(trace.classes()[torch.unique(rows, dim=0).numpy()]).any()


def apart(trace: Trace, ids: torch.Tensor, dimension: int) -> bool:
    """Whether each index of a dimension has channels of its own, which may be several at its places, as after
    a pixel shuffle."""
    shadow = compact(ids)
    if shadow.shape[dimension] == 1:
        return False
    rows = trace.classes()[shadow.movedim(dimension, 0).reshape(shadow.shape[dimension], -1).numpy()]
    own = [np.unique(row[row != 0]) for row in rows]
    together = np.concatenate(own)
    return len(np.unique(together)) == len(together)


def _rows(ids: torch.Tensor, dims: list[int]) -> torch.Tensor | None:
    """A row for every place along the other dimensions, constants in it left out; None where each row holds
    one channel."""
    shadow = compact(ids)
    dims = [d for d in dims if shadow.shape[d] > 1]
    if not dims:
        return None
    number = math.prod(shadow.shape[d] for d in dims)
    rows = shadow.movedim(dims, list(range(-len(dims), 0))).reshape(-1, number)
    highest = rows.amax(1, keepdim=True)
    rows = torch.where(rows == 0, highest, rows)
    return None if bool((rows == highest).all()) else rows


def _different(rows: np.ndarray) -> np.ndarray:
    """How many different numbers stand in each row."""
    return (np.diff(np.sort(rows, axis=1), axis=1) != 0).sum(axis=1)


def dimensions(name: str, args: tuple, kwargs: dict, number: int) -> list[int]:
    """Along which dimensions an operation runs."""
    place = _PLACE.get(name, 1)
    said = args[place] if len(args) > place else _ELSE.get(name)
    said = kwargs.get("dim", kwargs.get("axis", said))
    if said is None and "softm" in name:  # PyTorch's own choice, where none is said
        said = 0 if number in (0, 1, 3) else 1
    if said is None or isinstance(said, (bool, str, torch.Tensor)) or said in ((), []):
        return list(range(number))
    return [d % max(1, number) for d in (said if isinstance(said, (list, tuple)) else [said])]


def reduce(
    tracer: TensorIds, name: str, ids: torch.Tensor, outputs: list[torch.Tensor], args: tuple, kwargs: dict
):
    """Along places each channel stays by itself; along a stack the maps are tied, as by a sum; along channels
    they are mixed."""
    dims = dimensions(name, args, kwargs, ids.dim())
    kind = lie(tracer.trace, ids, dims)
    if kind == CHANNELS:
        why = f"{tracer.where()} takes the {name} over channels"
        if outputs[0].dtype == torch.bool and not outputs[0].dim():
            tracer.asked[outputs[0]] = (
                ids,
                why,
            )  # whether all is well, which mixes nothing unless it is used
        else:
            tracer.trace.fix(ids, why)
        for output in outputs:  # softmax and the like: what is added to it stays as well
            tracer.put(output, ids if output.shape == ids.shape else constant(output.shape))
        return
    shadow = compact(ids)
    kept = shadow.amax(dims, keepdim=True) if dims else shadow
    if kind == STACK:
        tracer.trace.unite(kept, shadow, ADD)
    squeezed = kept.reshape([size for d, size in enumerate(kept.shape) if d not in dims])
    for output in outputs:
        tracer.put(output, squeezed if output.dim() < ids.dim() else kept)
