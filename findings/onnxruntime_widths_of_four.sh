#!/usr/bin/env bash
# onnxruntime 1.32.0 on x86_64, a chain 1 x 1, depth-wise 3 x 3, 1 x 1 whose middle has n channels (an inverted residual block).
# Expected: a block of 98 channels takes about as long as one of 96 or 100; channels that do not fill a register are padded.
# Seen: at 96 and 100 all three layers run in the blocked layout (com.microsoft.nchwc); at 98, which is no multiple of 4, the
# depth-wise layer and what reads it are left in the plain layout (ai.onnx.Conv). Four fewer channels are faster, two fewer are
# about three times as slow (printed: 0.80, 2.25 to 2.44 and 0.89 ms on a processor with AVX2, one thread).
# What follows: cut to multiples of 4 (better 8) where onnxruntime is to run the network, and time layers at both kinds of widths.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

draw = np.random.default_rng(0)


def block(n):
    shapes = {"a": (n, 32, 1, 1), "b": (n, 1, 3, 3), "c": (32, n, 1, 1)}
    weights = [numpy_helper.from_array(draw.standard_normal(s, "float32"), name) for name, s in shapes.items()]
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["1"]),
        helper.make_node("Conv", ["1", "b"], ["2"], group=n, pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["2", "c"], ["y"]),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 32, 16, 16])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 32, 16, 16])
    graph = helper.make_graph(nodes, "block", [given], [answer], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()


def layouts_and_ms(n):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.optimized_model_filepath = 1, f"{n}.onnx"
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(block(n), options, providers=["CPUExecutionProvider"])
    x, times = {"x": draw.standard_normal((16, 32, 16, 16), "float32")}, []
    for _ in range(15):
        begun = time.thread_time()
        session.run(None, x)
        times.append(1000 * (time.thread_time() - begun))
    convolutions = [node for node in onnx.load(f"{n}.onnx").graph.node if node.op_type == "Conv"]
    return [node.domain for node in convolutions].count("com.microsoft.nchwc"), len(convolutions), min(times)


for n in (96, 98, 100):
    blocked, layers, ms = layouts_and_ms(n)
    print(f"{n} channels: {blocked} of {layers} convolutions in the blocked layout, {ms:.2f} ms")
    assert layers == 3 and (blocked == 3) == (n % 4 == 0), "98 channels stay in the blocked layout"
print("seen: a width that is no multiple of 4 leaves the blocked layout")
PYTHON
