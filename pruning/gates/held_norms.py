"""Norms while gates move: held at their statistics in a training, and settled behind a closed block.

A layer whose outputs are normed by the statistics of the batch gives the same whatever all of its gates are
multiplied by, so over such a layer the sum of g x dL/dg is 0: the loss cannot say how many of its channels
should go. With stored statistics it can.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


def norms_with_statistics(model: nn.Module) -> list[nn.Module]:
    """Every module that keeps a mean and a variance of its own, where these have been estimated: those that a
    norm begins with, 0 and 1, would be wrong."""
    return [module for module in model.modules() if _estimated(module)]


def _estimated(module: nn.Module) -> bool:
    mean, spread = (getattr(module, name, None) for name in ("running_mean", "running_var"))
    if not isinstance(mean, torch.Tensor) or not isinstance(spread, torch.Tensor):
        return False
    return bool((mean != 0).any() or (spread != 1).any())


@contextmanager
def held(norms: Iterable[nn.Module]) -> Iterator[None]:
    """Inside, these norms are in evaluation mode; the modes that they had come back."""
    modes = {norm: norm.training for norm in norms}
    try:
        for norm in modes:
            norm.training = False
        yield
    finally:
        for norm, training in modes.items():
            norm.training = training


class SettledNorms(TorchFunctionMode):
    """Hears what goes into norms that keep a mean and a spread, and sets them where all of it is constant."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") in ("batch_norm", "instance_norm"):
            values, mean, spread = self._of(*args, **(kwargs or {}))
            if mean is not None and spread is not None and values.numel():
                self._settle(values, mean, spread)
        return func(*args, **(kwargs or {}))

    @staticmethod
    def _of(input, running_mean=None, running_var=None, *_, **__):
        return input, running_mean, running_var

    @staticmethod
    def _settle(values: torch.Tensor, mean: torch.Tensor, spread: torch.Tensor):
        rows = values.movedim(1, 0).flatten(1)
        if rows.shape[1] > 1 and bool((rows == rows[:, :1]).all()):
            mean.copy_(rows[:, 0])
            spread.zero_()
