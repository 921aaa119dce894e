"""Torchvision's classifiers by their own names (`torchvision:resnet18`), with new weights: no download."""

import torchvision
from torch import nn

from pruning.models.torchvision_index import FINGERPRINTS
from pruning.wording import choose

WITH_SIDE_CLASSIFIERS = ("googlenet", "inception_v3")  # left off: they act while training only


def build(name: str, classes: int) -> nn.Module:
    options = {"aux_logits": False, "init_weights": True} if name in WITH_SIDE_CLASSIFIERS else {}
    return torchvision.models.get_model(
        choose(name, FINGERPRINTS, "torchvision model"), weights=None, num_classes=classes, **options
    )
