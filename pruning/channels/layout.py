"""Operations that only move entries: they run on the ids as they do on the maps."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

from pruning.channels.ids import ADD, TIE, along, compact, flat, unite_rows
from pruning.channels.reductions import CHANNELS, lie
from pruning.channels.tensor_ids import TensorIds

LAYOUT = frozenset(
    """view reshape flatten permute transpose unsqueeze squeeze expand expand_as repeat roll unbind narrow
    swapaxes swapdims movedim moveaxis pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle
    view_as reshape_as unflatten tile select index_select flip t chunk split tensor_split __getitem__ pad cat
    concat concatenate stack repeat_interleave broadcast_to broadcast_tensors glu flipud fliplr rot90 hstack
    vstack adjoint mT""".split()
)
CHOOSING = ("__getitem__", "narrow", "select", "index_select")


def move(
    tracer: TensorIds, name: str, func: Callable, args: tuple, kwargs: dict, outputs: list[torch.Tensor]
):
    if name in _OWN:
        _OWN[name](tracer, outputs[0], *args, **kwargs)
        return
    source = args[0] if args else next(iter(kwargs.values()))
    if name in ("view", "reshape", "unflatten", "view_as", "reshape_as") and isinstance(source, torch.Tensor):
        _tie_split_channels(tracer, tracer.ids_of(source), outputs[0].shape)
    if name in ("chunk", "split", "tensor_split", "unbind"):
        _tie_parts(tracer, name, source, outputs, args, kwargs)
    if name in ("channel_shuffle", "native_channel_shuffle"):
        groups = kwargs.get("groups", args[1] if len(args) > 1 else 1)
        rows = tracer.channel_ids(tracer.ids_of(source), 1).view(groups, -1)
        unite_rows(tracer.trace, rows, TIE)
    if name == "roll":
        _rolled(tracer, source, *args[1:], **kwargs)
    shadow = _shadow(tracer, name, func, args, kwargs, outputs)
    if name in CHOOSING:
        _choose(tracer, name, func, args, kwargs, shadow[0])
    for output, ids in zip(outputs, shadow, strict=True):
        tracer.put(output, ids)


def _shadow(
    tracer: TensorIds, name: str, func: Callable, args: tuple, kwargs: dict, outputs: list
) -> list[torch.Tensor]:
    """The same operation, on the ids. `view` becomes `reshape`, since expanded ids have other strides."""
    if name == "view" and not isinstance(args[1] if len(args) > 1 else None, torch.dtype):
        func = torch.Tensor.reshape
    if name in ("view_as", "reshape_as"):
        return [tracer.ids_of(args[0]).reshape(outputs[0].shape)]
    if name == "expand_as":
        return [tracer.ids_of(args[0]).expand(outputs[0].shape)]
    return _run(func, args, kwargs, tracer.ids_of)


def _run(func: Callable, args: tuple, kwargs: dict, instead: Callable) -> list[torch.Tensor]:
    """An operation on other tensors: on what stands for each map; indices are taken as they are."""

    def shadowed(value):
        if isinstance(value, torch.Tensor) and not value.is_floating_point() and value is not args[0]:
            return value.cpu()  # an index, not a feature map; ids stay on the processor
        if isinstance(value, torch.Tensor):
            return instead(value)
        if type(value) in (list, tuple):
            return type(value)(shadowed(part) for part in value)
        return value

    result = func(*(shadowed(a) for a in args), **{key: shadowed(value) for key, value in kwargs.items()})
    return [ids for ids in flat(result) if isinstance(ids, torch.Tensor)]


def _choose(tracer: TensorIds, name: str, func: Callable, args: tuple, kwargs: dict, now: torch.Tensor):
    """A slice or an index that leaves some channels out, or takes them in another order, follows no cut; one
    over places, or one entry of a stack, does."""
    source, was = args[0], compact(tracer.ids_of(args[0]))
    indices = [t for t in flat((args[1:], kwargs)) if isinstance(t, torch.Tensor)]
    picks = any(t.numel() > 1 for t in indices)  # a mask, or a list of places
    for index in indices:
        tracer.trace.fix(tracer.ids_of(index), f"{tracer.where()} takes its values as an index")
    if not picks and set(torch.unique(was).tolist()) == set(torch.unique(compact(now)).tolist()):
        return
    for d in (d for d, size in enumerate(was.shape) if size > 1):
        places = along(torch.arange(source.shape[d]), d, source.shape)
        found = _run(func, (source, *args[1:]), kwargs, lambda _, places=places: places)[0]
        if not _whole(found, source.shape[d]) and lie(tracer.trace, was, [d]) == CHANNELS:
            how = "picks its channels by an index tensor" if picks else ""
            tracer.trace.fix(
                was, f"{tracer.where()} {how}" if how else f"fixed by a literal slice in {tracer.where()}"
            )


def _whole(places: torch.Tensor, size: int) -> bool:
    """Whether a dimension's places are all there still, in their order, along one dimension."""
    long = [d for d in range(places.dim()) if places.stride(d)]  # expanded ones do not change
    long = [d for d in long if bool((places != places.narrow(d, 0, 1)).any())]
    if len(long) != 1 or places.shape[long[0]] != size:
        return False
    row = places.movedim(long[0], 0).reshape(size, -1)[:, 0]
    return torch.equal(row, torch.arange(size))


