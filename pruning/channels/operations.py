"""What each torch operation does to channel ids.

Tables name the operations by what they do to channels: keep them (element-wise, pooling), move them (layout),
unite them (arithmetic), read some and write others (convolution, linear), or index parameters (norms).
Whatever is in no table
fixes the channels that it touches: still a right answer, with a reason.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from pruning.channels.ids import ADD, MULTIPLY, TIE, along, compact, constant, flat, unite_rows
from pruning.channels.layers import PARAMETRIC, constant_cost, matrix_product

if TYPE_CHECKING:
    from pruning.channels.tracer import Tracer

KEEP = frozenset(
    """relu relu6 leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh sigmoid tanh softplus
    softsign logsigmoid tanhshrink softshrink hardshrink threshold rrelu dropout dropout1d dropout2d dropout3d
    alpha_dropout feature_alpha_dropout float half double bfloat16 to type type_as clamp clamp_min clamp_max
    clip abs exp sqrt rsqrt pow neg square log log1p sign erf reciprocal round floor ceil contiguous clone
    detach requires_grad_ cpu cuda nan_to_num sin cos""".split()
)
POOL = frozenset(
    """max_pool1d max_pool2d max_pool3d _max_pool1d _max_pool2d _max_pool3d max_pool2d_with_indices
    boolean_dispatch fn avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
    adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d interpolate upsample
    upsample_nearest upsample_bilinear lp_pool1d lp_pool2d """.split()
)
ADDING = frozenset(
    "add sub rsub __add__ __iadd__ __radd__ __sub__ __isub__ __rsub__ maximum minimum lerp where".split()
)
MULTIPLYING = frozenset(
    """mul multiply div divide true_divide __mul__ __imul__ __rmul__ __truediv__ __rtruediv__
    __itruediv__""".split()
)
REDUCING = frozenset("mean sum amax amin std var norm logsumexp".split())
MAKING = frozenset(
    """new_zeros new_ones new_full new_empty new_tensor zeros_like ones_like full_like empty_like rand_like
    randn_like eq ne lt le gt ge argmax argmin isnan isfinite""".split()
)
LAYOUT = frozenset(
    """view reshape flatten permute transpose unsqueeze squeeze expand expand_as repeat roll unbind narrow
    swapaxes swapdims movedim moveaxis pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle
    view_as reshape_as unflatten tile select index_select flip t chunk split tensor_split __getitem__ pad cat
    concat concatenate stack """.split()
)


KNOWN = KEEP | POOL | ADDING | MULTIPLYING | REDUCING | LAYOUT


def follow(
    tracer: "Tracer", name: str, func: Callable, args: tuple, kwargs: dict, outputs: list[torch.Tensor]
):
    """Gives every output its ids. `name` is the operation's own; an in-place form does what the plain one
    does."""
    plain = name if name.endswith("__") else name.rstrip("_")
    if plain in PARAMETRIC:
        PARAMETRIC[plain](tracer, outputs[0], *args, **kwargs)
        return
    if plain in ("matmul", "__matmul__", "mm") and args[1].dim() == 2 and id(args[1]) in tracer.owners:
        matrix_product(tracer, outputs[0], *args)
        return
    tensors = [t for t in flat((args, kwargs)) if isinstance(t, torch.Tensor)]
    ids = [tracer.ids_of(t) for t in tensors]
    alive = any(bool(compact(i).any()) for i in ids)
    if plain in MAKING or (not alive and not _counts(plain, tensors, tracer)):
        for output in outputs:
            tracer.put(output, constant(output.shape))
    elif plain in KEEP and outputs[0].shape == tensors[0].shape:
        tracer.put(outputs[0], ids[0])
    elif plain in POOL:
        _pool(tracer, ids[0], outputs)
    elif plain in ADDING or plain in MULTIPLYING:
        # a learned scale is no gate: nobody else writes it
        gated = plain in MULTIPLYING and not any(id(tensor) in tracer.owners for tensor in tensors)
        _combine(tracer, ids, outputs[0], MULTIPLY if gated else ADD)
    elif plain in REDUCING:
        _reduce(tracer, plain, ids[0], outputs, args, kwargs)
    elif plain in LAYOUT:
        _layout(tracer, plain, func, args, kwargs, outputs)
    else:
        _unknown(tracer, plain, func, args, kwargs, ids, outputs)


def _counts(name: str, tensors: list[torch.Tensor], tracer: "Tracer") -> bool:
    """Whether an operation in no table may multiply by a matrix of the network's: then it has a cost."""
    return name not in KNOWN and any(id(t) in tracer.owners and t.dim() > 1 for t in tensors)


