"""Readers refitted each by itself: what a cut of one group alone leaves, in closed form for every width.

Where one group alone loses channels, those that stay give its readers what they gave before. So one pass over
the images is enough for all widths. Of a reader with weights V, columns C of its input gone and K left, G the
Gram matrix of its input about the mean a:
    dV_K = (G_KK + lambda I)^-1 G_KC V_C,    db = a_C V_C - a_K dV_K
which is what `least_squares.solved` gives for what the reader lacks. [D]
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from pruning.channels.structure import Structure
from pruning.devices import for_double
from pruning.models.module_modes import evaluating
from pruning.reconstruction.forward_pass import record_forward_pass
from pruning.reconstruction.gram_matrices import Gram
from pruning.reconstruction.least_squares import RIDGE, with_ridge
from pruning.reconstruction.steps import Pass, Running, Step


class Reader:
    """One layer of `model` that runs once. gram: of its input."""

    def __init__(self, running: Running, gram: Gram):
        call = running.call
        self.call, self.gram, self.weight = call, gram, call.weight
        self.constant, self.sign = (call.bias, 1.0) if call.bias is not None else (running.mean, -1.0)

    def without(self, gone: Mapping[int, np.ndarray]) -> tuple[Tensor, Tensor]:
        """The weight with these indices of its dimensions zero and the others refitted, and what its outputs
        gain beside: [outputs]; 0 where nothing can take that up."""
        weight = self.weight.detach()
        lost = torch.ones_like(weight)
        for dimension, indices in gone.items():
            lost.index_fill_(dimension, torch.as_tensor(indices, device=weight.device), 0)
        # [columns], alike in all groups of a grouped convolution
        stays = for_double(self.call.matrix(lost))[0, :, 0] > 0
        matrix = for_double(self.call.matrix(weight)).double()
        mean = self.gram.first / self.gram.rows
        fitted, left, cut = torch.zeros_like(matrix), matrix[:, stays], matrix[:, ~stays]
        change = torch.zeros_like(left)
        if not self.gram.wide:
            second = self.gram.second
            if self.constant is None:
                second = second + mean.unsqueeze(2) * mean.unsqueeze(1)
            change = torch.linalg.solve(
                with_ridge(second[:, stays][:, :, stays], RIDGE), second[:, stays][:, :, ~stays] @ cut
            )
        fitted[:, stays] = left + change
        gain = mean[:, None, ~stays] @ cut - mean[:, None, stays] @ change  # [S, 1, outputs of a group]
        return self.call.weight_of(fitted.to(weight)), gain.flatten().to(weight)


def readers(
    model: nn.Module, structure: Structure, groups: Sequence[int], known: Mapping[str, Gram], inputs: Tensor
) -> tuple[dict[str, Reader], list[str]]:
    """{weight: Reader} of the layers that read these groups, and what is said of those that are left as they
    are.

    model: of which the Gram matrices are.   known: {weight: Gram}.   inputs: a few images."""
    found: dict[str, list[Running]] = {}

    def seen(running: Running, result: Tensor):
        found.setdefault(running.step.weight, []).append(running)

    own = [
        Step(r.weight, None, r, r)
        for r in record_forward_pass(model, inputs).all_readings()
        if r.weight in known
    ]
    few = inputs.clone()  # what a network does in place is its own affair
    with evaluating(model), torch.no_grad(), Pass(own, lambda step: step.whole, seen):
        model(few)
    once = {weight: Reader(runs[0], known[weight]) for weight, runs in found.items() if len(runs) == 1}
    messages = {}
    for layer in (layer for g in groups for layer in structure.layers_of(g, "readers")):
        if layer.weight not in once:
            why = "it runs more than once" if layer.weight in found else "its weight is computed from others"
            messages[f"{layer.name} is not refitted: {why}"] = None
        elif known[layer.weight].wide:
            messages[f"{layer.name} reads too many channels: only its bias is refitted"] = None
    return once, list(messages)


@contextmanager
def refitted(chosen: Mapping[str, Reader], gone: Mapping[str, Mapping[int, np.ndarray]]) -> Iterator[None]:
    """Inside, these layers read nothing of what is gone, and make up for it as well as they can; every entry
    is put back bit by bit on the way out. gone: {weight: {dimension: indices}}, as `cut_where_read`."""
    saved = []
    try:
        with torch.no_grad():
            for weight, slices in gone.items():
                reader = chosen[weight]
                refit, gain = reader.without(slices)
                for tensor in (reader.weight, reader.constant):
                    if tensor is not None:
                        saved.append((tensor, tensor.clone()))
                reader.weight.copy_(refit)
                if reader.constant is not None:
                    reader.constant.add_(gain, alpha=reader.sign)
        yield
    finally:
        with torch.no_grad():
            for tensor, before in reversed(saved):
                tensor.copy_(before)
