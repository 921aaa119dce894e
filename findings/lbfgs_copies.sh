#!/usr/bin/env bash
# torch 2.15.0, a copy of an optimizer (copy.copy, copy.deepcopy, pickle).
# Expected: a copy steps as the original does, as copies of SGD and Adam do.
# Seen: Optimizer.__getstate__ hands over defaults, state and param_groups alone, whatever else the object holds. A copy
# of LBFGS is made without a word, and its first step raises AttributeError: no '_params'. A subclass of SGD with a field
# of its own comes back without it. The state_dict is whole, so nothing shows before the step.
# What follows: make the object anew (object.__new__) and copy its __dict__, or build an optimizer and load the state_dict.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import copy
import pickle

import torch


class Own(torch.optim.SGD):
    def __init__(self, parameters, rho=0.05):
        super().__init__(parameters, lr=0.1)
        self.rho = rho


def again(optimizer):
    return pickle.loads(pickle.dumps(optimizer))


def closure():
    weight.grad = 2 * weight.detach()
    return (weight.detach() ** 2).sum()


weight = torch.nn.Parameter(torch.ones(3))
for copied in (copy.copy, copy.deepcopy, again):
    for kind in (torch.optim.SGD, torch.optim.Adam):
        copied(kind([weight], lr=0.1)).step(closure)
    whole = torch.optim.LBFGS([weight])
    whole.step(closure)
    twin = copied(whole)
    try:
        twin.step(closure)
        raise SystemExit("a copy of LBFGS steps now")
    except AttributeError as error:
        print(copied.__name__, "of LBFGS:", error)
    if hasattr(copied(Own([weight])), "rho"):
        raise SystemExit("a copy keeps the fields of a subclass now")
PYTHON
