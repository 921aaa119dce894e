"""What layers with parameters do to channel ids.

Convolutions and linear layers read some and write others, norms keep them.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch.utils.flop_counter import FlopCounterMode

from pruning.channels.ids import STRUCTURE, Call, Untraceable, along, unite_rows

if TYPE_CHECKING:
    from pruning.channels.tracer import Tracer


def _convolution(tracer, output, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    _convolve(tracer, output, input, weight, bias, groups, transposed=False)


def _transposed(
    tracer, output, input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    _convolve(tracer, output, input, weight, bias, groups, transposed=True)


def _convolve(tracer, output, input, weight, bias, groups: int, *, transposed: bool):
    read = tracer.channel_ids(tracer.ids_of(input), input.dim() - weight.dim() + 1)
    width = output.shape[output.dim() - weight.dim() + 1]
    depthwise = groups > 1 and groups == len(read) and (weight.shape[1] == 1 or transposed)
    out_dim, in_dim = (1, 0) if transposed else (0, 1)
    if depthwise:
        written = read.repeat_interleave(width // groups)
        tracer.slot(weight, 0, read if transposed else written)
    elif groups > 1:
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
    tracer.slot(bias, 0, written)
    if not output.numel():
        tracer.trace.fix(written, f"the example gives {tracer.where()} nothing to compute")
    tracer.put(output, along(written, output.dim() - weight.dim() + 1, output.shape))
    places = _places(tracer, input if transposed else output, output.dim() - weight.dim() + 1)
    kind = "depth-wise convolution" if depthwise else "grouped convolution" if groups > 1 else "convolution"
    kind = "transposed convolution" if transposed and not depthwise else kind
    out_dim, in_dim = (0, None) if depthwise else (out_dim, in_dim)
    _called(
        tracer, kind, weight, out_dim, in_dim, math.prod(weight.shape[2:]) * places, output.shape[1:], groups
    )


def _linear(tracer, output, input, weight, bias=None):
    read = tracer.channel_ids(tracer.ids_of(input), input.dim() - 1)
    written = _written(tracer, weight, 0, output.shape[-1])
    tracer.slot(weight, 1, read)
    tracer.slot(weight, 0, written)
    tracer.slot(bias, 0, written)
    tracer.put(output, along(written, output.dim() - 1, output.shape))
    _called(tracer, "linear", weight, 0, 1, _places(tracer, output, -1), output.shape[1:])


def matrix_product(tracer, output, input, other):
    """A product with a matrix of the network's is a linear layer, its weight the other way round."""
    read = tracer.channel_ids(tracer.ids_of(input), input.dim() - 1)
    written = _written(tracer, other, 1, output.shape[-1])
    tracer.slot(other, 0, read)
    tracer.slot(other, 1, written)
    tracer.put(output, along(written, output.dim() - 1, output.shape))
    _called(tracer, "linear", other, 1, 0, _places(tracer, output, -1), output.shape[1:])


def _places(tracer: "Tracer", tensor: torch.Tensor, dimension: int) -> int:
    """At how many places of one image a layer works, wherever its windows or regions are kept."""
    return tensor.numel() // max(1, tensor.shape[dimension]) // tracer.batch


def _written(tracer: "Tracer", weight: torch.Tensor, dimension: int | None, width: int) -> torch.Tensor:
    """Fresh ids for what a layer writes; the same ones again when it runs a second time."""
    owner = tracer.owners.get(id(weight))
    known = tracer.trace.slots.get(owner[0], {}).get(dimension) if owner and dimension is not None else None
    return tracer.trace.mint(width) if known is None else torch.from_numpy(known)


def _called(tracer: "Tracer", kind: str, weight, output, input, macs_each: int, shape, groups: int = 1):
    owner = tracer.owners.get(id(weight))
    weight_name = owner[0] if owner else ""
    if not owner:  # no tensor of the network's has its shape, so all of its cost is constant
        macs_each *= weight.shape[0] * weight.shape[1]
    module = (
        weight_name.rpartition(".")[0]
        if weight_name.endswith(".weight")
        else (weight_name or tracer.stack[-1])
    )
    tracer.trace.calls.append(Call(module, kind, weight_name, output, input, macs_each, tuple(shape), groups))


def constant_cost(
    tracer: "Tracer", name: str, func: Callable, args: tuple, kwargs: dict, output: torch.Tensor
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
        module, shape = tracer.where(), tuple(output.shape[1:])
        tracer.trace.calls.append(Call(module, name, "", None, None, flops // 2 // tracer.batch, shape))


def _normalise(tracer, output, input, tensors, dimension: int) -> torch.Tensor:
    """A norm with one entry a channel: its parameters and running statistics follow the channels."""
    dimension %= input.dim()
    channels = tracer.channel_ids(tracer.ids_of(input), dimension)
    for tensor in tensors:
        tracer.slot(tensor, 0, channels)
    tracer.put(output, along(channels, dimension, output.shape))
    return channels


def _norm_called(tracer, output, weight):
    if weight is not None and id(weight) in tracer.owners:
        _called(tracer, "norm", weight, 0, None, 0, output.shape[1:])


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
    if len(normalized_shape) > 1:
        tracer.trace.fix(ids, "a layer norm over more than channels has literal sizes")
        tracer.put(output, ids)
        return
    tracer.trace.renormalised.append(_normalise(tracer, output, input, (weight, bias), -1).numpy())
    _norm_called(tracer, output, weight)


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
    "prelu": _prelu,
}
