"""Where Captum takes hold of a network.

Captum hooks modules, each called once. Here every call of a layer that is looked at passes through a module
of its own that does nothing, found by the layer's weight in the middle of the pass: so a layer that ran as a
function, or twice, is attributed like any other, and the network's own modules are never touched.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import count

import torch
from torch import nn

from pruning.channels.structure import LayerRecord, Structure
from pruning.statistics.collect import Observer
from pruning.tasks import Task


class Taps:
    """A network as Captum takes it: called with inputs and targets it answers the score of what is right,
    [N], and every call of a layer that is looked at goes through a module in `of`, {weight: one module a
    call}, filled by the first run."""

    def __init__(self, model: nn.Module, structure: Structure, layers: Iterable[LayerRecord], task: Task):
        self.model, self.structure, self.task = model, structure, task
        self.of: dict[str, list[nn.Module]] = {layer.weight: [] for layer in layers}
        self.shown: list[torch.Tensor] = []  # of the pass that runs

    def __call__(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        written = {name: partial(self._through, taps, count()) for name, taps in self.of.items()}
        with Observer(self.model, self.structure, {}, written):
            scores = self.task.true_scores(self.model(inputs), targets)
        # so that the slope of a layer without influence, as in an auxiliary head, is 0 and not missing
        none, self.shown = 0 * sum(output.mean() for output in self.shown), []
        return scores + none

    def _through(self, taps: list[nn.Module], calls: Iterator[int], output: torch.Tensor) -> torch.Tensor:
        call = next(calls)
        if call == len(taps):
            taps.append(nn.Identity())
        seen = taps[call](output)
        self.shown.append(seen)
        return seen.clone()  # a copy: an in-place ReLU must not change what Captum holds

    @property
    def all(self) -> list[nn.Module]:
        return [tap for taps in self.of.values() for tap in taps]
