#!/usr/bin/env bash
# POT 0.9.7, one entropic transport problem (reg 0.05) asked of ot.solve, ot.solve_batch and ot.sinkhorn2.
# Expected: one problem has one value.
# Seen: three numbers. ot.solve(...).value adds reg * KL(plan | a b^T), which is positive; ot.solve_batch(...).value adds
# reg * sum plan log plan, which is negative, so that the "cost" lies below the exact optimum; ot.sinkhorn2 returns
# the transport cost alone. Only value_linear agrees, to the solvers' tolerance.
# What follows: compare value_linear, or compute the cost from the plan.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pot==0.9.7 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import ot

size, reg = 6, 0.05
weights, costs = np.full(size, 1 / size), np.random.default_rng(0).random((size, size))
single = ot.solve(costs, weights, weights, reg=reg)
batch = ot.solve_batch(costs[None], reg=reg, a=weights[None], b=weights[None])
plan = single.plan
kl = float((plan * np.log(plan / np.outer(weights, weights))).sum())
entropy = float((plan * np.log(plan)).sum())
values = {
    "ot.solve, value": float(single.value),
    "ot.solve_batch, value": float(batch.value[0]),
    "ot.sinkhorn2": float(ot.sinkhorn2(weights, weights, costs, reg)),
}
optimum = ot.emd2(weights, weights, costs)
linear = (float(single.value_linear), float(batch.value_linear[0]))
print("POT", ot.__version__, "| exact optimum", round(float(optimum), 5))
print({name: round(value, 5) for name, value in values.items()}, "| value_linear", [round(x, 5) for x in linear])
assert ot.__version__ == "0.9.7"
assert abs(values["ot.solve, value"] - (linear[0] + reg * kl)) < 1e-6
assert abs(values["ot.solve_batch, value"] - (linear[1] + reg * entropy)) < 1e-4
assert abs(values["ot.sinkhorn2"] - linear[0]) < 1e-6 and abs(linear[0] - linear[1]) < 1e-4
assert values["ot.solve_batch, value"] < optimum < linear[0] < values["ot.solve, value"]
print("still so")
PYTHON
