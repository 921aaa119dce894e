#!/usr/bin/env bash
# torch 2.15.0 on a CPU: layers of which pruning has left no input channels.
# Expected: as a linear layer without inputs answers its bias, [N, out], a convolution without input channels answers its bias at
# every place, [N, out, H, W]; or it is refused, as one without output channels is.
# Seen: Conv2d(0, 4, 3, padding=1) is made, runs on [2, 0, 4, 4] without a word, and answers [2, 0, 4, 4]: no channels, where its
# weight says four. ConvTranspose2d(0, 4, 3) is refused. Around it the same width is refused or not by the kind of layer:
# adaptive_avg_pool2d, instance_norm and pixel_shuffle run; BatchNorm2d(0), GroupNorm(1, 0), max_pool2d, avg_pool2d and interpolate raise
# (BatchNorm2d an IndexError about select()). An elementwise function such as relu also gives up the channels-last layout of an
# input without channels, and empty_like and clone keep it.
# What follows: a layer that lost all inputs is replaced by its bias, and a shape is checked after such a cut, not before.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch import nn
from torch.nn import functional as F

empty = torch.empty(2, 0, 4, 4)
convolution = nn.Conv2d(0, 4, 3, padding=1)
print("linear:", tuple(nn.Linear(0, 4)(torch.empty(2, 0)).shape), "convolution:", tuple(convolution(empty).shape))
assert nn.Linear(0, 4)(torch.empty(2, 0)).shape == (2, 4)
assert convolution.weight.shape == (4, 0, 3, 3) and convolution(empty).shape == (2, 0, 4, 4)

run = {
    "adaptive_avg_pool2d": lambda: F.adaptive_avg_pool2d(empty, 1),
    "instance_norm": lambda: F.instance_norm(empty),
    "pixel_shuffle": lambda: F.pixel_shuffle(empty, 2),
}
refused = {
    "conv_transpose2d": lambda: nn.ConvTranspose2d(0, 4, 3)(empty),
    "conv2d without outputs": lambda: nn.Conv2d(4, 0, 3)(torch.ones(2, 4, 4, 4)),
    "batch_norm": lambda: nn.BatchNorm2d(0).eval()(empty),
    "group_norm": lambda: nn.GroupNorm(1, 0)(empty),
    "max_pool2d": lambda: F.max_pool2d(empty, 2),
    "avg_pool2d": lambda: F.avg_pool2d(empty, 2),
    "interpolate": lambda: F.interpolate(empty, scale_factor=2),
}
for name, layer in run.items():
    assert layer().shape[1] == 0
    print(name, "runs")
for name, layer in refused.items():
    try:
        layer()
    except (RuntimeError, IndexError) as error:
        print(f"{name}: {type(error).__name__}: {str(error)[:70]}")
    else:
        raise SystemExit(f"{name} runs")

last = torch.empty(2, 0, 4, 4, memory_format=torch.channels_last)
print("strides:", last.stride(), "after clone", last.clone().stride(), "after relu", torch.relu(last).stride())
assert last.clone().stride() == last.stride() == (0, 1, 0, 0) and torch.relu(last).stride() == (16, 16, 4, 1)
PYTHON
