"""Networks, data sets and counts as they are written on a page."""

import re

from pruning.experiment import Recipe
from pruning.models.own_code import is_own, parted
from pruning.ui import state
from pruning.ui.page_messages import VALUES, unlinked

FAMILIES = {"resnet": "ResNet-", "vgg": "VGG-", "mobilenet_v": "MobileNetV"}
FAMILY_NAMES = {"deeplabv3plus": "DeepLabV3+", "stargan": "StarGAN"}


def network(name: str) -> str:
    """resnet20_b -> ResNet-20 B, vgg16_slim -> VGG-16 slim, mobilenet_v2 -> MobileNetV2, deeplabv3plus_small
    -> DeepLabV3+ small, stargan -> StarGAN; torchvision's keep theirs; of one's own nets/unet.py:unet -> unet
    of unet.py."""
    if is_own(name):
        return parted(name).told
    first, _, kind = name.partition("_")
    if first in FAMILY_NAMES:
        return f"{FAMILY_NAMES[first]} {network(kind)}".strip()
    known = re.fullmatch(r"(resnet|vgg|mobilenet_v)(\d+)(?:_(b|slim))?", name)
    if not known:
        return name.removeprefix("torchvision:")
    family, number, kind = known.groups()
    return FAMILIES[family] + number + {"b": " B", "slim": " slim", None: ""}[kind]


def listed(name: str) -> str:
    """A network among those that can be chosen: torchvision's say that they are its."""
    return network(name) + (" (torchvision)" if name.startswith("torchvision:") else "")


def name_of(field: str) -> str:
    """The file's name where a recipe names an upload, else the field as it is."""
    return field.partition("#")[2] or field if field.startswith(state.UPLOADED) else field


def weights(recipe: Recipe) -> str:
    """Where they come from; empty where they come along."""
    if recipe.checkpoint in (None, "none") and is_own(recipe.model):
        return "as its code makes them"
    if recipe.checkpoint is None:
        return ""
    return "random, never trained" if recipe.checkpoint == "none" else data(recipe.checkpoint)


def data(name: str) -> str:
    """A listed data set by its name, an upload or a path by that of its file."""
    return unlinked(name_of(name).rpartition("/")[2])


def subject(recipe: Recipe) -> str:
    """What is looked at: "ResNet-20 on scenes", "ResNet-20 on classes 3, 5, 8 of scenes"."""
    return f"{network(recipe.model)} on {classes(recipe)}{data(recipe.data)}"


def classes(recipe: Recipe) -> str:
    """The subtask's class numbers; empty where it is all of them."""
    return f"classes {', '.join(map(str, recipe.subtask))} of " if recipe.subtask else ""


def count(number: int) -> str:
    """40,813,184 -> 40.8 M; below ten thousand every digit is written."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= max(size, 10**4):
            return f"{number / size:.3g} {unit}"
    return f"{number:,}"


def points(share: float) -> str:
    """A difference of two accuracies: -0.0125 -> -1.2 points."""
    return f"{100 * share:+.1f} points"


def percent(share: float) -> str:
    """0.5 -> 50 %, 0.375 -> 37.5 %."""
    return f"{100 * share:.3g} %"


def setting(recipe: Recipe, name: str) -> str:
    """The value of a recipe's field, or of an option, as a page writes it."""
    found = dict(recipe.options)[name] if name in dict(recipe.options) else getattr(recipe, name)
    if name == "model":
        return network(found)
    if name == "data":
        return data(found)
    if name == "checkpoint":
        return weights(recipe) or "bundled"
    if name == "cut":
        return percent(found)
    if isinstance(found, bool):
        return "on" if found else "off"
    if name == "cut_group":
        return ", ".join(f"{group} {percent(share)}" for group, share in found) or "none"
    if isinstance(found, tuple):
        return ", ".join(map(str, found)) or "none"
    return VALUES.get(name, {}).get(found, "none" if found is None else str(found))
