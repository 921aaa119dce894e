"""A network asked about black images, before anything is known of it: at which size it answers, and what."""

from typing import TYPE_CHECKING, Any

from pruning.models.module_modes import evaluating

if TYPE_CHECKING:
    from torch import nn


def accepted_size(model: "nn.Module", data: Any) -> int:
    """The data's own image size if the network answers at it, else the one that it is built for, mostly 224.
    data: loaded ones; a path or a name tells no size. The model comes back as it was."""
    meant, own = getattr(model, "image_size", 224), getattr(data, "size", None)
    if own is None or own == meant:
        return meant
    try:
        answer_to_nothing(model, data, 1, own)
    except Exception:  # too small for its pools, or the size is part of its weights; it has to run at `meant`
        return meant
    return own


def runs_channels_last(model: "nn.Module", data: Any, items: int, size: int) -> bool:
    """Whether a network that answers black images answers them also where they lie in memory as pictures
    do."""
    try:
        answer_to_nothing(model, data, items, size, channels_last=True)
    except RuntimeError:
        return False
    return True


def answer_to_nothing(
    model: "nn.Module", data: Any, items: int, size: int, *, channels_last: bool = False
) -> Any:
    """What a network says of so many black images; the model comes back as it was. data: whose task says what
    it is given beside them, where they are loaded.   channels_last: how they lie in memory."""
    import torch

    inputs = torch.zeros(items, 3, size, size)
    if channels_last:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    if hasattr(data, "train"):
        inputs = data.task.inputs(inputs, data.train.labels[:items])
    with evaluating(model), torch.no_grad():
        return model(inputs)
