#!/usr/bin/env bash
# onnxruntime 1.32.0 with onnx 1.23.2, quantize_static of a model in memory (onnx.ModelProto).
# Expected: the model that is given is read; afterwards it is what it was, and a session can be made of it.
# Seen: its weights are moved into a file of a temporary folder that is gone when the call returns: the model in memory then
# names external data that do not exist, and a session of it is refused.
# What follows: give quantize_static a file, or a copy of the model.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 sympy
cd "$folder"
venv/bin/python - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, quantize_static

weight = numpy_helper.from_array(np.random.default_rng(0).standard_normal((32, 16, 3, 3), "float32"), "weight")
given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 16, 8, 8])
answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 32, 6, 6])
graph = helper.make_graph([helper.make_node("Conv", ["x", "weight"], ["y"])], "g", [given], [answer], [weight])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


class Reader(CalibrationDataReader):
    batches = iter([{"x": np.ones((2, 16, 8, 8), "float32")}])

    def get_next(self):
        return next(self.batches, None)


before = model.SerializeToString()
onnxruntime.InferenceSession(before)
quantize_static(model, "quantized.onnx", Reader())
assert model.graph.initializer[0].data_location == TensorProto.EXTERNAL, "the model keeps its weights"
assert not model.graph.initializer[0].raw_data and len(model.SerializeToString()) < len(before)
try:
    onnxruntime.InferenceSession(model.SerializeToString())
except Exception as error:
    assert "External data" in str(error), error
    print("seen: the model that was given has lost its weights")
else:
    raise SystemExit("the model that was given can still be run")
PYTHON
