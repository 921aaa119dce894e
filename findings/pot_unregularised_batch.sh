#!/usr/bin/env bash
# POT 0.9.7, ot.solve_batch(M) without `reg`.
# Expected: its documentation says that the proximal point method then solves the unregularised problem.
# Seen: the plan is the independent coupling a b^T, to the last digits, at whatever max_iter and tol; its cost is 2.7
# times the optimum here. One inner Bregman iteration (inner_iter=1, the default) never leaves the start; with 50 the
# plan is the optimal one to 1e-5. The same call warns of nothing.
# What follows: for batches without regularisation loop over ot.emd2, or give inner_iter and compare with it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pot==0.9.7 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import ot

size = 6
weights, costs = np.full(size, 1 / size), np.random.default_rng(0).random((size, size))
optimum = ot.emd2(weights, weights, costs)
independent = np.outer(weights, weights)


def solved(**how):
    return ot.solve_batch(costs[None], a=weights[None], b=weights[None], **how)


print("POT", ot.__version__, "| exact optimum", round(float(optimum), 5))
for how in ({}, {"reg": 0.0}, {"max_iter": 20_000, "tol": 1e-12}, {"inner_iter": 50}):
    found = solved(**how)
    far = float(np.abs(found.plan[0] - independent).max())
    print(f"{how}: cost {float(found.value_linear[0]):.5f}, distance to the independent coupling {far:.1e}")
assert ot.__version__ == "0.9.7"
for how in ({}, {"reg": 0.0}, {"max_iter": 20_000, "tol": 1e-12}):
    assert np.abs(solved(**how).plan[0] - independent).max() < 1e-10
    assert solved(**how).value_linear[0] > 2 * optimum
assert abs(solved(inner_iter=50).value_linear[0] - optimum) < 1e-4
print("still so")
PYTHON
