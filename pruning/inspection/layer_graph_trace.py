"""The layers of a network and what runs between them, as one forward pass shows them: needs torch."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.weak import WeakTensorKeyDictionary

from pruning.channels.graph import ChannelGraph, record_names
from pruning.channels.ids import Call, classes_of, compact, flat
from pruning.channels.opaque_modules import hidden
from pruning.channels.operations import ADDING, MULTIPLYING
from pruning.channels.random_draws import SETTLED
from pruning.channels.random_state import own_random_numbers
from pruning.channels.structure import Structure
from pruning.channels.tracer import Tracer, traced
from pruning.inspection.layer_graph import INPUT, OUTPUT, LayerGraph, Node
from pruning.models.module_modes import evaluating

CONCATENATING = frozenset("cat concat concatenate stack hstack vstack".split())
KINDS = (
    dict.fromkeys(ADDING, "sum")
    | dict.fromkeys(MULTIPLYING, "product")
    | dict.fromkeys(CONCATENATING, "concatenation")
    | dict.fromkeys("matmul __matmul__ bmm baddbmm einsum".split(), "matrix product")
    | {"scaled_dot_product_attention": "attention", "multi_head_attention_forward": "attention"}
)
# What follows a layer and is no node of its own, in words; what is not named here is not told.
AFTER = (
    {"relu": "ReLU", "relu6": "ReLU6", "silu": "SiLU", "gelu": "GELU", "tanh": "tanh", "sigmoid": "sigmoid"}
    | {"leaky_relu": "leaky ReLU", "prelu": "PReLU", "hardswish": "hard swish", "hardsigmoid": "hard sigmoid"}
    | {"elu": "ELU", "hardtanh": "hard tanh", "mish": "Mish", "softmax": "softmax", "pad": "padding"}
    | {"batch_norm": "batch norm", "instance_norm": "instance norm", "group_norm": "group norm"}
    | {"layer_norm": "layer norm", "boolean_dispatch": "max pooling", "max_pool2d": "max pooling"}
    | {"adaptive_avg_pool2d": "average pooling", "avg_pool2d": "average pooling", "mean": "average pooling"}
    | {"interpolate": "upsampling", "pixel_shuffle": "pixel shuffle", "channel_shuffle": "channel shuffle"}
)


@dataclass
class _Met:
    """A node while the pass runs. ids, given: of its answer's channels, and of what a layer was given."""

    name: str
    kind: str
    sources: tuple[int, ...]
    ids: np.ndarray
    shape: tuple[int, ...] = ()
    axis: int | None = None
    given: np.ndarray | None = None
    call: Call | None = None
    after: list[str] = field(default_factory=list)
    tensors: list[str] = field(default_factory=list)


def traced_layer_graph(model: nn.Module, example: tuple | dict, structure: Structure) -> LayerGraph:
    """One forward pass in evaluation mode; the model comes out as it went in. structure: of this network."""
    tensors = [t for t in flat(example) if isinstance(t, torch.Tensor)]
    with own_random_numbers(tensors[0].device), evaluating(model):
        recorder = _Recorder(model, example)
        recorder.run(model, example)
    return LayerGraph(structure, _nodes(recorder, structure))


def layer_graph_of(graph: ChannelGraph) -> LayerGraph:
    """That of a network whose channels are known."""
    return traced_layer_graph(graph.model, graph.example, graph.structure)


