"""How a network of torchvision is built where its name alone does not say it: options behind the name
(`torchvision:googlenet,transform_input=false`), those that a file's weights were made with, and what is
assumed where a file cannot say.

Torchvision keeps these in the arguments of its builders and in no state dict. Importing this loads no torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, Any

from pruning.models.torchvision_index import COUNTER, FINGERPRINTS, TORCHVISION
from pruning.wording import choose

if TYPE_CHECKING:
    from torch import Tensor


def switch(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


@dataclass(frozen=True)
class BuildOption:
    """An argument of a builder. networks: whose names begin so.   default: torchvision's, without weights.
    read: its value from a text.   right: what to give, in words."""

    networks: tuple[str, ...]
    default: Any
    read: Callable[[str], Any]
    right: str


OPTIONS = {
    # the input, normalised by ImageNet's constants, is normalised anew by 0.5 and 0.5
    "transform_input": BuildOption(("googlenet", "inception_v3"), False, switch, "true or false"),
    "version": BuildOption(("mnasnet",), 2, int, "1 or 2"),  # of its first layers
    "image_size": BuildOption(("vit_",), 224, int, "pixels, such as 384"),
    "width_mult": BuildOption(("mobilenet_",), 1.0, float, "a factor, such as 0.5"),
}
WIDTHS = (0.1, 0.2, 0.25, 0.35, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.1, 1.2, 1.25, 1.3, 1.4, 1.5, 2.0)


def parted(name: str) -> tuple[str, dict[str, Any]]:
    """torchvision:vit_b_16,image_size=384 -> vit_b_16, {"image_size": 384}. Raises ValueError on an unknown
    network or option, and on a value that is none."""
    network, *told = name.removeprefix(TORCHVISION).split(",")
    choose(network, FINGERPRINTS, "torchvision model")
    options = {}
    for part in told:
        option, _, text = part.strip().partition("=")
        known = [key for key, one in OPTIONS.items() if network.startswith(one.networks)]
        if not known:
            raise ValueError(f"{network} is built in one way only; give {TORCHVISION}{network}")
        choose(option, known, f"option of {network}")
        try:
            options[option] = OPTIONS[option].read(text.strip())
        except (KeyError, ValueError):
            raise ValueError(f"{option} is {text!r}; give {OPTIONS[option].right}") from None
        must_make_sense(network, option, options[option])
    return network, options


def must_make_sense(network: str, option: str, value):
    wrong = {"version": value not in (1, 2), "transform_input": False}
    patch = int(network.rpartition("_")[2]) if option == "image_size" else 1
    if option == "image_size" and value % patch:
        raise ValueError(f"{option} is {value}; give a multiple of {patch}, the side of a patch of {network}")
    if wrong.get(option, not 0 < value < 10**4):
        raise ValueError(f"{option} is {value}; give {OPTIONS[option].right}")


def spelled(network: str, options: Mapping[str, Any]) -> str:
    """The name with those options that are not torchvision's own defaults."""
    said = [(key, value) for key, value in sorted(options.items()) if value != OPTIONS[key].default]
    return ",".join([TORCHVISION + network, *(f"{key}={str(value).lower()}" for key, value in said)])


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

    from pruning.models.from_torchvision import build

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
