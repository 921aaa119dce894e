"""The networks of docs/engine.md by name: torchvision's as it lists them, and the zoo of the tests."""

import inspect
from collections.abc import Callable, Iterable

import torch
import torchvision
from torch import nn

from tests.zoo import ZOO as MADE
from tests.zoo import seeded

SIDES = (32, 64, 96, 128, 224, 299)  # of the example: the smallest that a network accepts
ATTENTION = ("vit_", "swin_", "maxvit")  # torchvision's that are not convolutional throughout
OFF = {"aux_logits": False, "aux_loss": False, "init_weights": False, "weights_backbone": None}
_models = torchvision.models
KINDS = {
    "classification": tuple(_models.list_models(module=_models)),
    "segmentation": tuple(_models.list_models(module=_models.segmentation)),
    "zoo": tuple(f"zoo: {name}" for name in MADE),
}


def kind_of(name: str) -> str:
    return next(kind for kind, names in KINDS.items() if name in names)


def convolutional(name: str) -> bool:
    return not name.startswith(ATTENTION)


def network(name: str) -> tuple[nn.Module, torch.Tensor]:
    """The network with random weights, none of them trivial, in evaluation mode, and an example.

    Raises what the network raises on the largest example where it accepts none.
    """
    if name.startswith("zoo: "):
        return MADE[name.removeprefix("zoo: ")]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = seeded(built(name))
        return model, smallest_accepted(model, 3, SIDES)


def smallest_accepted(model: nn.Module, channels: int, sides: Iterable[int]) -> torch.Tensor:
    """[1, channels, side, side]: noise of the first of these sides that the network runs on.

    Raises what the network raises on the last one where it accepts none.
    """
    for side in sides:
        example = torch.randn(1, channels, side, side)
        try:
            with torch.no_grad():
                model(example)
            return example
        except Exception as error:  # whatever it says of an image that it takes for too small
            refused = error
    raise refused


def built(name: str) -> nn.Module:
    """torchvision's network of this name, nothing downloaded, auxiliary classifiers off."""
    builder: Callable = _models.get_model_builder(name)
    made = inspect.unwrap(builder)
    takes = set(inspect.signature(made).parameters)
    options = {key: value for key, value in OFF.items() if key in takes}
    if name in ("googlenet", "inception_v3"):  # of these the switches are keywords of the class
        options = {"aux_logits": False, "init_weights": False}
    return builder(weights=None, **options)
