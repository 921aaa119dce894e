#!/usr/bin/env bash
# thop 0.1.1 with torch 2.15.0 and torchvision 0.29.2: a checkpoint that is saved after the network's MACs were counted.
# Expected: thop.profile counts, and leaves the network as it was.
# Seen: every block keeps two buffers, `total_ops` and `total_params`. They are in state_dict() from then on, so a checkpoint that is
# saved later in the same process is refused by the very network that it is of ("Unexpected key(s)"). Layers lose theirs again.
# What follows: count on a copy (copy.deepcopy); who reads other people's checkpoints leaves these keys out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 \
  thop==0.1.1.post2209072238
"$folder/venv/bin/python" - <<'PYTHON'
import thop
import torch
import torchvision

network = torchvision.models.resnet18(weights=None)
before = set(network.state_dict())
thop.profile(network, (torch.zeros(1, 3, 32, 32),), verbose=False)
left = sorted(set(network.state_dict()) - before)
print(len(left), "keys more, such as", left[:4])
assert left and {key.rpartition(".")[2] for key in left} == {"total_ops", "total_params"}
try:
    torchvision.models.resnet18(weights=None).load_state_dict(network.state_dict())
except RuntimeError as error:
    print(str(error).replace("\n", " ")[:120])
    assert "Unexpected key(s)" in str(error)
else:
    raise SystemExit("the checkpoint was taken")
PYTHON
