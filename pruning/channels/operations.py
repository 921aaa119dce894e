"""What each torch operation does to channel ids.

Tables name the operations by what they do to channels: keep them (element-wise, pooling), move them (layout),
unite them (arithmetic), reduce along a dimension, read some and write others (convolution, linear), or index
parameters (norms). What is in no table is tried out; what mixes channels then fixes those that it touches:
still a right answer, with a reason.
"""

import re
from collections.abc import Callable

import torch

from pruning.channels.ids import ADD, MULTIPLY, compact, constant, flat
from pruning.channels.in_place_writes import assign, shared
from pruning.channels.layers import PARAMETRIC, constant_cost, matrix_product
from pruning.channels.layout import LAYOUT, move
from pruning.channels.reductions import CHANNELS, REDUCING, lie, only_places, reduce
from pruning.channels.tensor_ids import TensorIds
from pruning.channels.unknown_operations import kept_apart

KEEP = frozenset(
    """relu relu6 leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh sigmoid tanh softplus
    softsign logsigmoid tanhshrink softshrink hardshrink threshold rrelu dropout dropout1d dropout2d dropout3d
    alpha_dropout feature_alpha_dropout float half double bfloat16 to type type_as clamp clamp_min clamp_max
    clip abs exp sqrt rsqrt pow neg square log log1p sign erf reciprocal round floor ceil contiguous clone
    detach requires_grad_ cpu cuda nan_to_num sin cos zeros_like ones_like full_like empty_like isnan isfinite
    isinf logical_not bitwise_not __invert__ fill zero bool int long""".split()
)
CASTS = frozenset("to type type_as".split())  # a second tensor gives no more than its type
POOL = frozenset(
    """max_pool1d max_pool2d max_pool3d _max_pool1d _max_pool2d _max_pool3d max_pool2d_with_indices
    boolean_dispatch fn avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
    adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d interpolate upsample
    upsample_nearest upsample_bilinear lp_pool1d lp_pool2d lp_pool3d grid_sample max_unpool1d max_unpool2d
    max_unpool3d""".split()
)
ADDING = frozenset(
    """add sub rsub __add__ __iadd__ __radd__ __sub__ __isub__ __rsub__ maximum minimum lerp where copy
    masked_fill eq ne lt le gt ge __eq__ __ne__ __lt__ __le__ __gt__ __ge__ logical_and logical_or logical_xor
    __and__ __or__ __xor__ addcmul addcdiv fmax fmin max min""".split()
)
MULTIPLYING = frozenset(
    """mul multiply div divide true_divide __mul__ __imul__ __rmul__ __truediv__ __rtruediv__
    __itruediv__""".split()
)
MAKING = frozenset("new_zeros new_ones new_full new_empty new_tensor".split())

KNOWN = KEEP | POOL | ADDING | MULTIPLYING | REDUCING | LAYOUT
PRODUCTS = frozenset("matmul __matmul__ __rmatmul__ mm".split())
# activations by activations, which mix what they sum over: trying them would only cost time
MIXING = PRODUCTS | frozenset(
    "bmm baddbmm addbmm addmm mv dot scaled_dot_product_attention multi_head_attention_forward".split()
)


def follow(
    tracer: TensorIds, name: str, func: Callable, args: tuple, kwargs: dict, outputs: list[torch.Tensor]
):
    """Gives every output its ids. `name` is the operation's own; an in-place form does what the plain one
    does."""
    plain = name if name.endswith("__") else name.rstrip("_")
    if plain in PARAMETRIC:
        PARAMETRIC[plain](tracer, outputs[0], *args, **kwargs)
        return
    if plain == "index_put":
        tracer.put(outputs[0], tracer.ids_of(args[0]))
        index = tuple(slice(None) if part is None else part for part in args[1])
        assign(tracer, outputs[0], index, args[2])
        return
    tensors = [t for t in flat((args, kwargs)) if isinstance(t, torch.Tensor)]
    if plain in PRODUCTS and len(args) > 1 and _by_matrix(tracer, *args[:2]):
        matrix_product(tracer, outputs[0], *args)
        return
    for ids, why in [tracer.asked[t] for t in tensors if t in tracer.asked] if len(tracer.asked) else ():
        tracer.trace.fix(ids, why)
    ids = [tracer.ids_of(t) for t in tensors]
    alive = any(bool(compact(i).any()) for i in ids)
    own = all(tracer.owned(t) for t in tensors)
    if plain in MAKING or (not alive and not _counts(plain, args, tensors, tracer)):
        for output in outputs:
            tracer.put(output, constant(output.shape))
    elif plain in KEEP and outputs[0].shape == tensors[0].shape and (len(ids) == 1 or plain in CASTS):
        tracer.put(outputs[0], ids[0])
    else:
        _table(tracer, plain, func, args, kwargs, tensors, ids, outputs)
        for tensor, before in zip(tensors, ids, strict=True):
            if any(tensor is output for output in outputs):
                shared(tracer, tensor, before)
    if own:
        wide = any(tracer.made.get(t, id(t) in tracer.owners and _wide(t)) for t in tensors)
        for output in outputs:
            tracer.made[output] = wide


def _table(tracer: TensorIds, plain: str, func: Callable, args, kwargs, tensors, ids, outputs):
    elementwise = len(tensors) > 1 or plain not in ("max", "min", "where")  # the same names do two things
    if plain in POOL:
        _pool(tracer, plain, ids, outputs)
    elif (plain in ADDING and elementwise) or plain in MULTIPLYING or plain in KEEP:
        # a learned scale is no gate: nobody else writes it
        gated = plain in MULTIPLYING and not any(tracer.owned(tensor) for tensor in tensors)
        combine(tracer, tensors, ids, outputs[0], MULTIPLY if gated else ADD)
    elif plain in REDUCING:
        reduce(tracer, plain, ids[0], outputs, args, kwargs)
    elif plain in LAYOUT:
        move(tracer, plain, func, args, kwargs, outputs)
    else:
        _unknown(tracer, plain, func, args, kwargs, tensors, ids, outputs)