class _Recorder(Tracer):
    """The tracer of channels, which also notes where every tensor comes from."""

    def __init__(self, model: nn.Module, example: tuple | dict):
        super().__init__(model, example)
        self.met: list[_Met] = []
        self.source, self.assigned = WeakTensorKeyDictionary(), set()
        self.names = {name for name, _ in model.named_parameters()}

    def run(self, model: nn.Module, example: tuple | dict) -> None:
        for number, tensor in enumerate(t for t in flat(example) if isinstance(t, torch.Tensor)):
            size = tensor.shape[1] if tensor.dim() > 1 else 1
            name = INPUT if not number else f"{INPUT} {number + 1}"
            self.met.append(_Met(name, INPUT, (), np.zeros(size, int), self.of_one(tensor)))
            self.source[tensor] = number
        answers: list[torch.Tensor] = []
        handles = [model.register_forward_hook(lambda _, __, output: answers.extend(_tensors(output)))]
        for module in model.modules():
            if hidden(module):  # by the class: a scripted module refuses the same call on itself
                handles.append(nn.Module.register_forward_hook(module, self.leave_hidden))
        try:
            traced(self, model, example)
        finally:
            for handle in handles:
                handle.remove()
        sources = tuple(dict.fromkeys(self.source[t] for t in answers if t in self.source))
        if answers:
            self.add(OUTPUT, OUTPUT, sources, answers[0])

    def leave_hidden(self, module: nn.Module, inputs: tuple, output: Any) -> None:
        """After a module that nobody can look into: one node, whatever is in it."""
        with torch._C.DisableTorchFunction():
            found = _tensors(output)
            sources = self.sources(_tensors(inputs))
            if found and sources:
                number = self.add(self.where(), "scripted module", sources, found[0])
                for tensor in found:
                    self.source[tensor] = number

    def leave_own_function(self, module: nn.Module, inputs: tuple, named: dict, output: Any) -> None:
        """After a module with an autograd function of its own: one node, where nothing in it was seen."""
        with torch._C.DisableTorchFunction():
            unseen = [t for t in _tensors(output) if t not in self.source]
            sources, where = self.sources(_tensors((inputs, named))), self.where()
        super().leave_own_function(module, inputs, named, output)
        with torch._C.DisableTorchFunction():
            number = self.add(where, "autograd function", sources, unseen[0]) if unseen else -1
            for tensor in unseen:
                self.source[tensor] = number

    def sources(self, tensors: list[torch.Tensor]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self.source[t] for t in tensors if t in self.source))

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        name, calls = getattr(func, "__name__", ""), len(self.trace.calls)
        given = _tensors((args, kwargs or {}))
        sources, parts = self.sources(given), sum(t in self.source for t in given)
        result = super().__torch_function__(func, types, args, kwargs)
        layers = [call for call in self.trace.calls[calls:] if call.kind != "norm"]
        outputs = given[:1] if name == "__setitem__" else _tensors(result)
        if outputs and (sources or layers) and name not in SETTLED and not self.opaque:
            number = self.note(name, given, outputs[0], sources, parts, layers)
            for tensor in outputs:
                self.source[tensor] = number
        return result

    def note(
        self,
        name: str,
        given: list[torch.Tensor],
        output: torch.Tensor,
        sources: tuple[int, ...],
        parts: int,
        layers: list[Call],
    ) -> int:
        """The number of the node that an operation's answer comes from."""
        plain = name if name.endswith("__") else name.rstrip("_")
        number = sources[0] if sources else -1
        for call in layers:
            number = self.add(call.module, call.kind, sources, output, given=given[0], call=call)
            sources = (number,)
        joins = len(sources) > 1 or (plain in CONCATENATING and parts > 1)
        if not layers and joins:
            number = self.add(self.stack[-1], KINDS.get(plain, plain.strip("_")), sources, output)
        node = self.met[number]
        if not layers and (word := AFTER.get(plain)) and word not in node.after:
            node.after.append(word)
        for tensor in given:
            owner = self.owners.get(id(tensor), ("", None))[0]
            if owner in self.names and owner not in self.assigned:
                self.assigned.add(owner)
                node.tensors.append(owner)
        return number

    def add(
        self,
        name: str,
        kind: str,
        sources: tuple[int, ...],
        output: torch.Tensor,
        *,
        given: torch.Tensor | None = None,
        call: Call | None = None,
    ) -> int:
        ids, dimension = _channels(self.ids_of(output), output)
        found = _Met(name, kind, tuple(sources), ids, self.of_one(output), call=call)
        if given is not None:
            found.given, _ = _channels(self.ids_of(given), given)
        if dimension is not None and (dimension or self.unbatched):
            found.axis = dimension if self.unbatched else dimension - 1
        self.met.append(found)
        return len(self.met) - 1


def _tensors(value: Any) -> list[torch.Tensor]:
    return [t for t in flat(value) if isinstance(t, torch.Tensor)]


def _channels(ids: torch.Tensor, tensor: torch.Tensor) -> tuple[np.ndarray, int | None]:
    """The ids of a tensor's channels, and the dimension along which they lie; zeros, one a channel, and None
    where it has none of its own."""
    short = compact(ids)
    if not bool(short.any()):
        return np.zeros(tensor.shape[1] if tensor.dim() > 1 else 1, int), None
    long = [dimension for dimension, size in enumerate(short.shape) if size > 1]
    return short.reshape(-1).cpu().numpy(), long[0] if len(long) == 1 else None


def _nodes(recorder: _Recorder, structure: Structure) -> tuple[Node, ...]:
    """The nodes, their channels as places among all channels of the structure's groups; -1: of none."""
    trace = recorder.trace
    number, root = classes_of(trace.count, [pair for pairs in trace.pairs.values() for pair in pairs])
    place = np.full(number, -1)
    for tensor, dimensions in structure.maps.items():
        for dimension, index in dimensions.items():
            ids = trace.slots.get(tensor, {}).get(dimension)
            if ids is not None and len(ids) == len(index):
                here = structure.starts[np.maximum(index.group, 0)] + index.channel
                place[root[ids]] = np.where(index.group >= 0, here, -1)
    keys, whole = _weights([met.call for met in recorder.met if met.call])
    seen: set[str] = set()
    nodes = []
    for met in recorder.met:
        call, key = met.call, keys.get(id(met.call), "")
        share = call.macs_each / whole[key] if call and whole[key] else 0.0
        again = key in seen
        seen |= {key} if call else set()
        nodes.append(
            Node(
                name=met.name,
                kind=KINDS.get(met.kind, met.kind),
                sources=met.sources,
                channels=place[root[met.ids]],
                reads=None if met.given is None else place[root[met.given]],
                shape=met.shape,
                axis=met.axis,
                weight=key,
                share=share,
                again=again,
                after=tuple(met.after),
                tensors=tuple(met.tensors),
            )
        )
    return tuple(nodes)


def _weights(calls: list[Call]) -> tuple[dict[int, str], dict[str, int]]:
    """What a structure calls the weight of each call, {id(call): weight}, and {weight: MACs of all its
    calls}."""
    names, _ = record_names(calls)
    whole: Counter[str] = Counter()
    for call, name in zip(calls, names, strict=True):
        whole[name] += call.macs_each
    return {id(call): name for call, name in zip(calls, names, strict=True)}, whole