def _rolled(tracer: TensorIds, source: torch.Tensor, shifts, dims=None):
    ids = tracer.ids_of(source)
    dims = range(source.dim()) if dims in (None, ()) else dims if isinstance(dims, (list, tuple)) else [dims]
    if any(lie(tracer.trace, ids, [d % source.dim()]) == CHANNELS for d in dims):
        tracer.trace.fix(ids, f"{tracer.where()} rolls its channels by a literal number")


def _pad(tracer: TensorIds, output, input, pad, mode="constant", value=None):
    ids = tracer.ids_of(input)
    shadow = compact(ids)
    padded = sorted({input.dim() - 1 - place // 2 for place, amount in enumerate(pad) if amount})
    if not shadow.any() or all(shadow.shape[d] == 1 for d in padded) and shadow.numel() > 1:
        tracer.put(output, shadow)  # places are padded, not channels
        return
    sides = (
        tracer.stated_padding(*_amounts(pad, input, padded[0])) if len(padded) == 1 and not value else None
    )
    if sides:  # as many zeros as the module states, so they follow a cut
        shapes = [[len(side) if d == padded[0] else n for d, n in enumerate(output.shape)] for side in sides]
        before, after = (along(side, padded[0], shape) for side, shape in zip(sides, shapes, strict=True))
        tracer.put(output, torch.cat([before, ids, after], padded[0]))
        return
    tracer.trace.fix(ids, "channel padding with literal sizes keeps both sides")
    padding = tracer.trace.mint(1)
    tracer.trace.fix(padding, "channel padding with literal sizes keeps both sides")
    tracer.put(output, F.pad(ids, tuple(pad), value=int(padding)))


def _amounts(pad, input, dimension: int) -> tuple[int, int]:
    """How many entries are put before and after those of a dimension; `pad` begins with the last one."""
    place = 2 * (input.dim() - 1 - dimension)
    return pad[place], pad[place + 1]


def _concatenate(tracer: TensorIds, output, tensors, dim=0, **_named):
    dim = _named.get("axis", dim) % output.dim()
    tensors = [tensor for tensor in tensors if tensor.dim() == output.dim()]
    sizes = [tensor.shape[dim] for tensor in tensors]
    _join(tracer, output, [compact(tracer.ids_of(tensor)) for tensor in tensors], dim, sizes)


def _stack(tracer: TensorIds, output, tensors, dim=0):
    dim %= output.dim()
    _join(
        tracer, output, [compact(tracer.ids_of(t)).unsqueeze(dim) for t in tensors], dim, [1] * len(tensors)
    )


def _join(tracer: TensorIds, output, shadows: list[torch.Tensor], dim: int, sizes: list[int]):
    widest = [max(shadow.shape[d] for shadow in shadows) for d in range(output.dim())]
    parts = [
        shadow.expand([size if d == dim else widest[d] for d in range(output.dim())])
        for shadow, size in zip(shadows, sizes, strict=True)
    ]
    if all(shadow.shape[dim] == 1 for shadow in shadows):  # along places, or a stack: all are equally wide
        for shadow in shadows[1:]:
            tracer.trace.unite(shadows[0], shadow, ADD)
    tracer.put(output, torch.cat(parts, dim))


def _glu(tracer: TensorIds, output, input, dim=-1):
    """Halves that lose the same places."""
    ids = tracer.ids_of(input)
    value, gate = ids.chunk(2, dim)
    tracer.trace.unite(value, gate, TIE)
    tracer.put(output, value)


_OWN: dict[str, Callable[..., None]] = {
    "pad": _pad,
    "glu": _glu,
    "stack": _stack,
    **dict.fromkeys(("cat", "concat", "concatenate"), _concatenate),
}


def _tie_split_channels(tracer: TensorIds, ids: torch.Tensor, shape: torch.Size):
    """A view that splits the channel dimension into (g, C / g): the g parts must lose the same places.
    Features that become maps, (C, H, W), are left to who reads these: a map's places are one channel's."""
    shadow = compact(ids)
    long = [d for d, size in enumerate(shadow.shape) if size > 1]
    if len(long) != 1:
        return
    channels, outer = shadow.shape[long[0]], math.prod(ids.shape[: long[0]])
    position, run = 0, 1
    while position < len(shape) and run < outer:
        run *= shape[position]
        position += 1
    while position < len(shape) and shape[position] == 1:
        position += 1
    becomes_maps = long[0] == ids.dim() - 1 and len(shape) - position > 2
    if (
        not becomes_maps
        and run == outer
        and position < len(shape)
        and shape[position] < channels
        and channels % shape[position] == 0
    ):
        unite_rows(tracer.trace, shadow.reshape(shape[position], -1), TIE)


def _tie_parts(tracer: TensorIds, name: str, source, outputs, args, kwargs):
    """Halves of a chunk lose the same places; parts of literal sizes cannot be cut. A stack may be taken
    apart in any way."""
    place = 1 if name == "unbind" else 2
    dimension = kwargs.get("dim", args[place] if len(args) > place else 0) % source.dim()
    ids = tracer.ids_of(source)
    if compact(ids).shape[dimension] == 1 or lie(tracer.trace, ids, [dimension]) != CHANNELS:
        return
    if name == "unbind":
        tracer.trace.fix(ids, f"{tracer.where()} takes its channels apart, one by one")
        return
    channels = tracer.channel_ids(ids, dimension)
    if name == "chunk" and len({output.shape[dimension] for output in outputs}) == 1:
        unite_rows(tracer.trace, channels.view(len(outputs), -1), TIE)
    else:
        tracer.trace.fix(channels, f"{tracer.where()} splits it into parts of literal sizes")
