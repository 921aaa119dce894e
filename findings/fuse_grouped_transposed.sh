#!/usr/bin/env bash
# torch 2.15.0, torch.nn.utils.fusion.fuse_conv_bn_eval(..., transpose=True) of a transposed convolution with groups, as
# decoders and generators have them for upsampling, and the batch norm after it.
# Expected: a layer that answers what the pair answers, as for one group, and as for convolutions with any number of groups.
# Seen: with 2 groups an error about sizes that do not match. Depth-wise it gives a layer, whose weight has as many times the
# outputs as there are groups, and which is refused only when it is called. torch.ao's fusion of a whole network calls this.
# What follows: fold such norms by groups yourself (the weight is [inputs, outputs of one group, ...]), or leave them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def pair(kind, groups):
    layer, norm = kind(6, 6, 3, groups=groups).eval(), nn.BatchNorm2d(6).eval()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    return layer, norm


def seen(kind, groups):
    """How far the folded layer is from the pair, or where it stops."""
    layer, norm = pair(kind, groups)
    try:
        folded = fuse_conv_bn_eval(layer, norm, transpose=kind is nn.ConvTranspose2d)
    except RuntimeError:
        return "not folded"
    try:
        return float((folded(images) - norm(layer(images))).abs().max())
    except RuntimeError:
        return f"folded to a weight {list(folded.weight.shape)}, which is refused when it is called"


torch.manual_seed(0)
images = torch.randn(2, 6, 5, 5)
with torch.no_grad():
    found = {(kind.__name__, groups): seen(kind, groups) for kind in (nn.Conv2d, nn.ConvTranspose2d) for groups in (1, 2, 6)}
for (kind, groups), what in found.items():
    print(f"{kind}, {groups} groups: {what}")
assert all(found["Conv2d", groups] < 1e-5 for groups in (1, 2, 6))
assert found["ConvTranspose2d", 1] < 1e-5
assert found["ConvTranspose2d", 2] == "not folded"
assert found["ConvTranspose2d", 6].startswith("folded to a weight [6, 6, 3, 3]")
print("seen: transposed convolutions fold in one group alone")
PYTHON
