"""One layer as an ONNX graph, made without an exporter: that takes seconds, this a millisecond."""

from collections.abc import Sequence

import numpy as np

from pruning.export.onnx_file import OPSET
from pruning.latency.calls import Call

INPUT, OUTPUT = "input", "output"
IR_VERSION = 10  # of the file's form; what opset 20 was published with


def layer_graph(call: Call) -> bytes:
    """A file's content: the call with weights that are drawn at random. Its input is INPUT, as `call.reads`
    has it."""
    from onnx import TensorProto, helper, numpy_helper

    draw = np.random.default_rng(0)
    weights = {"weight": draw.standard_normal(call.shape, "float32")}
    if call.bias:
        weights["bias"] = draw.standard_normal(call.writes, "float32")
    graph = helper.make_graph(
        _nodes(call),
        "layer",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, call.reads)],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION).SerializeToString()


def _nodes(call: Call) -> list:
    from onnx import helper

    name, given = call.function.__name__, [INPUT, "weight", *(["bias"] if call.bias else [])]
    if name != "linear":
        kind = "ConvTranspose" if "transpose" in name else "Conv"
        return [helper.make_node(kind, given, [OUTPUT], **_attributes(call))]
    if len(call.reads) == 2:
        return [helper.make_node("Gemm", given, [OUTPUT], transB=1)]
    turned = helper.make_node("Transpose", ["weight"], ["turned"], perm=[1, 0])  # folded when it is loaded
    if not call.bias:
        return [turned, helper.make_node("MatMul", [INPUT, "turned"], [OUTPUT])]
    product = helper.make_node("MatMul", [INPUT, "turned"], ["product"])
    return [turned, product, helper.make_node("Add", ["product", "bias"], [OUTPUT])]


def _attributes(call: Call) -> dict[str, list[int] | int]:
    """Of a convolution."""
    sides, given = len(call.shape) - 2, call.given
    dilations = _each(given.get("dilation", 1), sides)
    told: dict[str, list[int] | int] = {
        "strides": _each(given.get("stride", 1), sides),
        "dilations": dilations,
        "group": given.get("groups", 1),
        "pads": _pads(given.get("padding", 0), call.shape[2:], dilations),
    }
    if "transpose" in call.function.__name__:
        told["output_padding"] = _each(given.get("output_padding", 0), sides)
    return told


def _pads(padding, kernel: Sequence[int], dilations: list[int]) -> list[int]:
    """Before each side, then behind each."""
    if padding == "valid":
        padding = 0
    if padding == "same":
        whole = [reach * (size - 1) for reach, size in zip(dilations, kernel, strict=True)]
        return [*(n // 2 for n in whole), *(n - n // 2 for n in whole)]
    return 2 * _each(padding, len(kernel))


def _each(value, sides: int) -> list[int]:
    """One number for all sides, or one for each."""
    numbers = [value] if isinstance(value, int) else list(value)
    return [int(n) for n in (numbers * sides if len(numbers) == 1 else numbers)]
