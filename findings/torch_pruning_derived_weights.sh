#!/usr/bin/env bash
# torch-pruning 1.6.1 with torch 2.15.0 and torchvision 0.29.2: a ResNet-18 of which four convolutions are under torch's own pruning
# masks (torch.nn.utils.prune), or under weight norm.
# Expected: weights that were set to zero by masks are what one cuts next; or a refusal before anything is changed.
# Seen: under masks the pruner cuts without a word, and the network raises from then on (TypeError "cannot assign ... as parameter
# 'weight'"): the mask's hook meets a parameter where it puts its own tensor. Under weight norm step() raises in the middle
# (KeyError "attribute 'weight' already exists"), layers before that are cut already, and the network does not run either.
# What follows: make masks and norms permanent first (prune.remove, remove_parametrizations), and prune a copy.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 \
  torch-pruning==1.6.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
import torch_pruning
import torchvision
from torch import nn
from torch.nn.utils import parametrizations, prune

KINDS = {  # what wraps a layer, and what step() and the network raise
    "masks": (lambda layer: prune.l1_unstructured(layer, "weight", amount=0.5), "nothing", "TypeError"),
    "weight norm": (parametrizations.weight_norm, "KeyError", "RuntimeError"),
}
images = torch.randn(2, 3, 64, 64)

for name, (wrapped, *expected) in KINDS.items():
    network = torchvision.models.resnet18(weights=None).eval()
    for layer in [module for module in network.modules() if isinstance(module, nn.Conv2d)][8:12]:
        wrapped(layer)
    network(images)
    importance = torch_pruning.importance.MagnitudeImportance(p=1)
    settings = {"importance": importance, "pruning_ratio": 0.5, "ignored_layers": [network.fc]}
    pruner = torch_pruning.pruner.MagnitudePruner(network, images[:1], **settings)
    seen = []
    for step in (pruner.step, lambda network=network: network(images)):
        try:
            step()
        except (TypeError, KeyError, RuntimeError) as error:
            seen.append(type(error).__name__)
            print(f"{name}: {seen[-1]}: {str(error)[:80]}")
        else:
            seen.append("nothing")
    print(f"{name}: step() raises {seen[0]}, then the network raises {seen[1]}")
    assert seen == expected
PYTHON
