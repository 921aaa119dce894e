#!/usr/bin/env bash
# torch 2.15.0, torch.export and the ONNX exporter on top of it, of a network that answers a plain value beside its maps, as
# detectors do with a stride and classifiers with a temperature.
# Expected: all plain values are kept, or all are refused when the file is written.
# Seen: numbers and None come back from a saved program. A text is saved without a word, and then the file can't be loaded
# (RuntimeError about deserializing). The ONNX exporter leaves None out of the file's answers, and stops at a number with
# "'float' object has no attribute 'name'" beneath its own error, which names neither the answer nor the network.
# What follows: look at the program's output specs for constants before a file is written, and load what was saved.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6 onnx==1.23.2 onnxscript==0.7.2
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON' 2>/dev/null
import torch
from torch import nn


class Answers(nn.Module):
    def __init__(self, beside):
        super().__init__()
        self.layer, self.beside = nn.Conv2d(3, 4, 3), beside

    def forward(self, images):
        return {"maps": self.layer(images), "beside": self.beside}


def saved(program):
    torch.export.save(program, "net.pt2")
    try:
        return repr(torch.export.load("net.pt2").module()(images)["beside"])
    except RuntimeError as error:
        return "written, and not loaded: " + str(error).splitlines()[0]


def as_onnx(program):
    try:
        model = torch.onnx.export(program, dynamo=True, verbose=False).model_proto
        return f"{len(model.graph.output)} answer"
    except Exception as error:
        cause = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        return f"{type(cause).__name__}: {cause}"


images, found = torch.randn(2, 3, 8, 8), {}
for beside in (0.5, None, "stride 8"):
    program = torch.export.export(Answers(beside).eval(), (images,))
    found[beside] = saved(program), as_onnx(program)
    print(f"{beside!r}: program {found[beside][0]}; ONNX {found[beside][1]}")
assert found[0.5] == ("0.5", "AttributeError: 'float' object has no attribute 'name'")
assert found[None] == ("None", "1 answer")
assert found["stride 8"][0].startswith("written, and not loaded: We ran into an error when deserializing")
PYTHON
