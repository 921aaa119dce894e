"""Which options of torchvision's builders a file's weights were made with, seen in their shapes, and what is
assumed where a file cannot say. Importing this loads no torch."""

from collections.abc import Mapping
from math import isqrt
from typing import TYPE_CHECKING

from pruning.models.torchvision_index import COUNTER, SEGMENTERS, TORCHVISION
from pruning.models.torchvision_options import OPTIONS, parted, spelled

if TYPE_CHECKING:
    from torch import Tensor

WIDTHS = (0.1, 0.2, 0.25, 0.35, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.1, 1.2, 1.25, 1.3, 1.4, 1.5, 2.0)


def made_with(
    name: str, wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]", recorded: str | None
) -> tuple[str, tuple[str, ...]]:
    """The name with the options that its weights were made with, and messages on those that were not given.

    wanted: what the network holds without options.   state: the file's, by the network's names.   recorded:
    the name in the file's header, which knows best after the one that was asked for."""
    network, asked = parted(name)
    same = recorded is not None and recorded.startswith(TORCHVISION) and parted(recorded)[0] == network
    known = (parted(recorded)[1] if same else {}) | asked
    messages = []
    if network in SEGMENTERS:
        aside = (
            "" if network.startswith("lraspp") else "built without its auxiliary head, for training only; "
        )
        messages.append(f"{network}: {aside}it answers what torchvision's own has under 'out'.")
    if (
        network.startswith(OPTIONS["transform_input"].networks)
        and not same
        and "transform_input" not in known
    ):
        known["transform_input"] = True
        messages.append(
            f"{network}: built with transform_input=true, as torchvision does for its own weights; a file "
            f"does not say it. For weights made without it give {TORCHVISION}{network},transform_input=false."
        )
    for option, value, why in seen_in(network, wanted, state):
        if option not in known:
            known[option] = value
            messages.append(f"{network}: built with {option}={value}, {why}.")
    return spelled(network, known), tuple(messages)


def seen_in(network: str, wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]"):
    """What the weights' shapes say: (option, value, why)."""
    position, first = "encoder.pos_embedding", "layers.0.weight"
    if network.startswith("vit_") and state[position].shape != wanted[position].shape:
        patch = wanted["conv_proj.weight"].shape[-1]
        size = isqrt(max(state[position].shape[1] - 1, 0)) * patch
        yield "image_size", size, "the side of the images that its position embedding is for"
    if (
        network.startswith("mnasnet")
        and state[first].shape != wanted[first].shape
        and len(state[first]) == 32
    ):
        yield "version", 1, "torchvision's first version of it, which had other first layers"
    if network.startswith("mobilenet_") and (width := width_of(network, wanted, state)):
        yield "width_mult", width, "the factor that all its widths have"


def width_of(network: str, wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> float | None:
    """The factor whose network has all the state's shapes, of those in use, the classifier's rows aside."""
    import torch

    from pruning.models.from_torchvision import build  # torchvision takes seconds to import

    def widths(tensors) -> dict[str, tuple]:
        return {key: tuple(t.shape[1:]) for key, t in tensors.items() if not key.endswith(COUNTER)}

    if widths(state) == widths(wanted):
        return None
    for width in WIDTHS:
        with torch.device("meta"):
            other = build(spelled(network, {"width_mult": width}), 10).state_dict()
        if widths(other) == widths(state):
            return width
    return None
