"""Torchvision's classifiers and segmenters by their own names (`torchvision:resnet18`), with new weights: no
download."""

import warnings
from collections import OrderedDict

import torchvision
from torch import Tensor, nn
from torchvision.models import segmentation

from pruning.models.torchvision_index import SEGMENTERS
from pruning.models.torchvision_options import parted

WITH_SIDE_CLASSIFIERS = ("googlenet", "inception_v3")  # left off: they act while training only


class FCN(segmentation.FCN):
    """Answers the masks' logits, [N, K, H, W], where torchvision's answers a dict that has them as `out`."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)["out"]


class DeepLabV3(segmentation.DeepLabV3):
    """As FCN."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)["out"]


class LRASPP(segmentation.LRASPP):
    """As FCN."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)["out"]


ANSWERING_OUT = {segmentation.FCN: FCN, segmentation.DeepLabV3: DeepLabV3, segmentation.LRASPP: LRASPP}


def build(name: str, classes: int) -> nn.Module:
    """name: with or without `torchvision:` before it and options behind it."""
    network, options = parted(name)
    version = options.pop("version", None)
    if network in WITH_SIDE_CLASSIFIERS:
        options |= {"aux_logits": False, "init_weights": True}
    if network in SEGMENTERS:
        options |= {"weights_backbone": None} | ({} if network.startswith("lraspp") else {"aux_loss": False})
    model = torchvision.models.get_model(network, weights=None, num_classes=classes, **options)
    if network in SEGMENTERS:  # torchvision's builders name the classes; their parts are kept as they are
        model.__class__ = ANSWERING_OUT[type(model)]
    if version == 1:
        make_first_version(model)
    return model


def make_first_version(model: nn.Module) -> None:
    """Gives an MNASNet the first layers that its first version had; torchvision makes them itself where it
    is told that a state dict is of that version."""
    nothing = OrderedDict()
    nothing._metadata = {"": {"version": 1}}  # type: ignore[attr-defined] # where torch looks for it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it advises to train a newer one
        model.load_state_dict(nothing, strict=False)
