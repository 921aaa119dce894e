"""The forward pass that `Liveness` is made from: what each operation takes and gives that depends on the
image."""

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from pruning.channels.ids import answer, flat
from pruning.channels.in_place_writes import sharing
from pruning.channels.liveness import Liveness, Step
from pruning.channels.module_attributes import plain_tensors
from pruning.channels.opaque_modules import hidden
from pruning.channels.structure import LayerRecord, Structure
from pruning.models.module_modes import evaluating

JOINING = frozenset("add iadd radd sub isub rsub cat concat concatenate stack hstack vstack setitem".split())


def liveness(model: nn.Module, example: tuple | dict, structure: Structure) -> Liveness:
    """What `Liveness` needs, by one forward pass in evaluation mode."""
    recorder = _Recorder(model, structure)
    for tensor in flat(example):
        if isinstance(tensor, torch.Tensor):
            recorder.found.first += (recorder.number(tensor),)
    with evaluating(model), torch.no_grad(), recorder:
        output = answer(model, example)
    answers = [recorder.numbers.get(t) for t in flat(output) if isinstance(t, torch.Tensor)]
    recorder.found.answers = tuple(number for number in answers if number is not None)
    recorder.found.known &= len(recorder.found.answers) == len(answers)
    recorder.found.known &= not any(hidden(module) for module in model.modules())
    return recorder.found


class _Recorder(TorchFunctionMode):
    def __init__(self, model: nn.Module, structure: Structure):
        super().__init__()
        self.found = Liveness(frozenset(g for g, group in enumerate(structure.groups) if group.inner))
        self.numbers, self.count = WeakTensorKeyDictionary(), 0
        own = [*model.parameters(), *model.buffers(), *plain_tensors(model)]
        self.constants = {id(tensor): tensor for tensor in own}
        names = dict(model.named_parameters())
        self.layers: dict[int, list[LayerRecord]] = {}
        for layer in structure.layers:
            if layer.dense and layer.weight in names:
                self.layers.setdefault(id(names[layer.weight]), []).append(layer)
        self.structure, self.made = structure, WeakTensorKeyDictionary()

    def number(self, tensor: torch.Tensor) -> int:
        """A new number: what is written in place is another value from then on."""
        self.numbers[tensor] = self.count = self.count + 1
        return self.count

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        given = [t for t in flat((args, kwargs)) if isinstance(t, torch.Tensor)]
        inputs = tuple(self.numbers[t] for t in given if t in self.numbers)
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "").strip("_")
        outputs = [t for t in flat(result) if isinstance(t, torch.Tensor)]
        if name == "setitem" and given:
            outputs = given[:1]
        if any(t not in self.numbers and t not in self.made and id(t) not in self.constants for t in given):
            self.found.known = False  # it came from where no operation was seen
        if inputs and outputs and name != "get":
            self._note(name, given, inputs, outputs)
        elif outputs:
            self._aside(outputs, inputs)
        return result

    def _aside(self, outputs: list[torch.Tensor], inputs: tuple[int, ...]):
        """What depends on no image, and attributes such as .data: the same value under another name."""
        for tensor in outputs:
            if inputs:
                self.numbers[tensor] = inputs[0]
            elif id(tensor) not in self.constants:
                self.made[tensor] = True

    def _note(self, name: str, given: list, inputs: tuple[int, ...], outputs: list):
        reads = writes = touched = frozenset()
        for layer in self.layers.get(id(given[1]), ()) if len(given) > 1 else ():
            reads, _ = self._side(layer, layer.input)
            writes, touched = self._side(layer, layer.output)
        numbers = tuple(self.number(tensor) for tensor in outputs)
        self.found.steps.append(Step(inputs, numbers, name in JOINING, reads, writes, touched))
        for tensor in outputs:
            if any(tensor is other for other in given) and tensor.layout == torch.strided:
                self._written(tensor)

    def _written(self, tensor: torch.Tensor):
        """In place: whatever shares the memory now hangs on what was written, too."""
        for other in sharing(tensor, [*self.numbers, *self.made]):
            inputs = (self.numbers[tensor], *([self.numbers[other]] if other in self.numbers else []))
            self.found.steps.append(Step(inputs, (self.number(other),), True))

    def _side(self, layer: LayerRecord, dimension: int | None) -> tuple[frozenset[int], frozenset[int]]:
        """The groups on one side of a layer, where there is nothing else, and those in any case."""
        index = self.structure.maps.get(layer.weight, {}).get(dimension)
        if index is None:
            return frozenset(), frozenset()
        groups = np.unique(index.group)
        found = frozenset(groups[groups >= 0].tolist())
        return (found if (groups >= 0).all() else frozenset()), found