def _by_matrix(tracer: TensorIds, input, other) -> bool:
    """Whether a product is a linear layer: of an activation, and of a matrix that the network holds or
    derives."""
    return other.dim() == 2 and tracer.owned(other) and not tracer.owned(input)


def _counts(name: str, args: tuple, tensors: list[torch.Tensor], tracer: TensorIds) -> bool:
    """Whether an operation in no table may multiply by a matrix of the network's: then it has a cost."""
    factors = args[1:] if name in ("baddbmm", "addbmm", "addmm") else tensors
    return name not in KNOWN and any(tracer.owned(t) and t.dim() > 1 for t in flat(factors) if _is(t))


def _is(value) -> bool:
    return isinstance(value, torch.Tensor)


def _unknown(tracer: TensorIds, name: str, func: Callable, args, kwargs, tensors, ids, outputs):
    """Follows an operation in no table where it can be tried out; else fixes what it touches, and counts what
    it costs, which stays as it is."""
    counts = _counts(name, args, tensors, tracer)
    ids = [tracer.united(own) for own in ids]
    found = None if counts or name in MIXING else kept_apart(func, args, kwargs, ids, outputs)
    if found is None:
        found = [[None] * len(outputs)] * len(ids)
    why = f"{tracer.where()} applies {name}, which is not known to keep channels apart"
    for touched, kept in zip(ids, found, strict=True):
        if bool(compact(touched).any()) and any(part is None for part in kept):
            tracer.trace.notes.append(why)
            tracer.trace.fix(touched, why)
    for number, output in enumerate(outputs):
        kept = [of_input[number] for of_input in found if of_input[number] is not None]
        # what is as wide as a map that stays whole is added to others that stay
        kept += [
            own
            for own, of_input in zip(ids, found, strict=True)
            if of_input[number] is None and own.shape == output.shape
        ]
        combine(tracer, [], kept, output, ADD)
    if counts:
        constant_cost(tracer, name, func, args, kwargs, outputs[0])


def _pool(tracer: TensorIds, name: str, ids: list[torch.Tensor], outputs: list[torch.Tensor]):
    """Windows over places: whatever lies before them stays."""
    source, spatial = ids[0], re.search(r"([123])d", name)
    places = list(range(source.dim() - (int(spatial[1]) if spatial else source.dim() - 2), source.dim()))
    kept = compact(source)
    if not only_places(tracer.trace, source, places):
        tracer.trace.fix(source, f"{tracer.where()} applies {name} along its channels")
        kept = constant(source.shape)
    kept = compact(kept).amax(places, keepdim=True)
    for other in map(compact, ids[1:]):
        if other.dim() == kept.dim() and all(other.shape[d] == 1 for d in places):
            kept = _meet(tracer, kept, other, ADD)
        else:
            tracer.trace.fix(other, f"{tracer.where()} reads places from its channels")
    for output in outputs:
        tracer.put(output, kept)


def combine(
    tracer: TensorIds,
    tensors: list[torch.Tensor],
    operands: list[torch.Tensor],
    output: torch.Tensor,
    why: str,
):
    """Arithmetic: what meets at one place is one channel. One channel spread over many is fixed instead of
    united."""
    result, still = None, []
    for number, ids in enumerate(operands):
        ids = compact(ids)
        ids = ids.reshape([1] * (output.dim() - ids.dim()) + list(ids.shape))
        if ids.any():
            result = ids if result is None else _meet(tracer, result, ids, why)
        else:
            still += tensors[number : number + 1]
    if result is None:
        tracer.put(output, constant(output.shape))
        return
    for tensor in still:
        _along(tracer, tensor, result)
    tracer.put(output, result)


def _meet(tracer: TensorIds, one: torch.Tensor, other: torch.Tensor, why: str) -> torch.Tensor:
    spread = [ids for ids, over in ((one, other), (other, one)) if _spread(tracer, ids, over)]
    for ids in spread:
        tracer.trace.fix(ids, "one channel of it is spread over many others")
    if spread:
        return other if spread[0] is one else one
    mine, yours = torch.broadcast_tensors(one, other)
    tracer.trace.unite(mine, yours, why)
    return torch.where(mine == 0, yours, mine)


def _spread(tracer: TensorIds, ids: torch.Tensor, over: torch.Tensor) -> bool:
    """Whether one id meets several channels of a map, along dimensions in which it does not change."""
    dims = [d for d in range(ids.dim()) if ids.shape[d] == 1 and over.shape[d] > 1]
    return bool(dims) and lie(tracer.trace, over, dims) == CHANNELS


def _along(tracer: TensorIds, tensor: torch.Tensor, ids: torch.Tensor):
    """A parameter or buffer of several dimensions that meets channels, such as a position's embedding: it
    follows along the dimension in which they lie. One that is computed from such does not."""
    own = id(tensor) in tracer.owners and _wide(tensor)
    if not own and not tracer.made.get(tensor, False):
        return
    before = ids.dim() - tensor.dim()
    for d in (
        d for d, size in enumerate(ids.shape) if size > 1 and d >= before and tensor.shape[d - before] == size
    ):
        if own and ids.shape[d] == ids.numel():
            tracer.slot(tensor, d - before, ids.reshape(-1))
        else:
            why = f"{tracer.where()} puts it together with what it computes from parameters, of given width"
            tracer.trace.fix(ids, why)


def _wide(tensor: torch.Tensor) -> bool:
    return sum(size > 1 for size in tensor.shape) > 1
