#!/usr/bin/env bash
# torch 2.15.0, torch.fx.experimental.optimization.fuse of a network that calls one convolution twice, each time before a
# batch norm of its own, as heads of detectors do that share convolutions between the levels of a pyramid and keep norms apart.
# Expected: the answer in evaluation stays what it was, as the function's text promises of convolution and batch norm; a
# convolution that is shared is left alone, or copied.
# Seen: both norms are folded into the one convolution, one over the other, for each call; the answer is another one, and
# nothing is said. What it looks at is whether the convolution's *result* is used once, which is so here.
# What follows: before norms are folded, count how often each module is called, and fold where it is once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torch import nn
from torch.fx.experimental.optimization import fuse


class Head(nn.Module):
    """One convolution for two levels of a pyramid, a norm for each."""

    def __init__(self, shared: bool):
        super().__init__()
        self.first = nn.Conv2d(8, 8, 3, padding=1)
        self.second = self.first if shared else nn.Conv2d(8, 8, 3, padding=1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(8), nn.BatchNorm2d(8)])

    def forward(self, fine, coarse):
        return self.norms[0](self.first(fine)), self.norms[1](self.second(coarse))


torch.manual_seed(0)
levels = torch.randn(1, 8, 16, 16), torch.randn(1, 8, 8, 8)
differs = {}
for shared in (False, True):
    head = Head(shared).eval()
    for norm in head.norms:
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    with torch.no_grad():
        pairs = zip(head(*levels), fuse(head)(*levels), strict=True)
        differs[shared] = max(float((now - then).abs().max()) for then, now in pairs)
    print(f"convolution {'shared' if shared else 'not shared'}: answers differ by {differs[shared]:.2g}")
assert differs[False] < 1e-5
assert differs[True] > 0.1
print("seen: a shared convolution gets both norms")
PYTHON
