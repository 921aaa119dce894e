#!/usr/bin/env bash
# torchinfo 1.8.0 with torch 2.15.0 and torchvision 0.29.2: "total mult-adds" of networks whose linear layers see tokens or places.
# Expected: a linear layer costs its weights once for every token; ViT-B/16 has 17.6 G multiply-accumulates at 224 pixels.
# Seen: a linear layer is counted once for every image, however many tokens it is applied to, and attention's projections
# not at all: ViT-B/16 has 0.17 G, a hundredth, and ConvNeXt-Tiny, whose 1 x 1 convolutions are linear layers over places, 0.32
# of its 4.46 G. Convolutional networks are right (ResNet-50: 4.09 G).
# What follows: a table of "MACs" that puts such networks beside convolutional ones by this tool compares nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 torchinfo==1.8.0
"$folder/venv/bin/python" - <<'PYTHON'
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchinfo import summary


def counted(network, given) -> tuple[float, float]:
    """By torchinfo and by torch, in multiply-accumulates."""
    with FlopCounterMode(display=False) as torchs:  # with gradients: without, it does not see attention
        network(given)
    return summary(network, input_data=given, verbose=0).total_mult_adds, torchs.get_total_flops() / 2


one, by_hand = counted(nn.Linear(16, 32, bias=False).eval(), torch.randn(1, 64, 16))
print(f"a linear layer of 16 to 32 on 64 tokens: {one:,.0f} by torchinfo, {by_hand:,.0f} by torch")
assert (one, by_hand) == (16 * 32, 64 * 16 * 32)
shares = {}
for name in ("resnet50", "convnext_tiny", "vit_b_16"):
    network = torchvision.models.get_model(name, weights=None).eval()
    told, true = counted(network, torch.zeros(1, 3, 224, 224))
    shares[name] = told / true
    print(f"{name}: {told / 1e9:.2f} G by torchinfo, {true / 1e9:.2f} G by torch")
assert 0.99 < shares["resnet50"] < 1.01
assert shares["convnext_tiny"] < 0.1
assert shares["vit_b_16"] < 0.02
PYTHON
