#!/usr/bin/env bash
# timm 1.0.22 with torch 2.15.0 and torchvision 0.29.2: a pruning tool that is tried on a ResNet with random weights.
# Expected: to set half of the channels of a layer to zero changes what the network answers, unless the tool is right to call
# them useless.
# Seen: timm's residual blocks end with a norm whose scale begins at zero (zero_init_last), so every block answers zero: with the
# first convolution of *all* blocks set to zero the answers are equal bit for bit. A comparison of a cut network with a masked
# one then passes whatever was cut. torchvision's ResNet-18 of the same shape changes by as much as it answers.
# What follows: before such a comparison draw scales of norms at random, or take trained weights.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 timm==1.0.22
"$folder/venv/bin/python" - <<'PYTHON'
import timm
import torch
import torchvision

torch.manual_seed(0)
pictures = torch.randn(2, 3, 64, 64)
networks = {
    "timm": timm.create_model("resnet18", pretrained=False),
    "torchvision": torchvision.models.resnet18(weights=None),
}
moved = {}
with torch.no_grad():
    for name, network in networks.items():
        network.eval()
        before = network(pictures)
        for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
            for block in stage:
                block.conv1.weight.zero_()
        moved[name] = float((network(pictures) - before).abs().max() / before.abs().max())
print("answers moved, as a share of the largest:", moved)
assert moved["timm"] == 0
assert moved["torchvision"] > 0.3
PYTHON
