"""Quantization-aware fine-tuning: the network is trained as it will be rounded.

Every forward pass uses the rounded weights; the gradient passes the rounding as if it were not there (the
straight-through estimator), and stops at weights beyond the range of their channel. Widths and ranges stay.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize

from pruning.data import Dataset
from pruning.models import Normalization
from pruning.models.fill_weights import restore
from pruning.progress import Watch
from pruning.quantize.quantized import Quantized
from pruning.quantize.quantizer import Codes, encoded
from pruning.quantize.weights import Layer, as_rows, from_rows, layer_of
from pruning.train import Teaching, fit, in_vain


class Rounded(nn.Module):
    """A weight as its codes will stand for it. bits, tops: [C]."""

    def __init__(self, layer: Layer, codes: Codes):
        super().__init__()
        device = layer.module.weight.device
        most = torch.from_numpy(2.0 ** codes.bits.astype(np.float32) - 1)[:, None]
        self.register_buffer("most", most.to(device), persistent=False)  # [C, 1]
        self.register_buffer("tops", torch.from_numpy(codes.tops)[:, None].to(device), persistent=False)
        self.like = [layer.module]  # in a list: not a part of this module

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        rows = as_rows(weight, self.like[0])
        inside = torch.minimum(torch.maximum(rows, -self.tops), self.tops)
        with torch.no_grad():
            scaled = torch.where(self.tops > 0, inside / self.tops, 0.0)
            levels = ((scaled + 1) * (self.most / 2)).round()
            change = (2 * levels - self.most) / self.most * self.tops - inside
        return from_rows(inside + change, self.like[0], weight.shape)


@contextmanager
def rounding(layers: Sequence[Layer], codes: Mapping[str, Codes]) -> Iterator[None]:
    """Inside, every layer computes with its rounded weight while the weight itself stays free to move. On the
    way out the weights are what they moved to, also after an exception."""
    try:
        for layer in layers:
            rounded = Rounded(layer, codes[layer.name])
            parametrize.register_parametrization(layer.module, "weight", rounded, unsafe=True)
        yield
    finally:
        for layer in layers:
            if parametrize.is_parametrized(layer.module, "weight"):
                parametrize.remove_parametrizations(layer.module, "weight", leave_parametrized=False)


def tuned(
    found: Quantized,
    model: nn.Module,
    dataset: Dataset,
    normalization: Normalization,
    options: Mapping[str, Any],
    watch: Watch,
) -> Quantized:
    """The quantized network after training with its widths and ranges, from the whole weights of `model`.

    options: of `fit`. The state that the hold-out likes best is kept, the untrained one included."""
    trained, rounded = copy.deepcopy(model), copy.deepcopy(model)  # rounding reorders a network's parameters
    layers = [layer_of(trained, name) for name in found.codes]
    if dataset.task.taught:  # by the predictions of the whole weights alone, for which no graph is asked
        options = {**options, "teach": Teaching(model, None, features=0.0)}
    with rounding(layers, found.codes):
        rows = fit(trained, dataset, normalization=normalization, watch=watch, **options)
    restore(rounded, trained.state_dict())
    codes = {}
    for layer in layers:
        now = found.codes[layer.name]
        codes[layer.name] = encoded(layer.rows, now.bits, now.tops)
        layer_of(rounded, layer.name).fill(codes[layer.name].values)
    told = (*found.messages, *in_vain(rows, "Training with rounded weights"))
    return replace(found, model=rounded, codes=codes, history=tuple(rows), messages=told)
