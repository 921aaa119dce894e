"""What layers with parameters do to channel ids.

Convolutions and linear layers read some and write others, norms keep them.
"""

import math
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from pruning.channels.ids import STRUCTURE, Call, Untraceable, along, compact, constant, unite_rows
from pruning.channels.reductions import apart, only_places
from pruning.channels.tensor_ids import TensorIds


def _convolution(tracer, output, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    _convolve(tracer, output, input, weight, bias, groups, transposed=False)


def _transposed(
    tracer, output, input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    _convolve(tracer, output, input, weight, bias, groups, transposed=True)


def _convolve(tracer, output, input, weight, bias, groups: int, *, transposed: bool):
    tracer.settle_batch(input, weight)
    dimension = input.dim() - weight.dim() + 1
    windows = list(range(dimension + 1, input.dim()))
    kind = "grouped convolution" if groups > 1 else "convolution"
    kind = "transposed convolution" if transposed else kind
    slid = compact(tracer.ids_of(input))
    point = weight[0, 0].numel() == 1 and output.shape[dimension + 1 :] == input.shape[dimension + 1 :]
    slides = not (point or only_places(tracer.trace, slid, windows) or apart(tracer.trace, slid, dimension))
    if slides:
        tracer.trace.fix(slid, f"{tracer.where()} slides along its channels")
        tracer.put(input, constant(input.shape))
    places = _places(tracer, input if transposed else output, dimension)
    each = math.prod(weight.shape[2:]) * places
    if not transposed and groups == 1 and not slides and _aside(tracer, slid, dimension):
        _alone(tracer, kind, output, input, weight, bias, [dimension, *([] if point else windows)], each)
        return
    read = tracer.channel_ids(tracer.ids_of(input), dimension)
    if groups > 1 and groups == len(read) and (weight.shape[1] == 1 or transposed):
        written = _depthwise(tracer, output, weight, read, each, transposed=transposed)
    else:
        written = _mixed(tracer, output, weight, read, groups, transposed=transposed)
        out_dim, in_dim = (1, 0) if transposed else (0, 1)
        _called(tracer, kind, weight, out_dim, in_dim, each, output, groups)
    tracer.slot(bias, 0, written)
    if not output.numel():
        tracer.trace.fix(written, f"the example gives {tracer.where()} nothing to compute")
    tracer.put(output, along(written, dimension, output.shape))
    if slides and output.shape[dimension + 1 :] == input.shape[dimension + 1 :]:
        tracer.put(input, slid)
        tracer.put(output, compact(slid).amax(dimension, keepdim=True))  # of given width, as what it read
        tracer.trace.fix(written, f"{tracer.where()} slides along its channels")


def _depthwise(tracer, output, weight, read: torch.Tensor, each: int, *, transposed: bool) -> torch.Tensor:
    """A kernel for every channel: what it writes follows what it reads."""
    width = weight.shape[0] * weight.shape[1] if transposed else weight.shape[0]
    written, kind = read.repeat_interleave(width // len(read)), "depth-wise convolution"
    if tracer.repeated(weight, len(read)):
        _called(tracer, kind, weight, None, None, each * width, output, alone=written)
    else:
        tracer.slot(weight, 0, read if transposed else written)
        _called(tracer, kind, weight, 0, None, each, output, len(read))
    return written


def _mixed(tracer, output, weight, read: torch.Tensor, groups: int, *, transposed: bool) -> torch.Tensor:
    """New channels out of those that are read, all of them or those of the same group."""
    out_dim, in_dim = (1, 0) if transposed else (0, 1)
    width = weight.shape[1] * groups if transposed else weight.shape[0]
    if groups > 1:
        unite_rows(tracer.trace, read.view(groups, -1), STRUCTURE)
        written = _written(tracer, weight, 0 if not transposed else None, width)
        rows = written.view(groups, -1)
        unite_rows(tracer.trace, rows, STRUCTURE)
        tracer.slot(weight, 0, read if transposed else written)
        tracer.slot(weight, 1, rows[0] if transposed else read.view(groups, -1)[0])
    else:
        written = _written(tracer, weight, out_dim, width)
        tracer.slot(weight, in_dim, read)
        tracer.slot(weight, out_dim, written)
    _filters(tracer, weight, read, written)
    return written


def _filters(tracer: TensorIds, weight: torch.Tensor, read: torch.Tensor, written: torch.Tensor):
    """A buffer as weight is a bank of filters that nobody trains: no criterion scores it, no repair refits
    it."""
    name = tracer.owners.get(id(weight), ("",))[0]
    if name in tracer.buffers:
        for ids in (read, written):
            tracer.trace.fix(ids, f"{name} is a buffer, a bank of filters of given width")


def _aside(tracer: TensorIds, shadow: torch.Tensor, dimension: int) -> bool:
    """Whether a layer reads one dimension while channels lie along another: it works on each alone. shadow:
    the ids of what it reads, compact."""
    return shadow.shape[dimension] == 1 and not only_places(tracer.trace, shadow, list(range(shadow.dim())))


def _alone(tracer: TensorIds, kind: str, output, input, weight, bias, read: list[int], each: int):
    """A layer that mixes places, once for every channel. read: the dimensions that it reads."""
    ids = tracer.ids_of(input)
    why = f"{tracer.where()} mixes places of every channel alone"
    for tensor, dimensions in ((weight, (0, 1)), (bias, (0,))):
        for dimension in dimensions if tensor is not None else ():
            if tensor.shape[dimension] > 1:
                width = tracer.trace.mint(tensor.shape[dimension])
                tracer.slot(tensor, dimension, width)
                tracer.trace.fix(width, why)
    kept = compact(ids).amax(read, keepdim=True)
    channels, times = torch.unique(kept, return_counts=True)
    if not channels[0] or bool((times != times[0]).any()):
        tracer.trace.fix(ids, f"{why}, of which some are constant")
    tracer.put(output, kept)
    _called(
        tracer, kind, weight, None, None, each * weight.shape[0] * weight.shape[1], output, alone=channels
    )


def _linear(tracer, output, input, weight, bias=None):
    _product(tracer, output, input, weight, 0, bias)


def matrix_product(tracer, output, input, other):
    """A product with a matrix of the network's is a linear layer, its weight the other way round."""
    _product(tracer, output, input, other, 1)


def _product(tracer: TensorIds, output, input, weight, out_dim: int, bias=None):
    """out_dim: the dimension of the weight along which lies what is written."""
    weight, turned = tracer.as_own(weight)
    out_dim = 1 - out_dim if turned else out_dim
    if _aside(tracer, compact(tracer.ids_of(input)), input.dim() - 1):
        each = _places(tracer, output, -1)
        _alone(tracer, "linear", output, input, weight, bias, [input.dim() - 1], each)
        return
    read = tracer.channel_ids(tracer.ids_of(input), input.dim() - 1)
    written = _written(tracer, weight, out_dim, output.shape[-1])
    tracer.slot(weight, 1 - out_dim, read)
    tracer.slot(weight, out_dim, written)
    tracer.slot(bias, 0, written)
    _filters(tracer, weight, read, written)
    tracer.put(output, along(written, output.dim() - 1, output.shape))
    _called(tracer, "linear", weight, out_dim, 1 - out_dim, _places(tracer, output, -1), output)


def _places(tracer: TensorIds, tensor: torch.Tensor, dimension: int) -> int:
    """At how many places of one image a layer works, wherever its windows or regions are kept."""
    return tensor.numel() // max(1, tensor.shape[dimension]) // tracer.batch


def _written(tracer: TensorIds, weight: torch.Tensor, dimension: int | None, width: int) -> torch.Tensor:
    """Fresh ids for what a layer writes; the same ones again when it runs a second time."""
    owner = tracer.owners.get(id(weight))
    known = tracer.trace.slots.get(owner[0], {}).get(dimension) if owner and dimension is not None else None
    return tracer.trace.mint(width) if known is None else torch.from_numpy(known)


def _called(
    tracer: TensorIds, kind: str, weight, output, input, macs_each: int, made, groups: int = 1, alone=None
):
    """Notes a run of a layer. macs_each: as `Call`'s, but of all channels where it works on each `alone`."""
    owner = tracer.owners.get(id(weight))
    weight_name = owner[0] if owner else ""
    if not owner and alone is None:  # no tensor of the network's has its shape: all of its cost is constant
        macs_each *= weight.shape[0] * weight.shape[1]
    module = (
        weight_name.rpartition(".")[0]
        if weight_name.endswith(".weight")
        else (weight_name or tracer.stack[-1])
    )
    shape = tracer.of_one(made)
    if alone is not None:
        weight_name, macs_each, alone = "", macs_each // max(1, len(alone)), alone.numpy()
    tracer.trace.calls.append(Call(module, kind, weight_name, output, input, macs_each, shape, groups, alone))


def constant_cost(
    tracer: TensorIds, name: str, func: Callable, args: tuple, kwargs: dict, output: torch.Tensor
):
    """Counts what an operation that cannot be cut costs by running it once more; products of two activations
    (attention) are left out."""
    with FlopCounterMode(display=False) as counter:
        func(*args, **kwargs)
    counts = counter.get_flop_counts().get("Global", {})
    attention = "attention" in name
    flops = sum(
        n for op, n in counts.items() if not (attention and ("bmm" in str(op) or "attention" in str(op)))
    )
    if flops:
        module, shape = tracer.where(), tracer.of_one(output)
        tracer.trace.calls.append(Call(module, name, "", None, None, flops // 2 // tracer.batch, shape))


def _normalise(tracer, output, input, tensors, dimension: int) -> torch.Tensor:
    """A norm with one entry a channel: its parameters and running statistics follow the channels."""
    dimension %= input.dim()
    if _aside(tracer, compact(tracer.ids_of(input)), dimension):  # an entry a place, for all channels
        tracer.put(output, tracer.ids_of(input))
        return constant([input.shape[dimension]])
    channels = tracer.channel_ids(tracer.ids_of(input), dimension)
    for tensor in tensors:
        tracer.slot(tensor, 0, channels)
    tracer.bare(channels)
    tracer.put(output, along(channels, dimension, output.shape))
    return channels


def _norm_called(tracer, output, weight):
    if weight is not None and id(weight) in tracer.owners:
        _called(tracer, "norm", weight, 0, None, 0, output)


def _batch_norm(
    tracer,
    output,
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    training=False,
    *_,
    **__,
):
    if tracer.owned(input):  # a weight, standardised before it is used
        tracer.put(output, constant(output.shape))
        tracer.made[output] = True
        return
    if training and not tracer.training:
        raise Untraceable(
            f"{tracer.where()} normalises by the batch's own statistics even in evaluation mode: its output "
            "depends on the batch; pass training=self.training"
        )
    _instance_norm(tracer, output, input, running_mean, running_var, weight, bias)


def _instance_norm(
    tracer, output, input, running_mean=None, running_var=None, weight=None, bias=None, *_, **__
):
    _normalise(tracer, output, input, (running_mean, running_var, weight, bias), 1)
    _norm_called(tracer, output, weight)


def _group_norm(tracer, output, input, num_groups, weight=None, bias=None, eps=1e-5):
    channels = _normalise(tracer, output, input, (weight, bias), 1)
    _norm_called(tracer, output, weight)
    if num_groups < len(channels):
        unite_rows(tracer.trace, channels.view(num_groups, -1), STRUCTURE)
        tracer.trace.renormalised.append(channels.numpy())


def _layer_norm(tracer, output, input, normalized_shape, weight=None, bias=None, eps=1e-5):
    ids = tracer.ids_of(input)
    shadow = compact(ids)
    if all(size == 1 for size in shadow.shape[-len(normalized_shape) :]) and shadow.any():
        tracer.put(output, ids)  # over places
        return
    if len(normalized_shape) > 1:
        tracer.trace.fix(ids, "a layer norm over more than channels has literal sizes")
        tracer.put(output, ids)
        return
    tracer.trace.renormalised.append(_normalise(tracer, output, input, (weight, bias), -1).numpy())
    _norm_called(tracer, output, weight)


def _rms_norm(tracer, output, input, normalized_shape, weight=None, eps=None):
    _layer_norm(tracer, output, input, normalized_shape, weight)


def _prelu(tracer, output, input, weight):
    if weight.numel() > 1:
        _normalise(tracer, output, input, (weight,), 1)
    else:
        tracer.put(output, tracer.ids_of(input))


PARAMETRIC: dict[str, Callable] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed),
    "linear": _linear,
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "group_norm": _group_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "prelu": _prelu,
}