def _unknown(tracer: "Tracer", name: str, func: Callable, args, kwargs, ids, outputs):
    """Fixes what an operation in no table touches, and counts what it costs, which stays as it is."""
    why = f"{tracer.where()} applies {name}, which is not known to keep channels apart"
    if any(bool(compact(i).any()) for i in ids):
        tracer.trace.notes.append(why)
    for touched in ids:
        tracer.trace.fix(touched, why)
    for output in outputs:
        tracer.put(output, constant(output.shape))
    if _counts(name, [t for t in flat((args, kwargs)) if isinstance(t, torch.Tensor)], tracer):
        constant_cost(tracer, name, func, args, kwargs, outputs[0])


def _pool(tracer: "Tracer", ids: torch.Tensor, outputs: list[torch.Tensor]):
    shadow = compact(ids)
    spread = shadow.dim() > 1 and any(size > 1 for d, size in enumerate(shadow.shape) if d != 1)
    channels = tracer.channel_ids(ids, 1 if ids.dim() > 2 or not spread else 0)
    for output in outputs:
        tracer.put(output, along(channels, 1 if output.dim() > 1 else 0, output.shape))


def _combine(tracer: "Tracer", operands: list[torch.Tensor], output: torch.Tensor, why: str):
    """Arithmetic: what meets at one place is one channel. One channel spread over many is fixed instead of
    united."""
    result = None
    for ids in operands:
        ids = compact(ids)
        ids = ids.reshape([1] * (output.dim() - ids.dim()) + list(ids.shape))
        if not ids.any():
            continue
        if result is None:
            result = ids
        elif ids.numel() == 1 and result.numel() > 1:
            tracer.trace.fix(ids, "one channel of it is spread over many others")
        elif result.numel() == 1 and ids.numel() > 1:
            tracer.trace.fix(result, "one channel of it is spread over many others")
            result = ids
        else:
            mine, other = torch.broadcast_tensors(result, ids)
            tracer.trace.unite(mine, other, why)
            result = torch.where(mine == 0, other, mine)
    tracer.put(output, constant(output.shape) if result is None else result)


def _reduce(
    tracer: "Tracer", name: str, ids: torch.Tensor, outputs: list[torch.Tensor], args: tuple, kwargs: dict
):
    """A reduction over places keeps channels; one over channels mixes them."""
    dims = kwargs.get("dim", args[1] if len(args) > 1 and name != "norm" else None)
    shadow = compact(ids)
    if dims is not None and not isinstance(dims, (torch.Tensor, str)):
        dims = [d % ids.dim() for d in (dims if isinstance(dims, (list, tuple)) else [dims])]
        if all(shadow.shape[d] == 1 for d in dims):
            kept = shadow
            if outputs[0].dim() < ids.dim():
                kept = shadow.reshape([size for d, size in enumerate(shadow.shape) if d not in dims])
            for output in outputs:
                tracer.put(output, kept)
            return
    tracer.trace.fix(ids, f"{tracer.where()} takes the {name} over channels")
    for output in outputs:
        tracer.put(output, constant(output.shape))


# ---------------------------------------------------------------------------------------------- layout


def _layout(
    tracer: "Tracer", name: str, func: Callable, args: tuple, kwargs: dict, outputs: list[torch.Tensor]
):
    if name == "pad":
        _pad(tracer, outputs[0], *args, **kwargs)
        return
    if name in ("cat", "concat", "concatenate"):
        _concatenate(tracer, outputs[0], *args, **kwargs)
        return
    source = args[0]
    if name in ("view", "reshape", "unflatten", "view_as", "reshape_as") and isinstance(source, torch.Tensor):
        _tie_split_channels(tracer, tracer.ids_of(source), outputs[0].shape)
    if name in ("chunk", "split", "tensor_split"):
        _tie_parts(tracer, name, source, outputs, args, kwargs)
    if name in ("channel_shuffle", "native_channel_shuffle"):
        groups = kwargs.get("groups", args[1] if len(args) > 1 else 1)
        rows = tracer.channel_ids(tracer.ids_of(source), 1).view(groups, -1)
        unite_rows(tracer.trace, rows, TIE)
    shadow = _shadow(tracer, name, func, args, kwargs, outputs)
    if name in ("__getitem__", "index_select") and _picks(args[1:], kwargs):
        tracer.trace.fix(tracer.ids_of(source), f"{tracer.where()} picks its channels by an index tensor")
    elif name in ("__getitem__", "narrow", "select", "index_select"):
        was, now = tracer.ids_of(source), shadow[0]
        if set(torch.unique(compact(was)).tolist()) != set(torch.unique(compact(now)).tolist()):
            tracer.trace.fix(was, f"fixed by a literal slice in {tracer.where()}")
    for output, ids in zip(outputs, shadow, strict=True):
        tracer.put(output, ids)


