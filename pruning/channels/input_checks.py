"""What cannot be traced at all, said before anything runs: a ValueError that says what would be right."""

import torch
from torch import nn
from torch.nn.parameter import is_lazy

QUANTIZED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized")


def must_be_traceable(model: nn.Module, example: list[torch.Tensor]):
    """Raises ValueError where no forward pass could tell which channels belong together.

    example: its tensors, in any nesting taken apart.
    """
    if not example:
        raise ValueError(
            "the example holds no tensor; give one as the network takes it, such as torch.zeros(1, 3, 32, 32)"
        )
    for name, module in model.named_modules():
        _one_module(name or "the network", module)
    tensors = [*model.named_parameters(), *model.named_buffers()]
    for name, tensor in tensors:
        if tensor.is_meta:
            raise ValueError(f"{name} is on the meta device and holds no values; load the weights first")
    if any(tensor.is_meta for tensor in example):
        raise ValueError("the example is on the meta device and holds no values; give a real tensor")
    devices = {str(tensor.device) for _, tensor in tensors} or {str(example[0].device)}
    other = next((str(tensor.device) for tensor in example if str(tensor.device) not in devices), None)
    if other:
        raise ValueError(
            f"the example is on {other} and the network on {', '.join(sorted(devices))}; move one of them"
        )


def _one_module(name: str, module: nn.Module):
    for part, parameter in module.named_parameters(recurse=False):
        if is_lazy(parameter):
            raise ValueError(
                f"{name}.{part} is lazy and has no shape yet; run the network once on an example first"
            )
    if type(module).__module__.startswith(QUANTIZED):
        kind = type(module).__name__
        raise ValueError(
            f"{name} is a quantized {kind}, whose channels cannot be cut; prune first, quantize then"
        )
    if isinstance(module, nn.modules.batchnorm._BatchNorm) and not module.track_running_stats:
        raise ValueError(
            f"{name} normalises by the batch's own statistics, so the output depends on the batch; "
            "give it track_running_stats=True"
        )
