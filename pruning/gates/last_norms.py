"""The norms that end a block: a gate on their scale and shift fades the whole block, to nothing at 0."""

from collections import Counter

import torch
from torch import nn
from torch.func import functional_call

from pruning.channels.ids import answer, flat
from pruning.channels.structure import Structure
from pruning.models.module_modes import evaluating


def last_norms(graph, group: int) -> tuple[str, ...]:
    """Names of the norms through which alone a group is heard; () where there is another way, or a layer
    without a norm.

    Each layer that reads the group has to hand its output, as it is, to a norm with a scale and a shift that
    runs once. Whether nothing else hears of the group is tried on the example: with these norms at zero, the
    answer must not change where those layers are silent.
    """
    structure: Structure = graph.structure
    readers = [layer.weight for layer in structure.layers_of(group, "readers")]
    norms = _handed(graph, {weight.rpartition(".")[0] for weight in readers})
    if norms is None:
        return ()
    own = dict(graph.model.named_parameters())
    if not all(weight in own for weight in readers):
        return ()
    off = {f"{name}.{part}": torch.zeros_like(own[f"{name}.{part}"]) for name in norms for part in PARTS}
    silent = {weight: torch.zeros_like(own[weight]) for weight in readers}
    return norms if _same(_answers(graph, off), _answers(graph, off | silent)) else ()


PARTS = ("weight", "bias")  # of a norm: its scale and its shift


def _handed(graph, readers: set[str]) -> tuple[str, ...] | None:
    """The norms that what these modules give goes into; None where one gives it to no norm."""
    outputs: dict[int, tuple[str, torch.Tensor]] = {}  # held, so that no other tensor takes its place
    after: dict[str, str] = {}
    runs: Counter[str] = Counter()

    def said(name: str):
        def hook(module, inputs, output):
            if isinstance(output, torch.Tensor):
                outputs[id(output)] = (name, output)

        return hook

    def hears(name: str):
        def hook(module, inputs):
            runs[name] += 1
            if inputs and id(inputs[0]) in outputs:
                after[outputs[id(inputs[0])][0]] = name

        return hook

    modules = dict(graph.model.named_modules())
    hooks = [modules[name].register_forward_hook(said(name)) for name in readers if name in modules]
    hooks += [
        module.register_forward_pre_hook(hears(name))
        for name, module in modules.items()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.affine
    ]
    try:
        with evaluating(graph.model), torch.no_grad():
            answer(graph.model, graph.example)
    finally:
        for hook in hooks:
            hook.remove()
    if set(after) != readers or any(runs[name] != 1 for name in after.values()):
        return None
    return tuple(sorted(set(after.values())))


def _answers(graph, weights: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    inputs, named = ((), graph.example) if isinstance(graph.example, dict) else (graph.example, {})
    with evaluating(graph.model), torch.no_grad():
        found = functional_call(graph.model, weights, inputs, named)
    return [tensor for tensor in flat(found) if isinstance(tensor, torch.Tensor)]


def _same(some: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))
