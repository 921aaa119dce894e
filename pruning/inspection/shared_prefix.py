"""The start of a network, up to where a group is read, computed once for many runs on the same batch."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from pruning.statistics.collect import READING


class Start(TorchFunctionMode):
    """Inside, the first run notes what each convolution or linear layer gives before any of `weights` is
    used; later runs on the same inputs take that in place of computing it. Only `weights` may change between
    the runs."""

    def __init__(self, weights: Sequence[torch.Tensor]):
        super().__init__()
        self.weights, self.outputs = {id(weight) for weight in weights}, []
        self.place: int | None = 0  # none once everything may have changed

    def __enter__(self) -> Any:
        self.place = 0
        return super().__enter__()

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if self.place is None or getattr(func, "__name__", "") not in READING:
            return func(*args, **kwargs)
        weight = args[1] if len(args) > 1 else kwargs.get("weight")
        if id(weight) in self.weights:
            self.place = None  # from here on everything may have changed
            return func(*args, **kwargs)
        if self.place == len(self.outputs):
            self.outputs.append(func(*args, **kwargs))
        self.place += 1
        return self.outputs[self.place - 1].clone()  # an activation in place must not reach what is kept
