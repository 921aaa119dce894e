#!/usr/bin/env bash
# torchvision 0.29.2, segmenters and detectors built with weights=None.
# Expected: random weights and no network, as weights=None gives for every classifier.
# Seen: the backbone's ImageNet weights (97 MB for ResNet-50) are downloaded and put in: another argument, weights_backbone,
# has them as its default. Without a network the network cannot be built at all.
# What follows: give weights_backbone=None beside weights=None.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 torchvision==0.29.2 numpy==2.4.6
TORCH_HOME="$folder/home" "$folder/venv/bin/python" - <<'PYTHON'
import torchvision
from torchvision.models import _api, get_model, list_models, segmentation

asked = []


def instead(url, *_, **__):  # no byte is downloaded here: only which file was asked for is of interest
    asked.append(url)
    raise ConnectionError


_api.load_state_dict_from_url = instead
assert get_model("resnet50", weights=None) is not None and not asked
for name in list_models(module=segmentation):
    asked.clear()
    try:
        get_model(name, weights=None)
        raise SystemExit(f"{name} asks for nothing now")
    except ConnectionError:
        print(f"{name}, weights=None: {asked[0]}")
    get_model(name, weights=None, weights_backbone=None)
    assert len(asked) == 1
print("torchvision", torchvision.__version__, "still so")
PYTHON
