#!/usr/bin/env bash
# thop 0.1.1, torchinfo 1.8.0 and torch-pruning 1.6.1 with torch 2.15.0: multiply-accumulates of a transposed convolution
# with stride 2, as generators and decoders end with; beside torch's own FlopCounterMode and fvcore 0.1.5.
# Expected: every place of the *input* is multiplied with the whole kernel, c_in x c_out x 16 times 16 x 16 for a kernel of 4.
# Seen: thop, torchinfo and torch-pruning take the places of the output, as for a convolution, and count four times as many
# (stride squared); torch and fvcore count what is computed. A share of the MACs that was cut, or is still to be cut, of a
# generator is another one by each, since its last layers weigh four or sixteen times too much.
# What follows: count by torch.utils.flop_counter (two a multiply-accumulate), or take what a tool says of such a network
# for a number of its own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6 thop==0.1.1.post2209072238 \
  torchinfo==1.8.0 torch-pruning==1.6.1 fvcore==0.1.5.post20221221
"$folder/venv/bin/python" - <<'PYTHON'
import logging
import warnings

import thop
import torch
import torch_pruning
from fvcore.nn import FlopCountAnalysis
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchinfo import summary

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)


def by_torch(layer, picture):
    with FlopCounterMode(display=False) as counted:
        layer(picture)
    return counted.get_total_flops() / 2


COUNTERS = {
    "thop": lambda layer, picture: thop.profile(layer, (picture,), verbose=False)[0],
    "torchinfo": lambda layer, picture: summary(layer, input_data=picture, verbose=0).total_mult_adds,
    "torch-pruning": lambda layer, picture: torch_pruning.utils.count_ops_and_params(layer, picture)[0],
    "fvcore": lambda layer, picture: FlopCountAnalysis(layer, picture).total(),
    "torch": by_torch,
}
picture = torch.randn(1, 4, 16, 16)
for title, layer, true, too_many in (
    ("convolution", nn.Conv2d(4, 8, 3, padding=1, bias=False), 8 * 4 * 9 * 16 * 16, 1),
    ("transposed convolution, stride 2", nn.ConvTranspose2d(4, 8, 4, 2, 1, bias=False), 4 * 8 * 16 * 16 * 16, 4),
):
    layer.eval()
    seen = {name: count(layer, picture) / true for name, count in COUNTERS.items()}
    print(f"{title}: {true:,}; times as many by", {name: round(times, 3) for name, times in seen.items()})
    assert seen == {name: 1 if name in ("fvcore", "torch") else too_many for name in COUNTERS}
print("seen: stride squared too many, by three of five")
PYTHON
