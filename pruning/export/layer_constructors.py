"""Layers of torch.nn written down: the line of Python that makes each anew, and the tensors that it holds."""

import inspect
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn

from pruning.error_messages import first_line


def parts(network: nn.Module, graph: fx.Graph) -> tuple[list[str], dict[str, Tensor]]:
    """Lines that make every layer and tensor that runs, and the state dict of these."""
    modules, state = dict(network.named_modules(remove_duplicate=False)), network.state_dict(keep_vars=True)
    used = {str(node.target): node.op for node in graph.nodes if node.op in ("call_module", "get_attr")}
    lines, tensors = [], {}
    for name, op in used.items():  # in the order in which they run
        if op == "call_module":
            lines.append(f'put(self, "{name}", {constructor(modules[name], name)})')
            own = modules[name].state_dict(keep_vars=True)
            tensors |= {f"{name}.{key}": tensor.detach() for key, tensor in own.items()}
        else:
            tensor = state.get(name)
            tensor = _attribute(network, name) if tensor is None else tensor
            kind = "nn.Parameter({})" if isinstance(tensor, nn.Parameter) else "{}"
            empty = f"torch.zeros({tuple(tensor.shape)}, dtype={tensor.dtype})"
            lines.append(f'put(self, "{name}", {kind.format(empty)})')
            tensors[name] = tensor.detach()
    return lines, tensors


def _attribute(network: nn.Module, name: str) -> Tensor:
    value: Any = network
    for part in name.split("."):
        value = getattr(value, part)
    return value


def constructor(module: nn.Module, name: str) -> str:
    """`nn.Conv2d(16, 9, 3, padding=1, bias=False)`: what makes a layer of torch.nn anew."""
    kind = type(module)
    if getattr(nn, kind.__name__, None) is not kind:
        raise ValueError(f"{name} is a {kind.__name__}, no layer of torch.nn; give another format")
    words = list(_words(module))
    text = f"nn.{kind.__name__}({', '.join(words)})"
    try:
        again = eval(text, {"nn": nn, "torch": torch, "inf": math.inf})  # noqa: S307 # written three lines above
    except Exception as error:
        raise ValueError(f"{name} can't be made anew as {text}: {first_line(error)}") from error
    shapes = [{key: tensor.shape for key, tensor in each.state_dict().items()} for each in (module, again)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"{name} can't be made anew as {text}; give another format")
    return text


def _words(module: nn.Module) -> Iterator[str]:
    """Arguments of its class that differ from their defaults, by the attributes that hold them."""
    plain = True
    recurrent = isinstance(module, nn.RNNBase)  # whose classes take anything, and hand it on
    signature = inspect.signature(nn.RNNBase if recurrent else type(module))
    for parameter in signature.parameters.values():
        if recurrent and parameter.name == "mode":
            continue
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            continue
        missing = parameter.default is parameter.empty
        value = getattr(module, parameter.name, parameter.default)
        if parameter.name == "bias" and (value is None or isinstance(value, Tensor)):
            value = value is not None
        value = (
            value[0] if isinstance(value, tuple) and len(set(value)) == 1 and _all_alike(module) else value
        )
        if missing and plain:
            yield repr(value)
        elif missing or value != parameter.default:
            plain = False
            yield f"{parameter.name}={value!r}"


def _all_alike(module: nn.Module) -> bool:
    """Layers that take one number for all dimensions."""
    return isinstance(module, nn.modules.conv._ConvNd)
