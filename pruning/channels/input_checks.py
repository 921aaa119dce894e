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
    if not isinstance(model, nn.Module):
        raise ValueError(f"the network is a {type(model).__name__}; give a torch.nn.Module")
    for name, module in model.named_modules():
        _one_module(name or "the network", module)
    tensors = [*model.named_parameters(), *model.named_buffers()]
    for name, tensor in tensors:
        if tensor.is_meta:
            raise ValueError(f"{name} is on the meta device and holds no values; load the weights first")
    if any(tensor.is_meta for tensor in example):
        raise ValueError("the example is on the meta device and holds no values; give a real tensor")
    _memory_of_their_own(dict(tensors))
    devices = {str(tensor.device) for _, tensor in tensors} or {str(example[0].device)}
    other = next((str(tensor.device) for tensor in example if str(tensor.device) not in devices), None)
    if other:
        raise ValueError(
            f"the example is on {other} and the network on {', '.join(sorted(devices))}; move one of them"
        )


def _memory_of_their_own(tensors: dict[str, torch.Tensor]):
    """What is cut or silenced must not change another tensor along with it."""
    starts: dict[tuple, str] = {}
    for name, tensor in tensors.items():
        if tensor.is_inference():
            raise ValueError(
                f"{name} was made under torch.inference_mode(), and may not be changed; make the network "
                "outside of it"
            )
        if tensor.layout is not torch.strided or tensor.numel() < 2:
            continue
        if torch._debug_has_internal_overlap(tensor) == 1:
            raise ValueError(
                f"{name} holds one number for several entries (it was expanded); give it a memory of its "
                "own: .clone()"
            )
        other = starts.setdefault((tensor.device, tensor.data_ptr()), name)
        if other != name and tensor.data_ptr():
            raise ValueError(
                f"{other} and {name} are two tensors in one memory; make them one parameter "
                f"({name} = {other}), or give each its own"
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
