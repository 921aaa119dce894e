#!/usr/bin/env bash
# torch 2.15.0 with numpy 2.4.6, a tensor that was looked at with .numpy().
# Expected: once the array is gone, the tensor's storage is its own again and can be resized, as before.
# Seen: .numpy() marks the storage as not resizable, for good: after `del` and a garbage collection storage.resize_(0),
# tensor.resize_ and a larger result by out= raise "Trying to resize storage that is not resizable". One look for a debug
# print is enough. numpy.from_dlpack shares the same memory and leaves the storage resizable.
# What follows: who frees a storage to fill it again later (activations written to disk, sharded parameters) reads its bytes
# without .numpy(): by numpy.from_dlpack, or by its address.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import gc

import numpy as np
import torch


def refused(resize) -> bool:
    try:
        resize()
    except RuntimeError as error:
        return "not resizable" in str(error)
    return False


looked_at, shared, untouched = (torch.ones(4) for _ in range(3))
array = looked_at.numpy()
del array
np.from_dlpack(shared)
gc.collect()
seen = {
    name: tensor.untyped_storage().resizable()
    for name, tensor in {"numpy()": looked_at, "from_dlpack": shared, "untouched": untouched}.items()
}
print("resizable:", seen)
assert seen == {"numpy()": False, "from_dlpack": True, "untouched": True}
assert refused(lambda: looked_at.untyped_storage().resize_(0))
assert refused(lambda: looked_at.resize_(8))
assert refused(lambda: torch.cat([torch.ones(9)], out=looked_at))
shared.untyped_storage().resize_(0)
untouched.untyped_storage().resize_(0)
PYTHON