def _picks(args: tuple, kwargs: dict) -> bool:
    """Whether an index among these holds positions: a mask or list of several that no cut would follow."""
    return any(isinstance(t, torch.Tensor) and t.numel() > 1 for t in flat((args, kwargs)))


def _shadow(
    tracer: "Tracer", name: str, func: Callable, args: tuple, kwargs: dict, outputs: list
) -> list[torch.Tensor]:
    """The same operation, on the ids. `view` becomes `reshape`, since expanded ids have other strides."""

    def shadowed(value):
        if isinstance(value, torch.Tensor) and not value.is_floating_point() and value is not args[0]:
            return value.cpu()  # an index, not a feature map; ids stay on the processor
        if isinstance(value, torch.Tensor):
            return tracer.ids_of(value)
        if type(value) in (list, tuple):
            return type(value)(shadowed(part) for part in value)
        return value

    if name == "view" and not isinstance(args[1] if len(args) > 1 else None, torch.dtype):
        func = torch.Tensor.reshape
    if name in ("view_as", "reshape_as"):
        return [tracer.ids_of(args[0]).reshape(outputs[0].shape)]
    if name == "expand_as":
        return [tracer.ids_of(args[0]).expand(outputs[0].shape)]
    result = func(*(shadowed(a) for a in args), **{key: shadowed(value) for key, value in kwargs.items()})
    return [ids for ids in flat(result) if isinstance(ids, torch.Tensor)]


def _pad(tracer: "Tracer", output, source, pad, mode="constant", value=None):
    ids = tracer.ids_of(source)
    shadow = compact(ids)
    padded = {source.dim() - 1 - place // 2 for place, amount in enumerate(pad) if amount}
    if (all(shadow.shape[d] == 1 for d in padded) and shadow.numel() > 1) or not shadow.any():
        tracer.put(output, shadow)  # places are padded, not channels
        return
    tracer.trace.fix(ids, "channel padding with literal sizes keeps both sides")
    padding = tracer.trace.mint(1)
    tracer.trace.fix(padding, "channel padding with literal sizes keeps both sides")
    tracer.put(output, F.pad(ids, tuple(pad), value=int(padding)))


def _concatenate(tracer: "Tracer", output, tensors, dim=0, **_named):
    dim = _named.get("axis", dim) % output.dim()
    parts = []
    tensors = [tensor for tensor in tensors if tensor.dim() == output.dim()]
    shadows = [compact(tracer.ids_of(tensor)) for tensor in tensors]
    widest = [max(shadow.shape[d] for shadow in shadows) for d in range(output.dim())]
    for tensor, shadow in zip(tensors, shadows, strict=True):
        parts.append(shadow.expand([tensor.shape[d] if d == dim else widest[d] for d in range(output.dim())]))
    tracer.put(output, torch.cat(parts, dim))


def _tie_split_channels(tracer: "Tracer", ids: torch.Tensor, shape: torch.Size):
    """A view that splits the channel dimension into (g, C / g): the g parts must lose the same places."""
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
    if (
        run == outer
        and position < len(shape)
        and shape[position] < channels
        and channels % shape[position] == 0
    ):
        unite_rows(tracer.trace, shadow.reshape(shape[position], -1), TIE)


def _tie_parts(tracer: "Tracer", name: str, source, outputs, args, kwargs):
    """Halves of a chunk lose the same places; parts of literal sizes cannot be cut."""
    dimension = kwargs.get("dim", args[2] if len(args) > 2 else 0) % source.dim()
    ids = tracer.ids_of(source)
    if compact(ids).shape[dimension] == 1:
        return
    channels = tracer.channel_ids(ids, dimension)
    if name == "chunk" and len({output.shape[dimension] for output in outputs}) == 1:
        unite_rows(tracer.trace, channels.view(len(outputs), -1), TIE)
    else:
        tracer.trace.fix(channels, f"{tracer.where()} splits it into parts of literal sizes")
