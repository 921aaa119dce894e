"""How a network of torchvision is built where its name alone does not say it: options behind the name
(`torchvision:googlenet,transform_input=false`).

Torchvision keeps these in the arguments of its builders and in no state dict. Importing this loads no torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pruning.error_messages import choose
from pruning.models.torchvision_index import FINGERPRINTS, TORCHVISION


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
