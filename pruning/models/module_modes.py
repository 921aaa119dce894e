"""Training and evaluation mode of a network's modules, kept and given back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@contextmanager
def mode_kept(model: "nn.Module") -> Iterator[None]:
    """Every module's own mode comes back, also after an exception: a network may have parts that stay in
    evaluation mode."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def evaluating(model: "nn.Module") -> Iterator[None]:
    """Evaluation mode inside, afterwards every module's own. Nobody's `train()` is called, which may do more
    than that: some merge weights there, and would not part them again."""
    with mode_kept(model):
        for module in model.modules():
            module.training = False
        yield
