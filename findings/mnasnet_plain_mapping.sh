#!/usr/bin/env bash
# torchvision 0.29.2, MNASNet, and a state dict that went through safetensors or any plain mapping.
# Expected: model.load_state_dict(dict(model.state_dict())) puts a network's own weights back, as for all other networks.
# Seen: ValueError "version should be set to 1 or 2 instead of None": the class reads a version from the mapping's
# attribute _metadata, which neither dict() nor safetensors keeps. With the attribute of version 1 it makes its
# first layers anew, at full width, inside load_state_dict: parameters that an optimizer holds are no longer the network's.
# What follows: give the mapping _metadata with the class's own version before loading.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 torchvision==0.29.2 safetensors==0.8.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/w.safetensors" <<'PYTHON'
import sys
import warnings
from collections import OrderedDict

import torch
import torchvision
from safetensors.torch import load_file, save_file

warnings.simplefilter("ignore")
others = torchvision.models.mobilenet_v2(num_classes=2)
others.load_state_dict(dict(others.state_dict()))
model = torchvision.models.mnasnet0_5(num_classes=2)
save_file(model.state_dict(), sys.argv[1])
for plain in (dict(model.state_dict()), load_file(sys.argv[1])):
    try:
        model.load_state_dict(plain)
        raise SystemExit("a plain mapping loads now")
    except ValueError as error:
        print(error)
first = model.layers[0].weight
older = OrderedDict()
older._metadata = {"": {"version": 1}}
model.load_state_dict(older, strict=False)
print(tuple(first.shape), "became", tuple(model.layers[0].weight.shape))
assert model.layers[0].weight is not first and model.layers[0].weight.shape[0] == 32
print("torchvision", torchvision.__version__, "still so")
PYTHON
