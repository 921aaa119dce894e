#!/usr/bin/env bash
# torch 2.15.0: a copy of a network under a parametrization (here weight norm), from which the parametrization is then removed.
# Expected: copy.deepcopy gives a network of its own; what is done to the copy is not done to the one it was copied from.
# Seen: a parametrized layer has a class made for it, and its copy shares that class. `remove_parametrizations` takes the weight's
# property off the class, so the original raises "has no attribute 'weight'" from then on; the copy works. It is the same the
# other way round: removed from the original, and the copy (an average of weights, a teacher) is broken.
# What follows: give each parametrized layer of a copy a class of its own before anything is removed from it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import copy

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

images = torch.randn(1, 3, 8, 8)


def pair():
    layer = parametrizations.weight_norm(nn.Conv2d(3, 4, 3))
    return layer, copy.deepcopy(layer)


def broken(layer):
    try:
        layer(images)
    except AttributeError as error:
        return str(error)
    return ""


layer, other = pair()
assert type(layer) is type(other) and not broken(layer) and not broken(other)
parametrize.remove_parametrizations(other, "weight")
print("removed from the copy; the copy:", broken(other) or "runs", "| the original:", broken(layer))
assert not broken(other) and "no attribute 'weight'" in broken(layer)

layer, other = pair()
parametrize.remove_parametrizations(layer, "weight")
print("removed from the original; the original:", broken(layer) or "runs", "| the copy:", broken(other))
assert not broken(layer) and "no attribute 'weight'" in broken(other)
PYTHON
