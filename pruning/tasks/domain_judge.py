"""What a classifier of domains says of translated pictures, and the features by which it says so."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


def answers_and_features(judge: "nn.Module", pictures: "Tensor") -> "tuple[Tensor, Tensor]":
    """The logits [N, K] of a classifier, and what its last linear layer reads [N, F].   pictures: [N, 3, H,
    W], -1 to 1; brought to the classifier's own size and normalisation."""
    import torch
    from torch import nn
    from torch.nn.functional import interpolate

    with torch.inference_mode(False):  # what is moved inside it would have no part in gradients later
        origin: Any = judge.to(pictures.device).origin
    mean, std = (
        torch.tensor(each, device=pictures.device).view(1, -1, 1, 1)
        for each in (origin.normalization.mean, origin.normalization.std)
    )
    pixels = ((pictures + 1) / 2 - mean) / std
    if pixels.shape[2] != origin.size:
        pixels = interpolate(pixels, size=(origin.size, origin.size), mode="area")
    read: list[Tensor] = []
    last = [module for module in judge.modules() if isinstance(module, nn.Linear)][-1]
    handle = last.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    try:
        return judge(pixels), read[-1]
    finally:
        handle.remove()
